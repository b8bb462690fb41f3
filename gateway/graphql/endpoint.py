"""`/graphql`: reads a request, executes its operation, and renders the result or the error."""

from collections.abc import Awaitable, Callable
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSyntaxError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.errors import (
    ERRORS,
    DocumentNotTrusted,
    ErrorSpec,
    LimitExceeded,
    OperationUnknown,
    PersistedQueryNotFound,
    describe,
)
from gateway.graphql.limits import check
from gateway.graphql.operations import Operations
from gateway.graphql.persisted_documents import PersistedDocuments
from gateway.graphql.request import RESPONSE_TYPES, GraphQLRequest, read, response_type
from gateway.http_headers import Endpoint, error_response
from gateway.telemetry.current_request import AD_HOC, current_request_log, note_error
from loaders.errors import DeadlineExceeded, forget_frames
from resolvers.context import Context

GRAPHQL_PATH = "/graphql"
SCHEMA_PATH = "/schema.graphql"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
BAD_USER_INPUT = "BAD_USER_INPUT"
PARTIAL_SUCCESS = 294
# Characters. graphql-core's messages quote names of the document, which can be as long as the document.
MAX_MESSAGE = 500
# The response to the widest operation has about 100 KB. Each entry of a list repeats its keys, which can
# be long.
MAX_RESPONSE_BYTES = 2 * 1024 * 1024


async def execute_graphql(
    request: Request,
    *,
    operations: Operations,
    persisted: PersistedDocuments,
    enter: Callable[[Request], Awaitable[Context]],
    page: Endpoint | None,
) -> Response:
    """Respond to a query by POST, GET or HEAD; raises an exception for what is not a GraphQL request.

    `enter` authenticates the caller and returns the context of the request. A browser that opens the URL
    without an operation gets `page`, if there is one.
    """
    if page is not None and _wants_page(request):
        return await page(request)
    context = await enter(request)
    current_request_log().operation = AD_HOC
    media_type = response_type(request.headers)
    if media_type is None:
        raise HTTPException(406, f"The response can be {' or '.join(RESPONSE_TYPES)}.")
    try:
        body = await _execute(request, await read(request), context, operations, persisted)
        status, content = _status(body), json_format.encode(body)
        check("bytes in the response", len(content), MAX_RESPONSE_BYTES)
    except (LimitExceeded, OperationUnknown, PersistedQueryNotFound, DocumentNotTrusted) as error:
        body = _body(ExecutionResult(None, [GraphQLError("", original_error=error)]), "")
        status, content = ERRORS[type(error)].status, json_format.encode(body)
    if media_type == json_format.MEDIA_TYPE:
        # Clients of the older type read the outcome of a request from the body alone.
        status = 200
    return Response(content, status, media_type=f"{media_type}; charset=utf-8")


async def graphql_error(request: Request, error: Exception) -> Response:
    """The response to a request that ended in an error before its operation was executed.

    `{"errors": [{"message", "extensions": {"code", "errorCode", "reason"}}]}`.
    """
    spec = describe(error)
    body = {"errors": [{"message": spec.message, "extensions": _extensions(spec)}]}
    media_type = f"{response_type(request.headers) or json_format.MEDIA_TYPE}; charset=utf-8"
    return error_response(request, error, spec, body, media_type)


async def _execute(
    request: Request,
    parameters: GraphQLRequest,
    context: Context,
    operations: Operations,
    persisted: PersistedDocuments,
) -> dict[str, Any]:
    try:
        operation = await persisted.prepare(parameters, context.loaders.organization.id)
    except GraphQLSyntaxError as error:
        return _body(ExecutionResult(None, [error]), PARSE_FAILED)
    request_log = current_request_log()
    request_log.operation = operation.label
    request_log.operation_type = operation.definition.operation.value
    if request.method != "POST" and request_log.operation_type != "query":
        raise HTTPException(405, "GET and HEAD take queries only.", {"Allow": "POST"})
    if operation.errors:
        return _body(ExecutionResult(None, operation.errors), VALIDATION_FAILED)
    body = _body(await operations.execute(operation, parameters.variables, context), BAD_USER_INPUT)
    if request.headers.get("x-cap-cost") == "1":
        summaries = operations.count_summaries(operation, parameters.variables)
        body["extensions"] = {"cost": {"summaries": summaries, "commands": context.loaders.commands}}
    return body


def _wants_page(request: Request) -> bool:
    return (
        request.method != "POST"
        # With `query`, GraphiQL opens with that document.
        and request.query_params.keys().isdisjoint(("documentId", "extensions"))
        and "text/html" in request.headers.get("accept", "")
    )


def _status(body: dict[str, Any]) -> int:
    """The HTTP status of a response whose type is `application/graphql-response+json`."""
    if "data" in body:
        return PARTIAL_SUCCESS if "errors" in body else 200
    return 400


def _body(result: ExecutionResult, code: str) -> dict[str, Any]:
    """The body of a response, without data if nothing was executed.

    `code` is the code of errors that graphql-core itself raised. Raises `DeadlineExceeded` if the deadline
    passed before a field was complete.
    """
    if not result.errors:
        return {"data": result.data}
    for error in result.errors:
        forget_frames(error)
    # The driver can notice the deadline before the request does; the response is the same.
    if any(isinstance(error.original_error, DeadlineExceeded) for error in result.errors):
        raise DeadlineExceeded
    errors = [_error(error, code) for error in result.errors]
    return {"errors": errors} if result.data is None else {"data": result.data, "errors": errors}


def _error(error: GraphQLError, code: str) -> dict[str, Any]:
    # An error that graphql-core raised has no original error, or one that it raised itself.
    if error.original_error is None or isinstance(error.original_error, GraphQLError):
        note_error(400)
        message = error.message
        if len(message) > MAX_MESSAGE:
            message = f"{message[:MAX_MESSAGE]}…"
        return {**error.formatted, "message": message, "extensions": {"code": code, "errorCode": 400}}
    spec = describe(error.original_error)
    return {**error.formatted, "message": spec.message, "extensions": _extensions(spec)}


def _extensions(spec: ErrorSpec) -> dict[str, object]:
    """The extensions of an error; most errors have no reason."""
    reason = {"reason": spec.reason} if spec.reason else {}
    return {"code": spec.graphql_code, "errorCode": spec.code, **reason}
