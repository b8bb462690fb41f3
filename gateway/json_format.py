"""JSON for both APIs: exact decimals are written as numbers, and only strict JSON is read."""

import msgspec

MEDIA_TYPE = "application/json"

encode = msgspec.json.Encoder(decimal_format="number").encode


class NotJSON(ValueError):
    """The text is not JSON."""


def decode(text: bytes | str) -> object:
    """The value of a JSON text; raises `NotJSON`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJSON from error
