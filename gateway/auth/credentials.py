"""Where credentials travel: `Authorization: Basic`, `Authorization: Bearer`, `X-CAP-API-OAUTH-TOKEN`.

By the vendor's convention, a POS client sends the MD5 hex of its password in place of the password.
"""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field

import msgspec
from starlette.datastructures import Headers

from gateway.errors import Unauthenticated
from loaders.enums import LONGEST_CLIENT_ID

TOKEN_HEADER = "X-CAP-API-OAUTH-TOKEN"

NO_CREDENTIALS = (
    f"The request has no credentials. Send Authorization: Basic, Authorization: Bearer or {TOKEN_HEADER}."
)
BASIC_MD5 = "The secret in Basic credentials is the MD5 of the password in 32 hex digits, not the password."

_FINGERPRINT_KEY = secrets.token_bytes(32)
_MD5_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Basic:
    """The name of a POS client and the MD5 hex that it sent, in lower case."""

    name: str
    md5_hex: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A JWT, as the client sent it."""

    text: str = field(repr=False)


def read_credentials(headers: Headers) -> Basic | Token:
    """The credentials of a request; raises `Unauthenticated` if there are none, or different ones."""
    sent = {_read_authorization(value) for value in headers.getlist("authorization")}
    sent |= {Token(value.strip()) for value in headers.getlist(TOKEN_HEADER)}
    if not sent:
        raise Unauthenticated(NO_CREDENTIALS)
    if len(sent) > 1:
        raise Unauthenticated("The request has credentials that differ. Send only one of them.")
    return sent.pop()


def md5_hex(password: str) -> str:
    """The MD5 hex that a POS client sends in place of `password`; an MD5 hex stays one, in lower case."""
    if _MD5_HEX.fullmatch(password):
        return password.lower()
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def authorization(name: str, password: str) -> str:
    """The `Authorization` header that a POS client sends."""
    return "Basic " + base64.b64encode(f"{name}:{md5_hex(password)}".encode()).decode()


def fingerprint(*texts: str) -> bytes:
    """A hash of a fixed length, under which secrets are remembered; it means nothing outside this process."""
    return hashlib.blake2b(msgspec.msgpack.encode(texts), key=_FINGERPRINT_KEY, digest_size=32).digest()


def _read_authorization(value: str) -> Basic | Token:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return Token(rest.strip())
    if scheme.lower() != "basic":
        raise Unauthenticated("The Authorization header must begin with Basic or Bearer.")
    try:
        name, secret = base64.b64decode(rest.strip(), validate=True).decode().split(":", 1)
    except ValueError as error:
        raise Unauthenticated("Basic is followed by the base64 of NAME:MD5, in UTF-8.") from error
    if not 0 < len(name) <= LONGEST_CLIENT_ID:
        raise Unauthenticated(f"The name in Basic credentials must have 1 to {LONGEST_CLIENT_ID} characters.")
    if not _MD5_HEX.fullmatch(secret):
        raise Unauthenticated(BASIC_MD5)
    return Basic(name, secret.lower())
