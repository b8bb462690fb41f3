"""GraphQL over HTTP: a request's parameters, an operation of the schema, an answer with our errors."""

from collections.abc import Awaitable, Callable, Mapping
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
from gateway.graphql.operations import AD_HOC, Operation, Operations
from gateway.graphql.persisted_documents import PersistedDocuments
from gateway.graphql.redaction import without_input
from gateway.graphql.request import ANSWER_TYPES, GraphQLRequest, answer_type, read
from gateway.telemetry.request_log import current_request_log, note_error
from resolvers.context import Context

GRAPHQL_PATH = "/graphql"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
ASKS_COST = (b"x-cap-cost", b"1")


class GraphQLEndpoint:
    """POST and GET `/graphql`. `enter` checks the caller and opens the context of its request.

    A browser that comes without an operation gets `page`; where there is none, what everybody gets.
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

    async def answer(self, request: Request) -> Response:
        """Answer a request; what is not a GraphQL request at all is an exception of `gateway.errors`."""
        if self._page is not None and _wants_page(request):
            return self._page(request)
        if request.method == "HEAD":
            raise HTTPException(405, headers={"Allow": "GET, POST"})
        context = await self._enter(request)
        current_request_log().operation = AD_HOC
        media_type = answer_type(request.headers)
        if media_type is None:
            raise HTTPException(406, f"The answer can be {' or '.join(ANSWER_TYPES)}.")
        content_type = f"{media_type}; charset=utf-8"
        try:
            body = await self._execute(await read(request), request, context)
        except PersistedQueryNotFound as error:
            # To Apollo's clients this is no failure: they read it from a 200, and send the document.
            return Response(json_format.encode(_refused(error)), media_type=content_type)
        except (LimitExceeded, OperationUnknown, DocumentNotTrusted) as error:
            body = _refused(error)
        content = json_format.encode(body)
        # In the older type, only the body says what came of a request; the status, that it was one.
        failed = "data" not in body and media_type != json_format.MEDIA_TYPE
        return Response(content, 400 if failed else 200, media_type=content_type)

    async def _execute(self, asked: GraphQLRequest, request: Request, context: Context) -> dict[str, Any]:
        try:
            operation = self._persisted.prepare(asked)
        except GraphQLSyntaxError as error:
            return _answer(ExecutionResult(None, [error]), PARSE_FAILED)
        current_request_log().operation = operation.label
        if request.method == "GET" and not operation.is_query:
            raise HTTPException(405, "A GET to /graphql takes queries only.", {"Allow": "POST"})
        if operation.errors:
            return _answer(ExecutionResult(None, operation.errors), VALIDATION_FAILED)
        result = await self._operations.execute(operation, asked.variables, context)
        body = _answer(result, BAD_USER_INPUT, asked.variables)
        if ASKS_COST in request.headers.raw:
            body["extensions"] = {"cost": self._cost(operation, asked, context)}
        return body

    def _cost(self, operation: Operation, asked: GraphQLRequest, context: Context) -> dict[str, Any]:
        return {
            "summaries": self._operations.summaries(operation, asked.variables),
            "commands": context.loaders.commands,
        }


def _wants_page(request: Request) -> bool:
    return (
        request.method in ("GET", "HEAD")
        and request.query_params.keys().isdisjoint(("query", "documentId", "extensions"))
        and "text/html" in request.headers.get("accept", "")
    )


def _refused(error: Exception) -> dict[str, Any]:
    return _answer(ExecutionResult(None, [GraphQLError("", original_error=error)]), "")


def _answer(
    result: ExecutionResult, refused_as: str, variables: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """The body, without data where nothing was executed.

    `refused_as` is the code of errors that graphql-core itself raised; it looked at `variables` only where
    they are given.
    """
    if not result.errors:
        return {"data": result.data}
    errors = [_shown(error, refused_as, variables) for error in result.errors]
    return {"errors": errors} if result.data is None else {"data": result.data, "errors": errors}


def _shown(error: GraphQLError, refused_as: str, variables: Mapping[str, object] | None) -> dict[str, Any]:
    """`error` as the caller may see it."""
    # An error that graphql-core raised itself has either no original error, or again one of its own.
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        known = describe(error.original_error)
        message, code, error_code = known.message, known.graphql_code, known.code
    else:
        message, code, error_code = without_input(error, variables), refused_as, 400
        note_error(error_code)
    formatted: dict[str, Any] = {**error.formatted, "message": message}
    return {**formatted, "extensions": {"code": code, "errorCode": error_code}}
