"""How the GraphQL API renders an error that ends a request before an operation runs."""

from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.errors import ErrorSpec, describe
from gateway.graphql.request import response_type
from gateway.http_headers import error_response


class GraphQLErrors:
    """Renders exceptions; with `always_200`, errors with 8xxx codes have the status 200, as over REST."""

    def __init__(self, *, always_200: bool) -> None:
        self._always_200 = always_200

    async def refusal(self, request: Request, error: Exception) -> Response:
        """`{"errors": [{"message", "extensions": {"code", "errorCode", "reason"}}]}`."""
        spec = describe(error)
        return error_response(
            request,
            error,
            spec,
            {"errors": [{"message": spec.message, "extensions": extensions(spec)}]},
            always_200=self._always_200,
            media_type=f"{response_type(request.headers) or json_format.MEDIA_TYPE}; charset=utf-8",
        )


def extensions(spec: ErrorSpec) -> dict[str, object]:
    """The extensions of an error; most errors have no reason."""
    reason = {"reason": spec.reason} if spec.reason else {}
    return {"code": spec.graphql_code, "errorCode": spec.code, **reason}
