"""How the REST API renders an error: in the original API's shape; the token endpoint has its own shape."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import ErrorSpec, describe, status_phrase
from gateway.http_headers import error_response
from loaders.errors import DeadlineExceeded


class RestErrors:
    """Exception handlers; with `always_200`, the original API's habit, an 8xxx code has status 200."""

    def __init__(self, *, always_200: bool) -> None:
        self._always_200 = always_200

    async def summary(self, request: Request, error: Exception) -> Response:
        """`{"errors": [{"status": false, "code", "message"}]}`; of other errors only the status's phrase."""
        spec = describe(error)
        if isinstance(error, HTTPException):
            spec = spec._replace(message=status_phrase(spec.status))
        return self._respond(request, error, spec, _summary_body(spec))

    async def event(self, request: Request, error: Exception) -> Response:
        """The same shape, with a message that says what is wrong with the event."""
        error = _without_promotion_data(error)
        spec = describe(error)
        return self._respond(request, error, spec, _summary_body(spec))

    async def token(self, request: Request, error: Exception) -> Response:
        """`{"data": null, "errors": [{"code", "message", "reason"}]}`; most errors have no reason."""
        error = _without_promotion_data(error)
        spec = describe(error)
        reason = {"reason": spec.reason} if spec.reason else {}
        shown = {"code": spec.code, "message": spec.message, **reason}
        return self._respond(request, error, spec, {"data": None, "errors": [shown]})

    def _respond(
        self, request: Request, error: Exception, spec: ErrorSpec, body: dict[str, object]
    ) -> Response:
        return error_response(request, error, spec, body, always_200=self._always_200)


def _summary_body(spec: ErrorSpec) -> dict[str, object]:
    return {"errors": [{"status": False, "code": spec.code, "message": spec.message}]}


def _without_promotion_data(error: Exception) -> Exception:
    # Code 8105 says that promotion data could not be read, and these endpoints read none.
    if isinstance(error, DeadlineExceeded):
        return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "The deadline passed.")
    return error
