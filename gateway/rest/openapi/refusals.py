"""Errors as the document describes them: which a route can answer, with what status and body."""

from collections import defaultdict
from collections.abc import Callable
from http import HTTPStatus

from gateway.errors import (
    ERRORS,
    AccessDenied,
    AuthorizationUnavailable,
    DeadlineInvalid,
    ErrorSpec,
    InvalidClient,
    Refused,
    TooManyFailures,
)
from gateway.rest.openapi.shapes import TEXT, Schema, record
from loaders.store import StoreUnavailable
from resolvers.errors import (
    CustomerNotFound,
    IdentifierMissing,
    IdentifierNameInvalid,
    SourceInvalid,
    SourceMissing,
    SummaryError,
)

# Of the messages that are not always the same, those that come most.
_EXAMPLES: dict[int, Schema] = {503: {"examples": [HTTPStatus.SERVICE_UNAVAILABLE.phrase]}}

# Refusals, and in words when each of them comes.
Refusals = dict[ErrorSpec, str]


def _of(belongs: Callable[[type[Exception]], bool]) -> Refusals:
    return {
        shown: (error.__doc__ or "").partition("\n")[0] for error, shown in ERRORS.items() if belongs(error)
    }


CALLER = _of(lambda error: issubclass(error, Refused) and error is not InvalidClient)
SUMMARY = _of(lambda error: issubclass(error, SummaryError | StoreUnavailable))
TOKEN = _of(
    {
        InvalidClient,
        TooManyFailures,
        AuthorizationUnavailable,
        AccessDenied,
        SourceMissing,
        SourceInvalid,
        IdentifierMissing,
        IdentifierNameInvalid,
        CustomerNotFound,
        StoreUnavailable,
    }.__contains__
)


def plain(status: int, why: str) -> Refusals:
    """A refusal whose code is its status, and whose message depends on the request."""
    return {ErrorSpec(status, "", status, ""): why}


# What every route may answer but the probes.
ANY = {ERRORS[DeadlineInvalid]: DeadlineInvalid.__doc__ or ""} | plain(
    503, "Too many requests run, or the deadline passed."
)


def by_status(refusals: Refusals, *, always_200: bool) -> dict[int, Refusals]:
    """The refusals, sorted by the status that they are answered with."""
    found: dict[int, Refusals] = defaultdict(dict)
    for shown, why in refusals.items():
        found[shown.http_status(always_200=always_200)][shown] = why
    return dict(sorted(found.items()))


def lines(refusals: Refusals) -> list[str]:
    """Each of them in a line of Markdown."""
    return [f"- `{shown.code}` {why}" for shown, why in refusals.items()]


def rest_body(refusals: Refusals) -> Schema:
    """The body of an error of the original API."""
    return record({"errors": _one_of(refusals, {"status": {"const": False}})})


def token_body(refusals: Refusals) -> Schema:
    """The body of an error of the token endpoint."""
    return record({"data": {"type": "null"}, "errors": _one_of(refusals, {})})


def _one_of(refusals: Refusals, first: dict[str, Schema]) -> Schema:
    errors: list[Schema] = []
    for shown in refusals:
        message: Schema = (
            {"const": shown.message} if shown.message else {**TEXT, **_EXAMPLES.get(shown.code, {})}
        )
        error = record({**first, "code": {"const": shown.code}, "message": message})
        if error not in errors:
            errors.append(error)
    return {"type": "array", "minItems": 1, "maxItems": 1, "items": {"anyOf": errors}}
