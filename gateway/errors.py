"""How an error looks: one table from an exception to a REST body and status and to a GraphQL code.

Expected errors are plain exceptions that say what is wrong; anything that is not in the table is a defect,
and is shown as nothing but "Internal Server Error".
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from gateway import json_format
from gateway.auth.callers import (
    AccessDenied,
    AuthorizationUnavailable,
    TokenExpired,
    TooManyFailures,
    Unauthenticated,
)
from gateway.auth.passwords import FAILURES_REMEMBERED_SECONDS
from gateway.graphql.limits import LimitExceeded
from gateway.graphql.operations import OperationUnknown
from gateway.graphql.persisted_documents import DocumentNotTrusted, PersistedQueryNotFound
from gateway.graphql.request import answer_type
from gateway.middleware.body_limit import BodyTooLarge
from gateway.middleware.deadline import HEADER, DeadlineInvalid
from gateway.rest import tokens
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.telemetry.logs import without_message
from gateway.telemetry.request_log import UNANSWERED, current_request_log, note_error
from loaders.store import DeadlineExceeded, StoreUnavailable
from resolvers import errors

GRAPHQL_PATH = "/graphql"
_RETRY_AFTER_SECONDS = {429: FAILURES_REMEMBERED_SECONDS, 503: 1}

log: FilteringBoundLogger = structlog.get_logger()


class ErrorSpec(NamedTuple):
    """What a caller sees of an error: the API's code and message, the HTTP status, the GraphQL code."""

    code: int
    message: str
    status: int
    graphql_code: str


_PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."

# In the order of the API's documentation, word for word. The statuses of 8xxx codes are the `semantic` ones.
ERRORS: Mapping[type[Exception], ErrorSpec] = {
    Unauthenticated: ErrorSpec(401, "Unauthorized", 401, "UNAUTHENTICATED"),
    TokenExpired: ErrorSpec(498, "", 401, "UNAUTHENTICATED"),
    tokens.InvalidClient: ErrorSpec(320001, "Invalid client key and secret", 401, "UNAUTHENTICATED"),
    TooManyFailures: ErrorSpec(429, "Too Many Requests", 429, "TOO_MANY_REQUESTS"),
    AuthorizationUnavailable: ErrorSpec(
        4001, "Authorization status unavailable!", 503, "AUTHORIZATION_UNAVAILABLE"
    ),
    AccessDenied: ErrorSpec(4000, "Not authorized. Access is denied!", 403, "FORBIDDEN"),
    errors.SourceMissing: ErrorSpec(8001, "Lookup failed, No source passed", 400, "BAD_USER_INPUT"),
    errors.SourceInvalid: ErrorSpec(8003, "Invalid source", 400, "BAD_USER_INPUT"),
    errors.IdentifierMissing: ErrorSpec(
        8002, "Lookup failed, No identifiers passed", 400, "IDENTIFIER_MISSING"
    ),
    errors.IdentifierNameInvalid: ErrorSpec(8013, "Lookup,Invalid identifier passed", 400, "BAD_USER_INPUT"),
    errors.ParametersInsufficient: ErrorSpec(
        8883,
        "Insufficient parameters passed, program id and one of promotion id/identifier are required.",
        400,
        "INSUFFICIENT_PARAMETERS",
    ),
    errors.CustomerNotFound: ErrorSpec(
        8015, "Customer not found for the given identifiers", 404, "CUSTOMER_NOT_FOUND"
    ),
    errors.PromotionNotFound: ErrorSpec(8874, "promotion id passed is invalid", 404, "PROMOTION_NOT_FOUND"),
    errors.PromotionInOtherProgram: ErrorSpec(8105, _PROMOTION_DATA, 409, "PROMOTION_IN_OTHER_PROGRAM"),
    StoreUnavailable: ErrorSpec(8105, _PROMOTION_DATA, 503, "DATA_UNAVAILABLE"),
    LimitExceeded: ErrorSpec(400, "", 400, "LIMIT_EXCEEDED"),
    OperationUnknown: ErrorSpec(
        400, "operationName must name an operation of the document.", 400, "OPERATION_RESOLUTION_FAILURE"
    ),
    # Apollo's clients know the message and the code, and send the document.
    PersistedQueryNotFound: ErrorSpec(404, "PersistedQueryNotFound", 200, "PERSISTED_QUERY_NOT_FOUND"),
    DocumentNotTrusted: ErrorSpec(
        403, "Only operations of the manifest are executed here.", 400, "PERSISTED_QUERY_NOT_IN_LIST"
    ),
    # Its phrase depends on the version of Python.
    BodyTooLarge: ErrorSpec(413, "Content Too Large", 413, "CONTENT_TOO_LARGE"),
    DeadlineExceeded: ErrorSpec(8105, _PROMOTION_DATA, 503, "DEADLINE_EXCEEDED"),
    DeadlineInvalid: ErrorSpec(400, f"{HEADER} takes milliseconds, 1 or more.", 400, "BAD_REQUEST"),
}


