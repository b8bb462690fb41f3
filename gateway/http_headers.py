"""What answers say to browsers and caches: who may read them, what a page may load, how long they are kept.

No cookie is read or set, and credentials come in headers that a browser never adds by itself, so a page of
another site can do nothing here that a stranger could not. Strict-Transport-Security is the business of
whoever ends TLS.
"""

import hashlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.auth.credentials import TOKEN_HEADER


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


def cacheable(request: Request, body: bytes, media_type: str = json_format.MEDIA_TYPE) -> Response:
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
    if media_type != json_format.MEDIA_TYPE:
        raise HTTPException(415, f"A POST to {request.url.path} takes {json_format.MEDIA_TYPE}.")
