"""The table of settings: what each takes, and one line for what it does not."""

from dataclasses import fields
from datetime import date
from pathlib import Path

import pytest

from gateway.settings import SettingInvalid, Settings
from loaders.driver import DriverName


def test_without_an_environment_there_are_defaults() -> None:
    assert Settings.from_environment({}) == Settings()


def test_a_body_is_late_before_its_request_is() -> None:
    settings = Settings()
    assert settings.max_body_seconds * 1000 < settings.deadline_ms


def test_every_setting_is_read() -> None:
    environment = {
        "GATEWAY_MONGODB_URI": "mongodb+srv://cluster.example",
        "GATEWAY_DATABASE": "loyalty",
        "GATEWAY_DRIVER": "pymongo",
        "GATEWAY_HOST": "::",
        "GATEWAY_PORT": "0",
        "GATEWAY_WORKERS": "4",
        "GATEWAY_DEADLINE_MS": "2000",
        "GATEWAY_MAX_CONCURRENT_REQUESTS": "100",
        "GATEWAY_SHUTDOWN_SECONDS": "60",
        "GATEWAY_SIGNING_KEYS": "new.pem, old.pem",
        "GATEWAY_TRUSTED_PROXIES": "10.0.0.0/8,::1",
        "GATEWAY_CORS_ORIGINS": "https://shop.example,http://localhost:5173",
        "GATEWAY_OIDC_ISSUER": "https://sso.example",
        "GATEWAY_OIDC_AUDIENCE": "gateway",
        "GATEWAY_OIDC_ORG_CLAIM": "tenant",
        "GATEWAY_OIDC_ORGS": "1,2",
        "GATEWAY_OIDC_GROUP": "reports",
        "GATEWAY_BENEFITS_SINCE": "2025-01-01",
        "GATEWAY_PENDING_EVENT_DAYS": "7",
        "GATEWAY_MAX_CONCURRENT_BATCHES": "3",
        "GATEWAY_MAX_BATCH_SIZE": "500",
        "GATEWAY_MAX_BODY_BYTES": "1000",
        "GATEWAY_MAX_BODY_SECONDS": "2",
        "GATEWAY_MAX_CHARACTERS": "3",
        "GATEWAY_MAX_TOKENS": "4",
        "GATEWAY_MAX_NAMES": "5",
        "GATEWAY_MAX_DEPTH": "6",
        "GATEWAY_MAX_ALIASES": "7",
        "GATEWAY_MAX_ROOT_FIELDS": "8",
        "GATEWAY_MAX_REPEATED_FIELDS": "9",
        "GATEWAY_MAX_FRAGMENTS": "10",
        "GATEWAY_MAX_DIRECTIVES": "11",
        "GATEWAY_MAX_VARIABLES": "12",
        "GATEWAY_MAX_INTROSPECTIONS": "13",
        "GATEWAY_MAX_SUMMARIES": "14",
        "GATEWAY_COMPILED": "off",
        "GATEWAY_INTROSPECTION": "on",
        "GATEWAY_TRUSTED_DOCUMENTS": "operations.json",
        "GATEWAY_TRUSTED_DOCUMENTS_ONLY": "on",
        "GATEWAY_APQ_CACHE_BYTES": "0",
        "GATEWAY_REST_STATUS": "semantic",
        "GATEWAY_METRICS_PORT": "9100",
        "GATEWAY_TRACES": "otlp",
    }
    assert environment.keys() == {f"GATEWAY_{row.name.upper()}" for row in fields(Settings)}
    assert Settings.from_environment(environment) == Settings(
        mongodb_uri="mongodb+srv://cluster.example",
        database="loyalty",
        driver=DriverName.PYMONGO,
        host="::",
        port=0,
        workers=4,
        deadline_ms=2000,
        max_concurrent_requests=100,
        shutdown_seconds=60,
        signing_keys=(Path("new.pem"), Path("old.pem")),
        trusted_proxies=("10.0.0.0/8", "::1"),
        cors_origins=("https://shop.example", "http://localhost:5173"),
        oidc_issuer="https://sso.example",
        oidc_audience="gateway",
        oidc_org_claim="tenant",
        oidc_orgs=frozenset({1, 2}),
        oidc_group="reports",
        benefits_since=date(2025, 1, 1),
        pending_event_days=7,
        max_concurrent_batches=3,
        max_batch_size=500,
        max_body_bytes=1000,
        max_body_seconds=2,
        max_characters=3,
        max_tokens=4,
        max_names=5,
        max_depth=6,
        max_aliases=7,
        max_root_fields=8,
        max_repeated_fields=9,
        max_fragments=10,
        max_directives=11,
        max_variables=12,
        max_introspections=13,
        max_summaries=14,
        compiled="off",
        introspection="on",
        trusted_documents="operations.json",
        trusted_documents_only="on",
        apq_cache_bytes=0,
        rest_status="semantic",
        metrics_port=9100,
        traces="otlp",
    )


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "GATEWAY_MONGODB_URI",
            "http://user:geheim@host",
            "is not shown; expected a connection string that begins with mongodb:// or mongodb+srv://.",
        ),
        ("GATEWAY_DATABASE", "a.b", "is 'a.b'; expected a MongoDB database name of at most 63 bytes."),
        ("GATEWAY_DATABASE", "", "is ''; expected a MongoDB database name of at most 63 bytes."),
        ("GATEWAY_HOST", " ", "is ' '; expected a host name or an address."),
        ("GATEWAY_PORT", "65536", "is '65536'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "tcp://10.0.0.1:80", "is 'tcp://10.0.0.1:80'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "-1", "is '-1'; expected a number from 0 to 65535."),
        ("GATEWAY_PORT", "٨٠", "is '٨٠'; expected a number from 0 to 65535."),
        ("GATEWAY_WORKERS", "0", "is '0'; expected a number from 1 to 64."),
        (
            "GATEWAY_BENEFITS_SINCE",
            "12.6.2025",
            "is '12.6.2025'; expected a date like 2025-06-12, not before 1970.",
        ),
        ("GATEWAY_SIGNING_KEYS", "a,,b", "is 'a,,b'; expected paths separated by commas."),
        (
            "GATEWAY_TRUSTED_PROXIES",
            "proxy.example",
            "is 'proxy.example'; expected addresses or networks separated by commas.",
        ),
        *(
            (
                "GATEWAY_CORS_ORIGINS",
                value,
                f"is {value!r}; expected origins like https://shop.example, separated by commas.",
            )
            for value in ("*", "shop.example", "https://Shop.example", "https://shop.example/", "https://a,")
        ),
        ("GATEWAY_OIDC_ISSUER", "http://sso.example", "is 'http://sso.example'; expected an https URL."),
        (
            "GATEWAY_OIDC_ISSUER",
            "https://sso.example",
            "is set alone; expected GATEWAY_OIDC_AUDIENCE and GATEWAY_OIDC_ORGS beside it.",
        ),
        ("GATEWAY_OIDC_ORGS", "1;2", "is '1;2'; expected numbers separated by commas."),
        ("GATEWAY_MAX_DEPTH", "0", "is '0'; expected a number from 1 to 1000000000."),
        (
            "GATEWAY_TRUSTED_DOCUMENTS_ONLY",
            "on",
            "is on alone; expected GATEWAY_TRUSTED_DOCUMENTS beside it.",
        ),
        ("GATEWAY_REST_STATUS", "Legacy", "is 'Legacy'; expected legacy or semantic."),
    ],
)
def test_a_wrong_value_is_one_line(variable: str, value: str, message: str) -> None:
    with pytest.raises(SettingInvalid) as raised:
        Settings.from_environment({variable: value})
    assert str(raised.value) == f"{variable} {message}"
