"""The settings: the accepted values, and a message of one line for every wrong value."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from gateway import OperatorError
from gateway.commands.environment import describe_settings
from gateway.middleware.deadline import BODY_SECONDS
from gateway.settings import DatabaseSettings, ImportSettings, Settings
from loaders.driver import DriverName

EVERY_SETTING = {
    "GATEWAY_MONGODB_URI": "mongodb+srv://cluster.example",
    "GATEWAY_DATABASE": "loyalty",
    "GATEWAY_PENDING_EVENT_DAYS": "7",
    "GATEWAY_DRIVER": "pymongo",
    "GATEWAY_HOST": "::",
    "GATEWAY_PORT": "0",
    "GATEWAY_DEADLINE_MS": "2000",
    "GATEWAY_KEEP_ALIVE_SECONDS": "620",
    "GATEWAY_MAX_CONCURRENT_REQUESTS": "100",
    "GATEWAY_SHUTDOWN_SECONDS": "60",
    "GATEWAY_SIGNING_KEYS": "new.pem, old.pem",
    "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8,::1",
    "GATEWAY_CORS_ORIGINS": "https://shop.example,http://localhost:5173",
    "GATEWAY_CORS_HEADERS": "x-shop, X-Till_2",
    "GATEWAY_OIDC_ISSUER": "https://sso.example",
    "GATEWAY_OIDC_AUDIENCE": "gateway",
    "GATEWAY_OIDC_ORG_CLAIM": "tenant",
    "GATEWAY_OIDC_ORGS": "1,2",
    "GATEWAY_OIDC_GROUP": "reports",
    "GATEWAY_OIDC_CUSTOMER_CLAIM": "member",
    "GATEWAY_BENEFITS_SINCE": "2025-01-01",
    "GATEWAY_MAX_CONCURRENT_BATCHES": "3",
    "GATEWAY_MAX_BATCH_SIZE": "500",
    "GATEWAY_LOOKUP_CACHE_SECONDS": "0",
    "GATEWAY_MAX_BODY_BYTES": "1000",
    "GATEWAY_MAX_TOKENS": "4",
    "GATEWAY_MAX_DEPTH": "6",
    "GATEWAY_MAX_SUMMARIES": "14",
    "GATEWAY_COMPILED": "off",
    "GATEWAY_INTROSPECTION": "on",
    "GATEWAY_TRUSTED_DOCUMENTS": "operations.json",
    "GATEWAY_TRUSTED_DOCUMENTS_ONLY": "true",
    "GATEWAY_APQ_CACHE_BYTES": "0",
    "GATEWAY_REST_STATUS": "semantic",
    "GATEWAY_METRICS_PORT": "9100",
    "GATEWAY_TRACES": "otlp",
}


def set_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)


def test_the_time_limit_of_a_body_is_shorter_than_the_default_deadline() -> None:
    assert Settings().deadline_ms > BODY_SECONDS * 1000


def test_there_are_at_most_36_settings() -> None:
    assert len(EVERY_SETTING) == 36
    assert [row.variable for row in describe_settings()] == list(EVERY_SETTING)


def test_every_setting_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, **EVERY_SETTING)
    assert Settings.from_environment() == Settings(
        mongodb_uri=SecretStr("mongodb+srv://cluster.example"),
        database="loyalty",
        driver=DriverName.PYMONGO,
        pending_event_days=7,
        host="::",
        port=0,
        deadline_ms=2000,
        keep_alive_seconds=620,
        max_concurrent_requests=100,
        shutdown_seconds=60,
        signing_keys=(Path("new.pem"), Path("old.pem")),
        trusted_proxies=("10.0.0.0/8", "::1"),
        cors_origins=("https://shop.example", "http://localhost:5173"),
        cors_headers=("x-shop", "X-Till_2"),
        oidc_issuer="https://sso.example",
        oidc_audience="gateway",
        oidc_org_claim="tenant",
        oidc_orgs=frozenset({1, 2}),
        oidc_group="reports",
        oidc_customer_claim="member",
        benefits_since=date(2025, 1, 1),
        max_concurrent_batches=3,
        max_batch_size=500,
        max_body_bytes=1000,
        lookup_cache_seconds=0,
        max_tokens=4,
        max_depth=6,
        max_summaries=14,
        compiled=False,
        introspection=True,
        trusted_documents=Path("operations.json"),
        trusted_documents_only=True,
        apq_cache_bytes=0,
        rest_status="semantic",
        metrics_port=9100,
        traces="otlp",
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [("on", True), ("true", True), ("1", True), ("off", False), ("false", False), ("0", False)],
)
def test_a_switch_is_on_or_off(monkeypatch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    monkeypatch.setenv("GATEWAY_COMPILED", value)
    assert Settings.from_environment().compiled is expected


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "GATEWAY_MONGODB_URI",
            "http://user:geheim@host",
            "is invalid (its value is not shown); expected a connection string that begins with mongodb:// or mongodb+srv://.",
        ),
        ("GATEWAY_DATABASE", "a.b", "is 'a.b'; expected a MongoDB database name of at most 63 bytes."),
        ("GATEWAY_DATABASE", "", "is ''; expected a MongoDB database name of at most 63 bytes."),
        (
            "GATEWAY_DATABASE",
            "é" * 32,
            f"is '{'é' * 32}'; expected a MongoDB database name of at most 63 bytes.",
        ),
        ("GATEWAY_DRIVER", "Motor", "is 'Motor'; expected 'motor' or 'pymongo'."),
        ("GATEWAY_HOST", " ", "is ' '; expected a text without blanks at its ends."),
        ("GATEWAY_HOST", "a\x1b[31m", "is 'a\\x1b[31m'; expected a text without blanks at its ends."),
        ("GATEWAY_PORT", "65536", "is '65536'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "-1", "is '-1'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "٨٠", "is '٨٠'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "http://10.0.0.1", "is 'http://10.0.0.1'; expected a number from 0 to 65535."),
        ("GATEWAY_KEEP_ALIVE_SECONDS", "0", "is '0'; expected a number from 1 to 86400."),
        (
            "GATEWAY_BENEFITS_SINCE",
            "12.6.2025",
            "is '12.6.2025'; expected a date like 2025-06-12, not before 1970.",
        ),
        (
            "GATEWAY_BENEFITS_SINCE",
            "1969-12-31",
            "is '1969-12-31'; expected a date like 2025-06-12, not before 1970.",
        ),
        ("GATEWAY_SIGNING_KEYS", "a,,b", "is 'a,,b'; expected paths, separated by commas."),
        (
            "GATEWAY_TRUSTED_PROXIES",
            "proxy.example",
            "is 'proxy.example'; expected addresses or networks, separated by commas.",
        ),
        *(
            (
                "GATEWAY_CORS_ORIGINS",
                value,
                f"is {value!r}; expected origins like https://shop.example, separated by commas.",
            )
            for value in ("*", "shop.example", "https://Shop.example", "https://shop.example/", "https://a,")
        ),
        ("GATEWAY_CORS_HEADERS", "x y", "is 'x y'; expected header names, separated by commas."),
        ("GATEWAY_OIDC_ISSUER", "http://sso.example", "is 'http://sso.example'; expected an https URL."),
        ("GATEWAY_OIDC_ORGS", "1;2", "is '1;2'; expected numbers, separated by commas."),
        ("GATEWAY_OIDC_ORGS", "-1", "is '-1'; expected numbers, separated by commas."),
        ("GATEWAY_MAX_DEPTH", "0", "is '0'; expected a number from 1 to 1000000000."),
        ("GATEWAY_COMPILED", "", "is ''; expected on or off."),
        ("GATEWAY_INTROSPECTION", "maybe", "is 'maybe'; expected on or off."),
        ("GATEWAY_REST_STATUS", "Legacy", "is 'Legacy'; expected 'legacy' or 'semantic'."),
        (
            "GATEWAY_OIDC_ISSUER",
            "https://sso.example",
            "needs GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS.",
        ),
        ("GATEWAY_TRUSTED_DOCUMENTS_ONLY", "on", "needs GATEWAY_TRUSTED_DOCUMENTS."),
    ],
)
def test_a_wrong_value_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(OperatorError) as raised:
        Settings.from_environment()
    assert str(raised.value) == f"{variable} {message}"


def test_every_wrong_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_TRACES="on", GATEWAY_MONGODB_URI="geheim", GATEWAY_PORT="x")
    with pytest.raises(OperatorError) as raised:
        Settings.from_environment()
    assert str(raised.value).splitlines() == [
        "GATEWAY_MONGODB_URI is invalid (its value is not shown); "
        "expected a connection string that begins with mongodb:// or mongodb+srv://.",
        "GATEWAY_PORT is 'x'; expected a number from 0 to 65535.",
        "GATEWAY_TRACES is 'on'; expected 'off' or 'otlp'.",
    ]


def test_every_missing_companion_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    set_variables(monkeypatch, GATEWAY_OIDC_ISSUER="https://sso.example", GATEWAY_TRUSTED_DOCUMENTS_ONLY="on")
    with pytest.raises(OperatorError) as raised:
        Settings.from_environment()
    assert str(raised.value).splitlines() == [
        "GATEWAY_OIDC_ISSUER needs GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS.",
        "GATEWAY_TRUSTED_DOCUMENTS_ONLY needs GATEWAY_TRUSTED_DOCUMENTS.",
    ]


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        ("GATEWAY_PORT", DatabaseSettings),
        ("GATEWAY_PORT", ImportSettings),
        ("GATEWAY_TRACES", ImportSettings),
        ("GATEWAY_PENDING_EVENT_DAYS", DatabaseSettings),
    ],
)
def test_a_setting_that_is_not_used_may_be_wrong(
    monkeypatch: pytest.MonkeyPatch, variable: str, kind: type[DatabaseSettings]
) -> None:
    monkeypatch.setenv(variable, "wrong")
    assert kind.from_environment() == kind()
    with pytest.raises(OperatorError, match=variable):
        Settings.from_environment()


def test_a_setting_with_a_given_value_is_not_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "wrong")
    assert Settings.from_environment(port=80).port == 80


@pytest.mark.parametrize(
    "value", ["tcp://10.0.0.7:80", "udp://10.0.0.7:53", "sctp://10.0.0.7:9", "tcp://[fd00::7]:80"]
)
@pytest.mark.parametrize("variable", ["GATEWAY_PORT", "GATEWAY_METRICS_PORT"])
def test_the_address_of_a_kubernetes_service_is_no_port(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    settings = Settings.from_environment()
    assert (settings.port, settings.metrics_port) == (8000, 0)


def test_the_connection_string_is_a_secret() -> None:
    settings = Settings(mongodb_uri=SecretStr("mongodb://user:geheim@host"))
    assert "geheim" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    with pytest.raises(ValidationError) as raised:
        Settings(mongodb_uri="user:geheim@host")  # type: ignore[arg-type]
    assert "geheim" not in str(raised.value)
