"""What answers say to browsers and caches: who may read them, what a page may load, how long they are kept.

No cookie is read or set, and credentials come in headers that a browser never adds by itself, so a page of
another site can do nothing here that a stranger could not. Strict-Transport-Security is the business of
whoever ends TLS.
"""

import hashlib
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import codec
from gateway.auth.headers import TOKEN_HEADER
from gateway.telemetry import REQUEST_ID

# Beside the credentials and the type of a body, what a page may send of its own accord.
_REQUEST_HEADERS = (REQUEST_ID, "X-CAP-COST", "X-CAP-DEADLINE-MS", "If-None-Match", "traceparent")
# Browsers themselves remember a preflight no longer than two hours.
PREFLIGHT_SECONDS = 7200


def content_security_policy(**sources: str) -> str:
    """A policy that allows nothing but these sources (`script_src="'self'"`), and no page to frame ours."""
    directives = {
        "default_src": "'none'",
        "base_uri": "'none'",
        "form_action": "'none'",
        "frame_ancestors": "'none'",
        **sources,
    }
    return "; ".join(f"{name.replace('_', '-')} {value}" for name, value in directives.items())


_DEFAULTS = [
    (b"x-content-type-options", b"nosniff"),
    # The REST call's URL names a customer.
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", content_security_policy().encode()),
    (b"cache-control", b"no-store"),
]


class AnswerHeaders:
    """Middleware that gives every answer the headers of `_DEFAULTS` that it does not have already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_defaults(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                there = {name for name, _ in headers}
                headers += [header for header in _DEFAULTS if header[0] not in there]
            await send(message)

        await self._app(scope, receive, send_with_defaults)


def cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """Middleware that lets pages of these origins call with their own credentials; none for none."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", TOKEN_HEADER, *_REQUEST_HEADERS],
            expose_headers=["ETag", "Retry-After", "WWW-Authenticate", REQUEST_ID],
            max_age=PREFLIGHT_SECONDS,
        )
    ]


def cacheable(request: Request, body: bytes, media_type: str = codec.MEDIA_TYPE) -> Response:
    """A good answer to a GET, which its reader may keep; each time it has to ask whether that still holds."""
    # A strong tag belongs to one representation, and the same body of another type is another one.
    digest = hashlib.blake2b(media_type.encode() + body, digest_size=16)
    tag = f'"{digest.hexdigest()}"'
    headers = {
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "Vary": f"Authorization, {TOKEN_HEADER}, Accept",
    }
    # With its quotes, our tag is part of a list only where it is an item of it, weak or strong.
    if any(tag in given or given == "*" for given in request.headers.getlist("if-none-match")):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def require_json(request: Request) -> None:
    """Refuse a body of any other type: those a page of another site could send without a preflight."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != codec.MEDIA_TYPE:
        raise HTTPException(415, f"A POST to {request.url.path} takes {codec.MEDIA_TYPE}.")