def describe(error: Exception) -> ErrorSpec:
    """What a caller may see of `error`; it is noted for the request's line, and logged if it is ours."""
    answer = _look_up(error)
    note_error(answer.code)
    cause = error if isinstance(error, StoreUnavailable) else error.__cause__
    if isinstance(cause, StoreUnavailable):
        # Its text is the kind of failure, without the driver's words.
        log.warning("database_unavailable", code=answer.code, reason=str(cause))
    return answer


def http_status(answer: ErrorSpec, *, always_200: bool) -> int:
    """The status of an answer; `always_200` keeps the original API's habit with its own 8xxx errors."""
    return HTTPStatus.OK if always_200 and 8000 <= answer.code <= 8999 else answer.status


def _look_up(error: Exception) -> ErrorSpec:
    if (known := ERRORS.get(type(error))) is not None:
        # An empty message stands for the error's own, where that says more than the table can.
        return known if known.message else known._replace(message=str(error))
    if isinstance(error, HTTPException):
        status = HTTPStatus(error.status_code)
        return ErrorSpec(status, status.phrase, status, status.name)
    log.error("unexpected", **without_message(error))
    return _look_up(HTTPException(HTTPStatus.INTERNAL_SERVER_ERROR))


class ErrorAnswers:
    """Middleware that answers what went wrong in the shape of the face that the request came to."""

    def __init__(self, app: ASGIApp, *, always_200: bool) -> None:
        self._app = app
        self._always_200 = always_200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_and_notice(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_notice)
        except ClientDisconnect:
            # Nobody's error, and nobody is left to read an answer.
            current_request_log().status = UNANSWERED
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await self._answer(Request(scope), error)(scope, receive, send)

    def _answer(self, request: Request, error: Exception) -> Response:
        if isinstance(error, DeadlineExceeded) and request.url.path not in (
            GRAPHQL_PATH,
            ACTION_SUMMARY_PATH,
        ):
            # Elsewhere it is no promotion that could not be read, and status 200 would be a lie.
            error = HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "The deadline passed.")
        answer = describe(error)
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        if answer.status in _RETRY_AFTER_SECONDS:
            headers["Retry-After"] = str(_RETRY_AFTER_SECONDS[answer.status])
        path, message = request.url.path, answer.message
        # The frozen face and unknown paths say no more than the status's own phrase.
        if isinstance(error, HTTPException) and path in (GRAPHQL_PATH, TOKEN_PATH, EVENTS_PATH):
            message = error.detail
        body = json_format.encode(_body(path, answer, message))
        status = http_status(answer, always_200=self._always_200)
        response = Response(body, status, headers, _media_type(request))
        if status == HTTPStatus.UNAUTHORIZED:
            _challenge(request, response)
        return response


def _body(path: str, answer: ErrorSpec, message: str) -> dict[str, object]:
    if path == GRAPHQL_PATH:
        extensions = {"code": answer.graphql_code, "errorCode": answer.code}
        return {"errors": [{"message": message, "extensions": extensions}]}
    if path == TOKEN_PATH:
        return {"data": None, "errors": [{"code": answer.code, "message": message}]}
    return {"errors": [{"status": False, "code": answer.code, "message": message}]}


def _media_type(request: Request) -> str:
    if request.url.path != GRAPHQL_PATH:
        return json_format.MEDIA_TYPE
    return f"{answer_type(request.headers) or json_format.MEDIA_TYPE}; charset=utf-8"


def _challenge(request: Request, response: Response) -> None:
    response.headers.append("WWW-Authenticate", 'Bearer realm="promo-gateway"')
    # A browser would answer a Basic challenge with a box, and send the password instead of its MD5.
    if "sec-fetch-mode" not in request.headers:
        response.headers.append("WWW-Authenticate", 'Basic realm="promo-gateway", charset="UTF-8"')
