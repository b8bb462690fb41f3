"""GraphQL over HTTP: Strawberry's view with our callers, our JSON and our errors."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from cross_web import AsyncHTTPRequestAdapter
from cross_web import HTTPException as StrawberryHTTPException
from graphql import GraphQLError, GraphQLSyntaxError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.http import GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from gateway import codec
from gateway.errors import shown
from resolvers.context import Context
from resolvers.messages import without_input


class GraphQLEndpoint(GraphQL[Context, None]):
    """POST and GET `/graphql`. `enter` checks the caller and opens the context of its request."""

    def __init__(self, schema: BaseSchema, enter: Callable[[Request], Awaitable[Context]]) -> None:
        super().__init__(schema, subscription_protocols=())
        self._enter = enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if _wants_page(request):
            response: Response = HTMLResponse(self.graphql_ide_html)
        else:
            try:
                response = await self.run(request)
            except StrawberryHTTPException as error:
                reason = error.reason
                if isinstance(error.__cause__, CannotGetOperationTypeError):
                    reason = "operationName must name an operation of the document."
                raise HTTPException(error.status_code, reason) from error
        await response(scope, receive, send)

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        # `__call__` has sent the page already, to those who want one: it needs no credentials.
        return False

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        assert isinstance(request, Request), "the route takes HTTP only"
        return await self._enter(request)

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            data: Any = dict(request.query_params)
            for name in ("variables", "extensions"):
                data[name] = _decode(data[name], name) if data.get(name) else None
        elif (request.content_type or "").partition(";")[0].strip().lower() == codec.MEDIA_TYPE:
            data = _decode(await request.get_body(), "the body")
        else:
            raise HTTPException(415, "A POST to /graphql takes application/json.")
        if not isinstance(data, dict):
            raise HTTPException(400, f"The body must be an object, not {_json_kind(data)}.")
        for name, kind in (("query", str), ("operationName", str), ("variables", dict), ("extensions", dict)):
            if not isinstance(data.get(name), kind | None):
                expected = "a string" if kind is str else "an object"
                raise HTTPException(400, f"{name} must be {expected}, not {_json_kind(data[name])}.")
        if not data.get("query"):
            raise HTTPException(400, "query is missing.")
        return GraphQLRequestData(
            query=data["query"],
            variables=data.get("variables"),
            operation_name=data.get("operationName") or None,
            extensions=data.get("extensions"),
        )

    async def execute_single(
        self,
        request: Request,
        request_adapter: AsyncHTTPRequestAdapter,
        sub_response: Response,
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        result = await super().execute_single(
            request, request_adapter, sub_response, context, root_value, request_data
        )
        if result.errors:
            refused_as = (
                "GRAPHQL_VALIDATION_FAILED" if isinstance(result, PreExecutionError) else "BAD_USER_INPUT"
            )
            variables = request_data.variables or {}
            result.errors = [_shown(error, refused_as, variables) for error in result.errors]
        return result

    def encode_json(self, data: object) -> bytes:
        return codec.encode(data)


def _wants_page(request: Request) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def _decode(text: str | bytes, what: str) -> object:
    try:
        return codec.decode(text)
    except codec.NotJSON as error:
        raise HTTPException(400, f"{what} is not valid JSON.") from error


def _json_kind(value: object) -> str:
    kinds = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def _shown(error: GraphQLError, refused_as: str, variables: Mapping[str, object]) -> GraphQLError:
    """`error` as the caller may see it; `refused_as` is the code where graphql-core itself raised it."""
    # An error that graphql-core raised itself has either no original error, or again one of its own.
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        known = shown(error.original_error)
        message, code, error_code = known.message, known.graphql_code, known.code
    else:
        message, error_code = without_input(error, variables), 400
        code = "GRAPHQL_PARSE_FAILED" if isinstance(error, GraphQLSyntaxError) else refused_as
    return GraphQLError(
        message,
        error.nodes,
        error.source,
        error.positions,
        error.path,
        extensions={"code": code, "errorCode": error_code},
    )
