"""JSON for both APIs: exact decimals are written as numbers, and only strict JSON is read."""

import json

import msgspec

MEDIA_TYPE = "application/json"
# What msgspec raises for a text that is not JSON.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

encode = msgspec.json.Encoder(decimal_format="number").encode


class NotJSON(ValueError):
    """The text is not JSON; the message says where, and does not quote it."""


def decode(text: bytes | str) -> object:
    """The value of a JSON text; raises `NotJSON`."""
    try:
        return msgspec.json.decode(text)
    except DECODE_ERRORS as error:
        raise NotJSON(explain(text)) from error


def explain(text: bytes | str) -> str:
    """The reason why a text is not JSON: `not valid JSON at line 1, column 6`."""
    # Unlike msgspec, the standard library tells the exact position of each error.
    try:
        json.loads(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        return _not_valid(json.JSONDecodeError("", before, len(before)))
    except json.JSONDecodeError as error:
        return _not_valid(error)
    except RecursionError:
        return "nested too deeply"
    return "not valid JSON: it has NaN, Infinity, a number out of range or half of a surrogate pair"


def _not_valid(error: json.JSONDecodeError) -> str:
    return f"not valid JSON at line {error.lineno}, column {error.colno}"
