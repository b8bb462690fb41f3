"""The settings, each read from the environment variable `GATEWAY_` + its name in upper case.

A command reads the class that has the settings it uses:

    DatabaseSettings        every command that opens the database
    └── ImportSettings      import
        └── Settings        serve, demo

`promo-gateway settings` and `docs/settings.md` show the defaults and descriptions of these settings.
"""

import re
from collections.abc import Callable
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticUseDefault
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway import OperatorError
from gateway.auth.oidc import is_safe
from gateway.graphql.limits import Limits
from loaders.driver import DriverName

_LIMITS = Limits()
_MONGODB = re.compile(r"mongodb(\+srv)?://")
_DATABASE = re.compile(r'[^/\\. "$*<>:|?]+')
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# For a Service called `gateway`, Kubernetes sets GATEWAY_PORT to such an address.
SERVICE_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def _read(expected: str, read: Callable[[str], object]) -> BeforeValidator:
    """Reads the text of a variable; where `read` raises `ValueError`, the error says what was expected."""

    def validate(given: object) -> object:
        try:
            return read(given) if isinstance(given, str) else given
        except ValueError as error:
            raise ValueError(expected) from error

    return BeforeValidator(validate)


def _read_list(expected: str, read: Callable[[str], object]) -> BeforeValidator:
    return _read(
        f"{expected}, separated by commas", lambda given: [read(item.strip()) for item in given.split(",")]
    )


def _text(is_valid: Callable[[str], object] = bool) -> Callable[[str], str]:
    def read(given: str) -> str:
        if not (given and given.isprintable() and given == given.strip() and is_valid(given)):
            raise ValueError
        return given

    return read


def _network(given: str) -> str:
    return str(ip_network(given) if "/" in given else ip_address(given))


def _port(given: object) -> object:
    if isinstance(given, str) and SERVICE_ADDRESS.match(given):
        raise PydanticUseDefault
    return given


def _id(given: str) -> int:
    if not (given.isascii() and given.isdigit() and int(given) < 2**63):
        raise ValueError
    return int(given)


def _day(given: str) -> date:
    day = date.fromisoformat(given)
    if day.isoformat() != given or day.year < 1970:
        raise ValueError
    return day


MongoDBURI = Annotated[
    SecretStr,
    _read("a connection string that begins with mongodb:// or mongodb+srv://", _text(_MONGODB.match)),
]
DatabaseName = Annotated[
    str,
    _read(
        "a MongoDB database name of at most 63 bytes",
        _text(lambda given: len(given.encode()) < 64 and _DATABASE.fullmatch(given)),
    ),
]
Port = Annotated[int, Field(ge=0, le=65535), BeforeValidator(_port)]
Text = Annotated[str, _read("a text without blanks at its ends", _text())]
Paths = Annotated[tuple[Path, ...], NoDecode, _read_list("paths", _text())]
Networks = Annotated[tuple[str, ...], NoDecode, _read_list("addresses or networks", _network)]
# As a browser sends it: an origin in any other spelling would never match.
Origins = Annotated[
    tuple[str, ...], NoDecode, _read_list("origins like https://shop.example", _text(_ORIGIN.fullmatch))
]
HeaderNames = Annotated[tuple[str, ...], NoDecode, _read_list("header names", _text(_HEADER.fullmatch))]
Ids = Annotated[frozenset[int], NoDecode, _read_list("numbers", _id)]
URL = Annotated[str, _read("an https URL", _text(is_safe))]
Day = Annotated[date, _read("a date like 2025-06-12, not before 1970", _day)]
ManifestPath = Annotated[Path | None, _read("a path", _text())]


def _setting(default: object, description: str, least: int | None = None, most: int | None = None) -> Any:
    return Field(default, description=description, ge=least, le=most)


class DatabaseSettings(BaseSettings):
    """The database that a command opens."""

    model_config = SettingsConfigDict(
        env_prefix="GATEWAY_", frozen=True, validate_default=False, hide_input_in_errors=True
    )

    mongodb_uri: MongoDBURI = _setting(
        SecretStr("mongodb://127.0.0.1:27017"), "Connection string of MongoDB."
    )
    database: DatabaseName = _setting("promo_gateway", "Name of the database.")

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """Read the settings that are not `given`; raises `OperatorError` with a line for each wrong one."""
        try:
            return cls(**given)
        except ValidationError as error:
            raise OperatorError("\n".join(map(cls._explain, error.errors()))) from error

    @classmethod
    def _explain(cls, error: ErrorDetails) -> str:
        context = error.get("ctx", {})
        if not error["loc"]:
            return str(context["error"])
        name = str(error["loc"][0])
        match cls.model_json_schema()["properties"][name]:
            case {"type": "integer", "minimum": least, "maximum": most}:
                expected = f"a number from {least} to {most}"
            case {"type": "boolean"}:
                expected = "on or off"
            case _:
                expected = context.get("expected") or context["error"]
        secret = cls.model_fields[name].annotation is SecretStr
        got = "invalid (its value is not shown)" if secret else repr(error["input"])
        return f"GATEWAY_{name.upper()} is {got}; expected {expected}."


