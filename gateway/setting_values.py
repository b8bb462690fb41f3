"""What a setting can be: how its text is read, and what is said of one that cannot be."""

import re
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from gateway.auth.oidc import is_safe

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")


class Value(NamedTuple):
    """`read` returns the value that a text spells, or raises `ValueError`; `expected` ends a sentence."""

    read: Callable[[str], Any]
    expected: str


def text(expected: str) -> Value:
    """Any text but an empty one or one with blanks around it."""

    def read(given: str) -> str:
        if not given or given != given.strip():
            raise ValueError
        return given

    return Value(read, expected)


def number(least: int, most: int) -> Value:
    """A whole number, in ASCII digits."""

    def read(given: str) -> int:
        if not (given.isascii() and given.isdigit()) or not least <= int(given) <= most:
            raise ValueError
        return int(given)

    return Value(read, f"a number from {least} to {most}")


def one_of(*choices: str) -> Value:
    """One of a few words."""

    def read(given: str) -> str:
        if given not in choices:
            raise ValueError
        return given

    return Value(read, f"{', '.join(choices[:-1])} or {choices[-1]}")


def _items(given: str) -> list[str]:
    items = [item.strip() for item in given.split(",")]
    if not all(items):
        raise ValueError
    return items


def _paths(given: str) -> tuple[Path, ...]:
    return tuple(map(Path, _items(given)))


def _networks(given: str) -> tuple[str, ...]:
    return tuple(str(ip_network(item)) if "/" in item else str(ip_address(item)) for item in _items(given))


def _origins(given: str) -> tuple[str, ...]:
    origins = tuple(_items(given))
    # As a browser sends it: what differs in the least would never match.
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError
    return origins


def _ids(given: str) -> frozenset[int]:
    return frozenset(number(0, 2**63 - 1).read(item) for item in _items(given))


def _mongodb_uri(given: str) -> str:
    if not given.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError
    return given


def _database_name(given: str) -> str:
    if not 0 < len(given.encode()) < 64 or set(given) & set('/\\. "$*<>:|?\0'):
        raise ValueError
    return given


def _issuer(given: str) -> str:
    if not is_safe(given):
        raise ValueError
    return given


def _day(given: str) -> date:
    read = date.fromisoformat(given)
    if read.isoformat() != given or read.year < 1970:
        raise ValueError
    return read


PATHS = Value(_paths, "paths separated by commas")
NETWORKS = Value(_networks, "addresses or networks separated by commas")
ORIGINS = Value(_origins, "origins like https://shop.example, separated by commas")
IDS = Value(_ids, "numbers separated by commas")
MONGODB_URI = Value(_mongodb_uri, "a connection string that begins with mongodb:// or mongodb+srv://")
DATABASE_NAME = Value(_database_name, "a MongoDB database name of at most 63 bytes")
ISSUER = Value(_issuer, "an https URL")
DAY = Value(_day, "a date like 2025-06-12, not before 1970")
