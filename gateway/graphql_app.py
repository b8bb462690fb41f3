"""GraphQL over HTTP: a request's parameters, an operation of the schema, an answer with our errors."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from graphql import ExecutionResult, GraphQLError, GraphQLSyntaxError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from strawberry.http.ides import get_graphql_ide_html

from gateway import codec
from gateway.browsers import cacheable, content_security_policy
from gateway.errors import shown
from gateway.telemetry.entry import current, note_error
from resolvers.context import Context
from resolvers.messages import without_input
from resolvers.operations import Operations, OperationUnknown

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"

_CDN = "'unsafe-inline' https://unpkg.com"
_PAGE_POLICY = content_security_policy(
    script_src=_CDN, style_src=_CDN, font_src="data:", img_src="data:", connect_src="'self'"
)
# The name of an operation, on its line, where callers could have given it.
AD_HOC = "ad hoc"


class Asked(NamedTuple):
    """The parameters of a GraphQL request."""

    query: str
    operation_name: str | None
    variables: dict[str, Any]


class GraphQLEndpoint:
    """POST and GET `/graphql`. `enter` checks the caller and opens the context of its request."""

    def __init__(self, operations: Operations, enter: Callable[[Request], Awaitable[Context]]) -> None:
        self._operations = operations
        self._enter = enter
        self._page = get_graphql_ide_html()

    async def answer(self, request: Request) -> Response:
        """Answer a request; what cannot be executed at all is an exception of `gateway.errors`."""
        if _wants_page(request):
            return HTMLResponse(self._page, headers={"Content-Security-Policy": _PAGE_POLICY})
        if request.method == "HEAD":
            raise HTTPException(405)
        context = await self._enter(request)
        current().operation = AD_HOC
        result = await self._execute(await _read(request), request.method, context)
        body = codec.encode(result)
        if request.method == "GET" and "errors" not in result:
            return cacheable(request, body)
        return Response(body, media_type=codec.MEDIA_TYPE)

    async def _execute(self, asked: Asked, method: str, context: Context) -> dict[str, Any]:
        try:
            operation = self._operations.prepare(asked.query, asked.operation_name)
        except GraphQLSyntaxError as error:
            return _answer(ExecutionResult(None, [error]), PARSE_FAILED, asked.variables)
        except OperationUnknown as error:
            raise HTTPException(400, "operationName must name an operation of the document.") from error
        if method == "GET" and not operation.is_query:
            raise HTTPException(405, "A GET to /graphql takes queries only.", {"Allow": "POST"})
        if operation.errors:
            return _answer(ExecutionResult(None, operation.errors), VALIDATION_FAILED, asked.variables)
        result = await self._operations.execute(operation, asked.variables, context)
        return _answer(result, BAD_USER_INPUT, asked.variables)


async def _read(request: Request) -> Asked:
    if request.method == "GET":
        data: Any = dict(request.query_params)
        for name in ("variables", "extensions"):
            data[name] = _decode(data[name], name) if data.get(name) else None
    elif request.headers.get("content-type", "").partition(";")[0].strip().lower() == codec.MEDIA_TYPE:
        data = _decode(await request.body(), "the body")
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
    return Asked(data["query"], data.get("operationName") or None, data.get("variables") or {})


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


def _answer(result: ExecutionResult, refused_as: str, variables: Mapping[str, object]) -> dict[str, Any]:
    """The body; `refused_as` is the code of errors that graphql-core itself raised."""
    if not result.errors:
        return {"data": result.data}
    errors = [_shown(error, refused_as, variables) for error in result.errors]
    return {"data": result.data, "errors": errors}


def _shown(error: GraphQLError, refused_as: str, variables: Mapping[str, object]) -> dict[str, Any]:
    """`error` as the caller may see it."""
    # An error that graphql-core raised itself has either no original error, or again one of its own.
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        known = shown(error.original_error)
        message, code, error_code = known.message, known.graphql_code, known.code
    else:
        message, code, error_code = without_input(error, variables), refused_as, 400
        note_error(error_code)
    formatted: dict[str, Any] = {**error.formatted, "message": message}
    return {**formatted, "extensions": {"code": code, "errorCode": error_code}}
