"""The settings: one table that the code, `--help` and the README share.

Each is read from the environment variable `GATEWAY_` + its name in upper case.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any


class SettingInvalid(ValueError):
    """A setting has a value that cannot be used."""

    def __init__(self, variable: str, got: str, expected: str) -> None:
        super().__init__(f"{variable} is {got}; expected {expected}.")


def _setting(
    default: Any, why: str, read: Callable[[str], Any], expected: str, *, secret: bool = False
) -> Any:
    metadata = {"why": why, "read": read, "expected": expected, "secret": secret}
    return field(default=default, metadata=metadata)


def _uri(text: str) -> str:
    if not text.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError
    return text


def _text(text: str) -> str:
    if not text or text != text.strip():
        raise ValueError
    return text


def _database(text: str) -> str:
    if not 0 < len(text.encode()) < 64 or set(text) & set('/\\. "$*<>:|?\0'):
        raise ValueError
    return text


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise ValueError
        return int(text)

    return read


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return read


@dataclass(frozen=True, slots=True)
class Settings:
    """How this gateway runs."""

    mongodb_uri: str = _setting(
        "mongodb://127.0.0.1:27017",
        "The MongoDB to read from.",
        _uri,
        "a connection string that begins with mongodb:// or mongodb+srv://",
        secret=True,
    )
    database: str = _setting(
        "promo_gateway", "The database in it.", _database, "a MongoDB database name of at most 63 bytes"
    )
    host: str = _setting("127.0.0.1", "The address to listen on.", _text, "a host name or an address")
    port: int = _setting(8000, "The port to listen on.", _number(0, 65535), "a number from 0 to 65535")
    workers: int = _setting(
        1, "Server processes that share the port.", _number(1, 64), "a number from 1 to 64"
    )
    benefits_since: date = _setting(
        date(2025, 6, 12),
        "The first day whose benefits count, from midnight in the organisation's time zone.",
        date.fromisoformat,
        "a date like 2025-06-12",
    )
    rest_status: str = _setting(
        "legacy",
        "Status of the REST call's 8xxx errors: `legacy` is always 200, `semantic` is 400, 404, 409 or 503.",
        _one_of("legacy", "semantic"),
        "legacy or semantic",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the table; raises `SettingInvalid`, which names the setting but never shows a secret."""
        values = {}
        for row in fields(cls):
            variable = f"GATEWAY_{row.name.upper()}"
            text = environment.get(variable)
            if text is None:
                continue
            try:
                values[row.name] = row.metadata["read"](text)
            except ValueError as error:
                got = "not shown" if row.metadata["secret"] else repr(text)
                raise SettingInvalid(variable, got, row.metadata["expected"]) from error
        return cls(**values)
