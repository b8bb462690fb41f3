"""How the GraphQL API renders an error that ends a request before an operation runs.

With `always_200`, errors with 8xxx codes have the status 200, as over REST.
"""

from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.errors import ErrorSpec, describe
from gateway.graphql.request import response_type
from gateway.http_headers import error_response


async def graphql_error(request: Request, error: Exception, *, always_200: bool) -> Response:
    """`{"errors": [{"message", "extensions": {"code", "errorCode", "reason"}}]}`."""
    spec = describe(error)
    body = {"errors": [{"message": spec.message, "extensions": extensions(spec)}]}
    media_type = f"{response_type(request.headers) or json_format.MEDIA_TYPE}; charset=utf-8"
    return error_response(request, error, spec, body, always_200=always_200, media_type=media_type)


def extensions(spec: ErrorSpec) -> dict[str, object]:
    """The extensions of an error; most errors have no reason."""
    reason = {"reason": spec.reason} if spec.reason else {}
    return {"code": spec.graphql_code, "errorCode": spec.code, **reason}