class ImportSettings(DatabaseSettings):
    """The settings of an import."""

    pending_event_days: int = _setting(30, "Number of days to keep a pending event.", 1, 3650)


class Settings(ImportSettings):
    """The settings of the server."""

    driver: DriverName = _setting(
        DriverName.MOTOR,
        "MongoDB driver of the server: `motor`, or `pymongo` for PyMongo's own async client.",
    )
    host: Text = _setting("127.0.0.1", "Address to listen on.")
    port: Port = _setting(8000, "Port to listen on.")
    deadline_ms: int = _setting(
        5_000, "Deadline of a request in milliseconds; `X-CAP-DEADLINE-MS` can shorten it.", 1, 600_000
    )
    keep_alive_seconds: int = _setting(
        75, "Seconds that an idle connection stays open; set more than in the load balancer.", 1, 86_400
    )
    max_concurrent_requests: int = _setting(
        500, "Requests that a process handles at once; further requests get 503.", 1, 100_000
    )
    shutdown_seconds: int = _setting(10, "Seconds for requests in flight to finish after SIGTERM.", 0, 3600)
    signing_keys: Paths = _setting(
        (), "PEM files of RSA private keys: the first signs tokens, all of them verify tokens."
    )
    trusted_proxies: Networks = _setting(
        (), "Addresses and networks of the proxies whose `X-Forwarded-For` is trusted."
    )
    cors_origins: Origins = _setting((), "Origins whose pages may call from a browser.")
    cors_headers: HeaderNames = _setting(
        (), "Additional request headers that pages of these origins may send."
    )
    oidc_issuer: URL = _setting("", "OpenID Connect issuer whose tokens are accepted.")
    oidc_audience: Text = _setting("", "Audience that a token of this issuer must name.")
    oidc_org_claim: Text = _setting("org_id", "Claim that contains the organisation's id.")
    oidc_orgs: Ids = _setting(frozenset(), "Ids of the organisations that a token of this issuer may name.")
    oidc_group: Text = _setting("default", "Access group of callers with a token of this issuer.")
    oidc_customer_claim: Text = _setting(
        "",
        "Claim that contains a customer's id; a token with this claim reads this customer only.",
    )
    benefits_since: Day = _setting(
        date(2025, 6, 12), "First day of the benefits that are counted, in the organisation's time zone."
    )
    max_concurrent_batches: int = _setting(
        1, "Batches of a kind in flight for an organisation; its other requests share the next.", 1, 100
    )
    max_batch_size: int = _setting(100, "Maximum number of keys in a batch of several requests.", 1, 100_000)
    lookup_cache_seconds: int = _setting(
        60, "Seconds that a process remembers identifiers and promotions; 0 turns this off.", 0, 3600
    )
    max_body_bytes: int = _setting(
        1024 * 1024, "Maximum size of a request body; a larger body gets 413.", 1, 2**31
    )
    max_tokens: int = _setting(_LIMITS.tokens, "Maximum number of tokens in a GraphQL document.", 1, 10**9)
    max_depth: int = _setting(
        _LIMITS.depth, "Maximum depth of fields; introspection has its own limit.", 1, 10**9
    )
    max_summaries: int = _setting(
        _LIMITS.summaries, "Maximum number of different summaries in an operation.", 1, 10**9
    )
    compiled: bool = _setting(True, "Compile GraphQL operations; if off, graphql-core's executor runs them.")
    introspection: bool = _setting(
        False, "Allow introspection, suggestions and GraphiQL; `demo` turns this on."
    )
    trusted_documents: ManifestPath = _setting(None, "JSON manifest of trusted documents.")
    trusted_documents_only: bool = _setting(False, "Refuse documents that are not in the manifest.")
    apq_cache_bytes: int = _setting(
        2_000_000, "Bytes of memory of a process for automatic persisted queries.", 0, 2**31
    )
    rest_status: Literal["legacy", "semantic"] = _setting(
        "legacy", "HTTP status of 8xxx errors: `legacy` is 200, `semantic` is 400, 404, 409 or 503."
    )
    metrics_port: Port = _setting(0, "Port for Prometheus, on the server's address; 0 turns it off.")
    traces: Literal["off", "otlp"] = _setting(
        "off", "`otlp` exports OpenTelemetry traces; needs the extra `otel`."
    )

    @model_validator(mode="after")
    def _require_companions(self) -> Self:
        wrong = []
        if self.oidc_issuer and not (self.oidc_audience and self.oidc_orgs):
            wrong.append("GATEWAY_OIDC_ISSUER needs GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS.")
        if self.trusted_documents_only and not self.trusted_documents:
            wrong.append("GATEWAY_TRUSTED_DOCUMENTS_ONLY needs GATEWAY_TRUSTED_DOCUMENTS.")
        if wrong:
            raise ValueError("\n".join(wrong))
        return self
