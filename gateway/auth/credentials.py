"""Where credentials travel: `Authorization: Basic`, `Authorization: Bearer`, `X-CAP-API-OAUTH-TOKEN`.

By the vendor's convention a till sends the MD5 hex of its password in the place of the password.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field

from starlette.datastructures import Headers

from gateway.errors import Unauthenticated
from loaders.enums import LONGEST_CLIENT_ID

TOKEN_HEADER = "X-CAP-API-OAUTH-TOKEN"

_MD5_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Basic:
    """A till's name and the MD5 hex it sent, in lower case."""

    till: str
    md5_hex: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A JWT, as it came."""

    text: str = field(repr=False)


def read_credentials(headers: Headers) -> Basic | Token:
    """The one credential of a request; raises `Unauthenticated` if there is none, or two different ones."""
    sent = {_read_authorization(value) for value in headers.getlist("authorization")}
    sent |= {Token(value.strip()) for value in headers.getlist(TOKEN_HEADER)}
    if len(sent) != 1:
        raise Unauthenticated
    return sent.pop()


def md5_hex(password: str) -> str:
    """What a till sends for `password`; an MD5 hex stands for itself, whatever its case."""
    if _MD5_HEX.fullmatch(password):
        return password.lower()
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def _read_authorization(value: str) -> Basic | Token:
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "bearer":
        return Token(rest.strip())
    if scheme.lower() != "basic":
        raise Unauthenticated
    try:
        decoded = base64.b64decode(rest.strip(), validate=True).decode()
    except ValueError as error:
        raise Unauthenticated from error
    till, _, secret = decoded.partition(":")
    if not 0 < len(till) <= LONGEST_CLIENT_ID or not _MD5_HEX.fullmatch(secret):
        raise Unauthenticated
    return Basic(till, secret.lower())


def authorization(till: str, password: str) -> str:
    """The `Authorization` header that this till sends."""
    return "Basic " + base64.b64encode(f"{till}:{md5_hex(password)}".encode()).decode()
