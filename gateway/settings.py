"""The settings: one table that the code, `--help` and the README share.

Each is read from the environment variable `GATEWAY_` + its name in upper case.
"""

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from gateway.auth.oidc import is_safe
from loaders.dispatcher import IN_FLIGHT, LIMIT


class SettingInvalid(ValueError):
    """A setting has a value that cannot be used."""

    def __init__(self, variable: str, got: str, expected: str) -> None:
        super().__init__(f"{variable} is {got}; expected {expected}.")


def _setting(
    default: Any, why: str, read: Callable[[str], Any], expected: str, *, secret: bool = False
) -> Any:
    metadata = {"why": why, "read": read, "expected": expected, "secret": secret}
    return field(default=default, metadata=metadata, repr=not secret)


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


def _items(text: str) -> list[str]:
    items = [item.strip() for item in text.split(",")]
    if not all(items):
        raise ValueError
    return items


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(map(Path, _items(text)))


def _networks(text: str) -> tuple[str, ...]:
    return tuple(str(ip_network(item)) if "/" in item else str(ip_address(item)) for item in _items(text))


def _ids(text: str) -> frozenset[int]:
    return frozenset(_number(0, 2**63 - 1)(item) for item in _items(text))


def _issuer(text: str) -> str:
    if not is_safe(text):
        raise ValueError
    return text


def _date(text: str) -> date:
    day = date.fromisoformat(text)
    if day.isoformat() != text or day.year < 1970:
        raise ValueError
    return day


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
        _date,
        "a date like 2025-06-12, not before 1970",
    )
    signing_keys: tuple[Path, ...] = _setting(
        (),
        "PEM files of RSA keys, separated by commas: the first signs tokens, all of them verify.",
        _paths,
        "paths separated by commas",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas.",
        _networks,
        "addresses or networks separated by commas",
    )
    oidc_issuer: str = _setting(
        "",
        "An external issuer whose tokens are accepted; its keys are found by discovery.",
        _issuer,
        "an https URL",
    )
    oidc_audience: str = _setting("", "The audience that its tokens must name.", _text, "a text")
    oidc_org_claim: str = _setting(
        "org_id", "The claim that holds the organisation.", _text, "a claim's name"
    )
    oidc_orgs: frozenset[int] = _setting(
        frozenset(),
        "The organisations that it may speak for, separated by commas.",
        _ids,
        "numbers separated by commas",
    )
    oidc_group: str = _setting("default", "The access group of its callers.", _text, "a group's name")
    set_aside_days: int = _setting(
        30,
        "How many days an event that cannot be counted yet is kept.",
        _number(1, 3650),
        "a number from 1 to 3650",
    )
    batches_in_flight: int = _setting(
        IN_FLIGHT,
        "Aggregations (and look-ups of each kind) under way before requests begin to share them.",
        _number(1, 100),
        "a number from 1 to 100",
    )
    batch_pairs: int = _setting(
        LIMIT,
        "Most customers times promotions that requests of strangers share one aggregation for.",
        _number(1, 100_000),
        "a number from 1 to 100000",
    )
    compiled: str = _setting(
        "on",
        "Whether GraphQL operations are compiled; `off` leaves them all to graphql-core's executor.",
        _one_of("on", "off"),
        "on or off",
    )
    rest_status: str = _setting(
        "legacy",
        "Status of the REST call's 8xxx errors: `legacy` is always 200, `semantic` is 400, 404, 409 or 503.",
        _one_of("legacy", "semantic"),
        "legacy or semantic",
    )

    @staticmethod
    def shown_default(row: Field[Any]) -> str:
        """A row's default as an operator would write it; empty for none."""
        default = row.default
        return ",".join(default) if isinstance(default, tuple | frozenset) else str(default)

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
        if values.get("oidc_issuer") and not (values.get("oidc_audience") and values.get("oidc_orgs")):
            raise SettingInvalid(
                "GATEWAY_OIDC_ISSUER", "set alone", "GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS beside it"
            )
        return cls(**values)
