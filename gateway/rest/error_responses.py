"""How the REST API renders an error: in the original API's shape; the token endpoint has its own shape."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import ErrorSpec, describe, status_phrase
from gateway.http_headers import error_response
from loaders.errors import DeadlineExceeded


async def summary_error(request: Request, error: Exception) -> Response:
    """`{"errors": [{"status": false, "code", "message"}]}`; of other errors only the status's phrase."""
    spec = describe(error)
    if isinstance(error, HTTPException):
        spec = spec._replace(message=status_phrase(spec.status))
    return error_response(request, error, spec, _summary_body(spec))


async def event_error(request: Request, error: Exception) -> Response:
    """The same shape, with a message that says what is wrong with the event."""
    spec = _describe_without_promotion_data(error)
    return error_response(request, error, spec, _summary_body(spec))


async def token_error(request: Request, error: Exception) -> Response:
    """`{"data": null, "errors": [{"code", "message", "reason"}]}`; most errors have no reason."""
    spec = _describe_without_promotion_data(error)
    reason = {"reason": spec.reason} if spec.reason else {}
    body = {"data": None, "errors": [{"code": spec.code, "message": spec.message, **reason}]}
    return error_response(request, error, spec, body)


def _summary_body(spec: ErrorSpec) -> dict[str, object]:
    return {"errors": [{"status": False, "code": spec.code, "message": spec.message}]}


def _describe_without_promotion_data(error: Exception) -> ErrorSpec:
    # Code 8105 says that promotion data could not be read, and these endpoints read none.
    if isinstance(error, DeadlineExceeded):
        return describe(HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "The deadline passed."))
    return describe(error)
