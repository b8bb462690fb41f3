"""HTTP headers that several packages share: caching, Content-Security-Policy, media types, errors."""

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.errors import ErrorSpec

Endpoint = Callable[[Request], Awaitable[Response]]

_RETRY_AFTER_SECONDS = {429: 60, 503: 1}
# The rest of the body is not read, so the connection cannot be used again.
_UNREAD_BODY = {408, 413}


def content_security_policy(**sources: str) -> str:
    """A policy that allows only these sources (`script_src="'self'"`), and no page to frame ours."""
    nothing = dict.fromkeys(("default_src", "base_uri", "form_action", "frame_ancestors"), "'none'")
    directives = {**nothing, **sources}
    return "; ".join(f"{name.replace('_', '-')} {value}" for name, value in directives.items())


def public_document(body: bytes, media_type: str = json_format.MEDIA_TYPE) -> Endpoint:
    """The endpoint of a public document, which has an ETag and can be cached for five minutes."""
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"Cache-Control": "public, max-age=300", "ETag": tag}

    async def respond(request: Request) -> Response:
        # The quotes are part of the tag, so a header contains it only as a whole item, weak or strong.
        if any(tag in given or given == "*" for given in request.headers.getlist("if-none-match")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return respond


def error_response(
    request: Request,
    error: Exception,
    spec: ErrorSpec,
    body: object,
    media_type: str = json_format.MEDIA_TYPE,
) -> Response:
    """The response to a request that ended in `error`, with the headers that `spec` asks for."""
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if spec.status in _RETRY_AFTER_SECONDS:
        headers["Retry-After"] = str(_RETRY_AFTER_SECONDS[spec.status])
    if spec.status in _UNREAD_BODY:
        headers["Connection"] = "close"
    # The original API answers an 8xxx code with status 200.
    always_200 = 8000 <= spec.code <= 8999 and request.app.state.rest_status == "legacy"
    status = HTTPStatus.OK if always_200 else spec.status
    response = Response(json_format.encode(body), status, headers, media_type)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers.append("WWW-Authenticate", 'Bearer realm="promo-gateway"')
        # A browser answers a Basic challenge with a password box, and would send the password, not its MD5.
        if "sec-fetch-mode" not in request.headers:
            response.headers.append("WWW-Authenticate", 'Basic realm="promo-gateway", charset="UTF-8"')
    return response


def require_json(request: Request) -> None:
    """Raises 415 unless the body is plain JSON: a page can send other types without a preflight."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != json_format.MEDIA_TYPE:
        raise HTTPException(415, f"A POST to {request.url.path} takes {json_format.MEDIA_TYPE}.")
    encodings = ",".join(request.headers.getlist("content-encoding")).lower().split(",")
    if any(encoding.strip() not in ("", "identity") for encoding in encodings):
        raise HTTPException(415, "The body must not be compressed.", {"Accept-Encoding": "identity"})
