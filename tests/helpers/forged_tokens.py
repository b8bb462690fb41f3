"""Tokens that look like the gateway's own and that the gateway must refuse."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization

from gateway.auth.tokens import SigningKey
from gateway.commands.sample_data import DEMO, OAUTH_KEY
from tests.helpers.issuer import rsa_key


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Forge:
    """Makes tokens with one of the gateway's signing keys."""

    def __init__(self, path: Path) -> None:
        self.key = SigningKey.read(path)
        self.public_pem = self.key.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a valid token; a change to None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": "promo-gateway",
            "iat": now,
            "exp": now + 3600,
            "jti": "1",
            "sub": "Demo app",
            "client_id": OAUTH_KEY,
            "org_id": DEMO.id,
            "token_use": "access",
            "generation": 1,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self, key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        headers = {"kid": self.key.id} if headers is None else headers
        return jwt.encode(self.claims(**changes), key or self.key.private, algorithm, headers)

    def unsigned(self, algorithm: str) -> str:
        """A token without a signature, or signed with the public key as an HMAC secret.

        It is made by hand, because PyJWT refuses to sign with a public key.
        """
        header = {"alg": algorithm, "kid": self.key.id, "typ": "JWT"}
        parts = [json.dumps(part).encode() for part in (header, self.claims())]
        text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        if algorithm == "none":
            return f"{text}."
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            text.encode(), self.public_pem
        )
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def changed(self, at: int) -> str:
        """A valid token with another letter at this index."""
        token = self.token()
        return token[:at] + ("A" if token[at] != "A" else "B") + token[at:][1:]


def _without(claim: str) -> Callable[[Forge], str]:
    removed: dict[str, Any] = {claim: None}
    return lambda forge: forge.token(**removed)


# Each is a well-formed token; its header, its signature or a claim is wrong.
FORGED: dict[str, Callable[[Forge], str]] = {
    "one letter changed": lambda forge: forge.changed(-30),
    "HS256 with the public key": lambda forge: forge.unsigned("HS256"),
    "RS384": lambda forge: forge.token(algorithm="RS384"),
    "PS256": lambda forge: forge.token(algorithm="PS256"),
    "another key with the kid of the gateway's key": lambda forge: forge.token(key=rsa_key("stranger")),
    "an unknown kid": lambda forge: forge.token(headers={"kid": "0" * 32}),
    "an expiry that is a string": lambda forge: forge.token(exp=str(int(time.time()) + 3600)),
    "an expiry after the year 9999": lambda forge: forge.token(exp=10**18),
    "an expiry before the year 1": lambda forge: forge.token(exp=-(10**18)),
    "another issuer": lambda forge: forge.token(iss="https://sso.example"),
    "not yet valid": lambda forge: forge.token(nbf=int(time.time()) + 3600),
    "issued in the future": lambda forge: forge.token(iat=int(time.time()) + 3600),
    "an audience": lambda forge: forge.token(aud="other"),
    "another organisation": lambda forge: forge.token(org_id=51136),
    "an organisation that is a string": lambda forge: forge.token(org_id=str(DEMO.id)),
    "an unknown client": lambda forge: forge.token(client_id="nobody"),
    "a POS client": lambda forge: forge.token(client_id="demo.till"),
    "the generation of an older secret": lambda forge: forge.token(generation=0),
    "no generation": lambda forge: forge.token(generation=None),
    "a refresh token": lambda forge: forge.token(token_use="refresh"),
    "a customer token without a customer id": lambda forge: forge.token(token_use="customer"),
    "a customer token with a string as customer id": lambda forge: forge.token(
        token_use="customer", customer_id="1"
    ),
    **{
        f"no {claim}": _without(claim)
        for claim in ("iss", "exp", "iat", "jti", "sub", "client_id", "org_id", "token_use")
    },
}
