"""`/graphql`: reads a request, executes its operation and writes the response."""

from collections.abc import Awaitable, Callable
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSyntaxError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.errors import (
    DocumentNotTrusted,
    LimitExceeded,
    OperationUnknown,
    PersistedQueryNotFound,
    describe,
)
from gateway.graphql.errors import extensions
from gateway.graphql.operations import Operations
from gateway.graphql.persisted_documents import PersistedDocuments
from gateway.graphql.request import RESPONSE_TYPES, GraphQLRequest, read, response_type
from gateway.telemetry.request_log import AD_HOC, current_request_log, note_error
from resolvers.context import Context

GRAPHQL_PATH = "/graphql"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"


class GraphQLEndpoint:
    """POST and GET `/graphql`. `enter` authenticates the caller and returns the context of the request.

    A browser that opens the URL without an operation gets `page`, if there is one.
    """

    def __init__(
        self,
        operations: Operations,
        persisted: PersistedDocuments,
        enter: Callable[[Request], Awaitable[Context]],
        page: Callable[[Request], Response] | None,
    ) -> None:
        self._operations = operations
        self._persisted = persisted
        self._enter = enter
        self._page = page

    async def respond(self, request: Request) -> Response:
        """Respond to a request; raises an exception for one that is not a GraphQL request."""
        if self._page is not None and _wants_page(request):
            return self._page(request)
        if request.method == "HEAD":
            raise HTTPException(405, headers={"Allow": "GET, POST"})
        context = await self._enter(request)
        current_request_log().operation = AD_HOC
        media_type = response_type(request.headers)
        if media_type is None:
            raise HTTPException(406, f"The response can be {' or '.join(RESPONSE_TYPES)}.")
        status = 400
        try:
            body = await self._execute(request, await read(request), context)
        except PersistedQueryNotFound as error:
            # Apollo's clients read it from a response with status 200, and send the document.
            body, status = _request_error(error), 200
        except (LimitExceeded, OperationUnknown, DocumentNotTrusted) as error:
            body = _request_error(error)
        if "data" in body or media_type == json_format.MEDIA_TYPE:
            status = 200
        return Response(json_format.encode(body), status, media_type=f"{media_type}; charset=utf-8")

    async def _execute(
        self, request: Request, parameters: GraphQLRequest, context: Context
    ) -> dict[str, Any]:
        try:
            operation = self._persisted.prepare(parameters)
        except GraphQLSyntaxError as error:
            return _body(ExecutionResult(None, [error]), PARSE_FAILED)
        request_log = current_request_log()
        request_log.operation = operation.label
        request_log.operation_type = operation.definition.operation.value
        if request.method == "GET" and not operation.is_query:
            raise HTTPException(405, "A GET to /graphql takes queries only.", {"Allow": "POST"})
        if operation.errors:
            return _body(ExecutionResult(None, operation.errors), VALIDATION_FAILED)
        body = _body(await self._operations.execute(operation, parameters.variables, context), BAD_USER_INPUT)
        if request.headers.get("x-cap-cost") == "1":
            summaries = self._operations.count_summaries(operation, parameters.variables)
            body["extensions"] = {"cost": {"summaries": summaries, "commands": context.loaders.commands}}
        return body


def _wants_page(request: Request) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and request.query_params.keys().isdisjoint(("query", "documentId", "extensions"))
        and "text/html" in request.headers.get("accept", "")
    )


def _request_error(error: Exception) -> dict[str, Any]:
    return _body(ExecutionResult(None, [GraphQLError("", original_error=error)]), "")


def _body(result: ExecutionResult, code: str) -> dict[str, Any]:
    """The body of a response, without data if nothing was executed.

    `code` is the code of errors that graphql-core itself raised.
    """
    if not result.errors:
        return {"data": result.data}
    errors = [_error(error, code) for error in result.errors]
    return {"errors": errors} if result.data is None else {"data": result.data, "errors": errors}


def _error(error: GraphQLError, code: str) -> dict[str, Any]:
    # An error that graphql-core raised has no original error, or one that it raised itself.
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        note_error(400)
        return {**error.formatted, "extensions": {"code": code, "errorCode": 400}}
    spec = describe(error.original_error)
    return {**error.formatted, "message": spec.message, "extensions": extensions(spec)}
