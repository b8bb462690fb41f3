"""The gateway's own tokens: RS256 JWTs with the claims that the API documents.

The first signing key signs and all of them verify, so keys rotate without downtime: add the new key after
the old one everywhere, then put the new key first, then remove the old one.
"""

import os
import time
import uuid
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from gateway import OperatorError
from gateway.auth.callers import Caller
from gateway.errors import TokenExpired, Unauthenticated
from loaders.clients import Client, find_account, find_client
from loaders.enums import ClientKind
from loaders.store import Store

ISSUER = "promo-gateway"
ALGORITHM = "RS256"
# Two machines' clocks may differ by this much.
LEEWAY_SECONDS = 5
CUSTOMER_TOKEN_SECONDS = 900
# The year 9999.
LATEST_END = 253_370_764_800

TOKEN_FORM = "The token is not a whole JWT of three parts with dots between them. It may have been cut short."

# In bytes, by the beginning of the algorithm's name.
_SHORTEST_SIGNATURES = {"RS": 256, "PS": 256, "ES": 64, "Ed": 64}
_REQUIRED = ["iss", "exp", "iat", "jti", "sub", "client_id", "org_id", "token_use"]


class SigningKey:
    """An RSA private key, and the id by which its tokens name it."""

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        self.private = private
        self.public = private.public_key()
        encoded = self.public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.id = sha256(encoded).hexdigest()[:32]

    @classmethod
    def read(cls, path: Path) -> "SigningKey":
        """The key in a PEM file; raises `OperatorError`."""
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise OperatorError(f"{path} cannot be read as a PEM private key.") from error
        if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < 2048:
            raise OperatorError(f"{path} is not an RSA key of at least 2048 bits.")
        return cls(private)

    @staticmethod
    def write_new(path: Path) -> None:
        """Write a new key that only its owner can read; raises `OSError`, also if the file exists."""
        pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)


class Tokens:
    """Issues tokens and checks them; without keys it can do neither."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self.signing_key = keys[0] if keys else None

    def public_keys(self) -> list[dict[str, Any]]:
        """The public halves, as JSON Web Keys."""
        return [
            {**RSAAlgorithm.to_jwk(key.public, as_dict=True), "kid": key.id, "use": "sig", "alg": ALGORITHM}
            for key in self._keys.values()
        ]

    def issue(self, client: Client, customer_id: int | None) -> tuple[str, int]:
        """A token for the client, or for one customer of its organisation; and its life in seconds."""
        assert self.signing_key is not None, "only a gateway with keys issues tokens"
        account, now = client.account, int(time.time())
        ttl = account.ttl_seconds
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "sub": account.name,
            "client_id": account.id,
            "org_id": account.organization_id,
            "token_use": "access",
            "generation": account.generation,
        }
        if customer_id is not None:
            ttl = min(ttl, CUSTOMER_TOKEN_SECONDS)
            claims |= {"token_use": "customer", "customer_id": customer_id}
        claims["exp"] = now + ttl
        headers = {"kid": self.signing_key.id}
        return jwt.encode(claims, self.signing_key.private, ALGORITHM, headers=headers), ttl

    async def check(self, store: Store, token: "UnverifiedToken") -> Caller:
        """The caller that the token names; raises `Unauthenticated`, `TokenExpired` or `StoreUnavailable`."""
        if (key := self._keys.get(token.key_id)) is None:
            raise Unauthenticated
        claims = verified_claims(token, key.public, [ALGORITHM], issuer=ISSUER, required=_REQUIRED)
        account = await find_account(store, claims["client_id"])
        client = None if account is None else await find_client(store, account)
        if (
            client is None
            or client.account.kind is not ClientKind.OAUTH
            or client.account.generation != claims.get("generation")
            or client.organization.id != claims["org_id"]
        ):
            raise Unauthenticated
        customer_id = None
        if claims["token_use"] != "access":
            customer_id = claims.get("customer_id")
            if claims["token_use"] != "customer" or not isinstance(customer_id, int):
                raise Unauthenticated
        return Caller.of_token(client.account.id, client.organization, client.rights, customer_id, token.end)


class UnverifiedToken(NamedTuple):
    """A token of the correct form, with the key and issuer that it names, and its end in epoch seconds."""

    text: str
    key_id: str
    issuer: object
    end: float

    @classmethod
    def read(cls, text: str) -> "UnverifiedToken":
        """The token in this text; raises `Unauthenticated`, with a reason if its form is wrong."""
        try:
            parts = jwt.decode_complete(text, options={"verify_signature": False})
        except jwt.DecodeError as error:
            raise Unauthenticated(TOKEN_FORM) from error
        except jwt.InvalidTokenError as error:
            raise Unauthenticated from error
        header, claims, signature = parts["header"], parts["payload"], parts["signature"]
        if len(signature) < _SHORTEST_SIGNATURES.get(str(header.get("alg"))[:2], 1):
            raise Unauthenticated(TOKEN_FORM)
        if "kid" not in header:
            raise Unauthenticated("The header of the token has no kid, which names the key that signed it.")
        # PyJWT accepts any end that `int` accepts.
        end = claims.get("exp")
        if isinstance(end, bool) or not isinstance(end, int | float) or not 0 <= end <= LATEST_END:
            raise Unauthenticated
        return cls(text, header["kid"], claims.get("iss"), end)


def verified_claims(
    token: UnverifiedToken,
    key: Any,
    algorithms: Sequence[str],
    *,
    issuer: str,
    required: list[str],
    audience: str | None = None,
) -> dict[str, Any]:
    """The claims of a token that `key` signed and that is valid now; raises `Unauthenticated`."""
    try:
        return jwt.decode(
            token.text,
            key,
            algorithms,
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY_SECONDS,
            options={"require": required},
        )
    except jwt.ExpiredSignatureError as error:
        # PyJWT checks the signature before the end.
        raise TokenExpired(token.end) from error
    except jwt.InvalidTokenError as error:
        raise Unauthenticated from error
