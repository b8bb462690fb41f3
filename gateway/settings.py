"""The settings: one table that the code, `--help` and the README share.

Each is read from the environment variable `GATEWAY_` + its name in upper case.
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

from gateway.graphql.limits import Limits
from gateway.setting_values import (
    DATABASE_NAME,
    DAY,
    IDS,
    ISSUER,
    MONGODB_URI,
    NETWORKS,
    ORIGINS,
    PATHS,
    Value,
    number,
    one_of,
    text,
)
from loaders.dispatcher import IN_FLIGHT, LIMIT
from loaders.driver import DriverName

_LIMITS = Limits()


class SettingInvalid(ValueError):
    """A setting has a value that cannot be used."""

    def __init__(self, variable: str, got: str, expected: str) -> None:
        super().__init__(f"{variable} is {got}; expected {expected}.")


def _setting(default: Any, value: Value, what: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"value": value, "what": what, "secret": secret}, repr=not secret)


def _limit(default: int, what: str) -> Any:
    return _setting(default, number(1, 1_000_000_000), what)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this gateway runs."""

    mongodb_uri: str = _setting(
        "mongodb://127.0.0.1:27017", MONGODB_URI, "The MongoDB that holds the data.", secret=True
    )
    database: str = _setting("promo_gateway", DATABASE_NAME, "The database in it.")
    driver: DriverName = _setting(
        DriverName.MOTOR,
        Value(DriverName, "motor or pymongo"),
        "The driver: motor, or PyMongo's own async client, which succeeds it.",
    )
    host: str = _setting("127.0.0.1", text("a host name or an address"), "The address to listen on.")
    port: int = _setting(8000, number(0, 65535), "The port to listen on.")
    workers: int = _setting(1, number(1, 64), "Server processes that share the port.")
    deadline_ms: int = _setting(
        5_000,
        number(1, 600_000),
        "Milliseconds until a request is answered, whatever it waits for; X-CAP-DEADLINE-MS can shorten it.",
    )
    max_concurrent_requests: int = _setting(
        500,
        number(1, 100_000),
        "Most requests that a process works on at once; the rest gets 503 at once.",
    )
    shutdown_seconds: int = _setting(
        10, number(0, 3600), "At SIGTERM, how long requests that run may take to finish."
    )
    signing_keys: tuple[Path, ...] = _setting(
        (), PATHS, "PEM files of RSA keys, separated by commas: the first signs tokens, all of them verify."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        NETWORKS,
        "Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas.",
    )
    cors_origins: tuple[str, ...] = _setting(
        (), ORIGINS, "Origins whose pages may call from a browser, separated by commas."
    )
    oidc_issuer: str = _setting(
        "", ISSUER, "An external issuer whose tokens are accepted; its keys are found by discovery."
    )
    oidc_audience: str = _setting("", text("a text"), "The audience that its tokens must name.")
    oidc_org_claim: str = _setting("org_id", text("a claim's name"), "The claim that holds the organisation.")
    oidc_orgs: frozenset[int] = _setting(
        frozenset(), IDS, "The organisations that it may speak for, separated by commas."
    )
    oidc_group: str = _setting("default", text("a group's name"), "The access group of its callers.")
    benefits_since: date = _setting(
        date(2025, 6, 12),
        DAY,
        "The first day whose benefits count, from midnight in the organisation's time zone.",
    )
    pending_event_days: int = _setting(
        30, number(1, 3650), "How many days an event that cannot be counted yet is kept."
    )
    max_concurrent_batches: int = _setting(
        IN_FLIGHT,
        number(1, 100),
        "Aggregations (look-ups too) of an organisation under way before its requests begin to share them.",
    )
    max_batch_size: int = _setting(
        LIMIT,
        number(1, 100_000),
        "Most pairs of a customer and a promotion that requests of strangers share one aggregation for.",
    )
    max_body_bytes: int = _setting(
        1024 * 1024, number(1, 2**31), "Longest body of a request, in bytes; beyond it the answer is 413."
    )
    max_body_seconds: int = _setting(
        4, number(1, 3600), "Longest time for a body to arrive; beyond it the answer is 408."
    )
    max_characters: int = _limit(_LIMITS.characters, "Most characters of a GraphQL document.")
    max_tokens: int = _limit(_LIMITS.tokens, "Most tokens of a document.")
    max_names: int = _limit(
        _LIMITS.names, "Most names in a document: of fields, aliases, arguments, types, variables."
    )
    max_depth: int = _limit(
        _LIMITS.depth, "Most fields inside one another; introspection has a limit of its own."
    )
    max_aliases: int = _limit(_LIMITS.aliases, "Most aliases.")
    max_root_fields: int = _limit(_LIMITS.root_fields, "Most fields of the query itself.")
    max_repeated_fields: int = _limit(
        _LIMITS.repeated_fields,
        "Most fields that are selected again under the same key in the same place, with all below them.",
    )
    max_fragments: int = _limit(_LIMITS.fragments, "Most fragments, wherever they are spread.")
    max_directives: int = _limit(_LIMITS.directives, "Most directives.")
    max_variables: int = _limit(_LIMITS.variables, "Most variables, declared or given.")
    max_introspections: int = _limit(
        _LIMITS.introspections,
        "Most fields that begin an introspection, and aliases below them, which would multiply it.",
    )
    max_summaries: int = _limit(
        _LIMITS.summaries, "Most distinct summaries that one operation may ask the database for."
    )
    compiled: str = _setting(
        "on",
        one_of("on", "off"),
        "Whether GraphQL operations are compiled; `off` leaves them all to graphql-core's executor.",
    )
    introspection: str = _setting(
        "off",
        one_of("on", "off"),
        'Whether there is introspection, "Did you mean" and GraphiQL; `demo` has them on.',
    )
    trusted_documents: str = _setting(
        "", text("a path"), "A manifest of trusted operations, as graphql-codegen writes it: documents by id."
    )
    trusted_documents_only: str = _setting(
        "off", one_of("on", "off"), "Whether nothing but the operations of the manifest is executed."
    )
    apq_cache_bytes: int = _setting(
        2_000_000,
        number(0, 2**31),
        "Memory for documents that clients send once and then ask for by their hash, in bytes a process.",
    )
    rest_status: str = _setting(
        "legacy",
        one_of("legacy", "semantic"),
        "Status of the REST call's 8xxx errors: `legacy` is always 200, `semantic` is 400, 404, 409 or 503.",
    )
    metrics_port: int = _setting(
        0, number(0, 65535), "The port that answers Prometheus, on the same address; 0 for none."
    )
    traces: str = _setting(
        "off",
        one_of("off", "otlp"),
        "`otlp` sends traces where the OTEL_EXPORTER_OTLP_… variables say; needs the extra `otel`.",
    )

    @staticmethod
    def shown_default(row: Field[Any]) -> str:
        """A row's default as an operator would write it, or `none`."""
        default = row.default
        return (",".join(default) if isinstance(default, tuple | frozenset) else str(default)) or "none"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the table; raises `SettingInvalid`, which names the setting but never shows a secret."""
        values = {}
        for row in fields(cls):
            variable = f"GATEWAY_{row.name.upper()}"
            given = environment.get(variable)
            if given is None:
                continue
            value: Value = row.metadata["value"]
            try:
                values[row.name] = value.read(given)
            except ValueError as error:
                got = "not shown" if row.metadata["secret"] else repr(given)
                raise SettingInvalid(variable, got, value.expected) from error
        if values.get("oidc_issuer") and not (values.get("oidc_audience") and values.get("oidc_orgs")):
            raise SettingInvalid(
                "GATEWAY_OIDC_ISSUER", "set alone", "GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS beside it"
            )
        if values.get("trusted_documents_only") == "on" and not values.get("trusted_documents"):
            raise SettingInvalid(
                "GATEWAY_TRUSTED_DOCUMENTS_ONLY", "on alone", "GATEWAY_TRUSTED_DOCUMENTS beside it"
            )
        return cls(**values)
