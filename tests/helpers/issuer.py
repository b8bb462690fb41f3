"""An external issuer of tokens, over real HTTP and with real keys; tests can make it fail."""

import asyncio
import json
import threading
import time
from contextlib import suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.commands.sample_data import DEMO

CONFIGURATION = "/.well-known/openid-configuration"
KEYS = "/keys"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same key for the same name; a new one takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


class Issuer:
    """A single sign-on server that publishes its keys and records the paths of its requests.

    `documents` replaces the document of a path, `redirects` sends a path elsewhere, and `headers` are added
    to every response.
    """

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"rsa": rsa_key("rsa")}
        self.requests: list[str] = []
        self.broken = False
        self.documents: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self.seconds_per_byte = 0.0
        self.requested = threading.Event()
        self.responding = threading.Event()
        self.responding.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests.append(self.path)
                issuer.requested.set()
                body = issuer.document(self.path)
                issuer.responding.wait(60)
                headers = {"Content-Length": str(len(body)), **issuer.headers}
                if self.path in issuer.redirects:
                    self.send_response(302)
                    headers["Location"] = issuer.redirects[self.path]
                else:
                    self.send_response(500 if issuer.broken else 200)
                for name, value in headers.items():
                    self.send_header(name, value)
                issuer.write(self, body)

            def log_message(self, format: str, *args: object) -> None:
                """Write no log."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def key_fetches(self) -> int:
        return self.requests.count(KEYS)

    def hang(self) -> None:
        """Accept requests, and answer none of them until `responding` is set."""
        self.requested.clear()
        self.responding.clear()

    async def wait_for_request(self) -> None:
        """Wait for the first request since `hang`."""
        assert await asyncio.to_thread(self.requested.wait, 60)

    def document(self, path: str) -> bytes:
        if path in self.documents:
            return self.documents[path]
        if path == CONFIGURATION:
            return json.dumps({"issuer": self.url, "jwks_uri": self.url + KEYS}).encode()
        return key_set(*(jwk(key_id, key) for key_id, key in self.keys.items()))

    def write(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = [body]
        if self.seconds_per_byte:
            parts = [body[n : n + 1] for n in range(len(body))]
        # A client that is gone is no error: its traceback would get into the output of a later test.
        with suppress(OSError):
            handler.end_headers()
            for part in parts:
                time.sleep(self.seconds_per_byte)
                handler.wfile.write(part)

    def close(self) -> None:
        self.responding.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def token(self, key_id: str = "rsa", algorithm: str = "RS256", key: Any = None, **changes: Any) -> str:
        """A token for the demo's organisation; a change to None removes a claim."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "gateway",
            "iat": now,
            "exp": now + 3600,
            "sub": "someone@example.com",
            "org_id": DEMO.id,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.keys[key_id], algorithm, {"kid": key_id})


def jwk(key_id: str, key: Any, **changes: object) -> dict[str, object]:
    """The JSON Web Key of a key's public half."""
    to_jwk = RSAAlgorithm.to_jwk if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm.to_jwk
    return {**to_jwk(key.public_key(), as_dict=True), "kid": key_id, **changes}


def key_set(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def trusting(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    """Settings that trust the issuer to speak for the demo's organisation."""
    return {
        "oidc_issuer": issuer.url,
        "oidc_audience": "gateway",
        "oidc_orgs": frozenset({DEMO.id, 404}),
        **changes,
    }
