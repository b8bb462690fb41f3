"""Exported spans: their names, parents and attributes."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.commands.main import main
from gateway.commands.sample_data import DEMO, MOBILE, PROMOTION
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from gateway.telemetry.setup import Telemetry, check_traces
from gateway.telemetry.traces import Traces
from loaders.dispatcher import Batching
from loaders.driver import DriverName
from loaders.enums import Benefit
from loaders.errors import StoreUnavailable
from loaders.store import Store
from loaders.totals import CustomerPromotion, TotalsDispatcher, TotalsScope
from tests.conftest import OpenGateway
from tests.helpers.collector import Collector
from tests.helpers.faults import DatabaseProxy, until
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Commands, Gateway

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUEST_ID = "0123456789abcdef0123456789abcdef"


def attributes(span: Span) -> dict[str, Any]:
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
        for one in span.attributes
    }


def tree(spans: list[Span], parent: bytes) -> dict[str, Any]:
    """The names of the spans below `parent`, each with the tree below it."""
    below = [span for span in spans if span.parent_span_id == parent]
    return {span.name: tree(spans, span.span_id) for span in sorted(below, key=lambda span: span.name)}


async def test_request_batches_and_commands_are_spans_in_the_trace_of_the_caller(
    gateway_with: OpenGateway, settings: Settings, collector: Collector
) -> None:
    async with gateway_with(traces="otlp") as gateway:
        await gateway.warm()
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-CAP-REQUEST-ID": REQUEST_ID}
        response = await gateway.rest(DOCUMENTED, {**DEMO_HEADER, **headers})
    spans = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    assert tree(spans, bytes.fromhex(PARENT)) == {
        f"GET {ACTION_SUMMARY_PATH}": {
            "load customers": {"find customer_identifiers": {}},
            "load promotions": {"find promotions": {}},
            "load totals": {"aggregate issuances": {}},
        }
    }
    by_name = {span.name: span for span in spans}
    request = by_name[f"GET {ACTION_SUMMARY_PATH}"]
    assert attributes(request) == {
        "http.request.method": "GET",
        "http.route": ACTION_SUMMARY_PATH,
        "http.response.status_code": 200,
        "promo_gateway.request_id": REQUEST_ID,
    }
    assert attributes(by_name["load totals"]) == {"promo_gateway.loads": 1}
    assert attributes(by_name["aggregate issuances"]) == {
        "db.system.name": "mongodb",
        "db.namespace": settings.database,
        "db.collection.name": "issuances",
        "db.operation.name": "aggregate",
    }
    assert response.headers["traceparent"] == f"00-{TRACE}-{request.span_id.hex()}-01"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(
            {"json": {"query": "query Mine { __typename }"}}, {"graphql.operation.type": "query"}, id="ad hoc"
        ),
        pytest.param(
            {"json": {"documentId": "screen"}},
            {"graphql.operation.type": "query", "graphql.operation.name": "Screen"},
            id="trusted",
        ),
        pytest.param(
            {"json": {"documentId": "unnamed"}}, {"graphql.operation.type": "query"}, id="trusted, unnamed"
        ),
        pytest.param({"json": {"query": "{"}}, {"promo_gateway.code": 400}, id="no document"),
    ],
)
async def test_a_graphql_span_names_only_operations_of_the_manifest(
    gateway_with: OpenGateway,
    collector: Collector,
    tmp_path: Path,
    request_: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"screen": "query Screen { __typename }", "unnamed": "{ __typename }"}')
    async with gateway_with(traces="otlp", trusted_documents=manifest) as gateway:
        headers = {**DEMO_HEADER, "X-CAP-REQUEST-ID": REQUEST_ID}
        await gateway.client.post("/graphql", headers=headers, **request_)
    [span] = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert span.name == "POST /graphql"
    assert attributes(span) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "http.response.status_code": 200,
        "promo_gateway.request_id": REQUEST_ID,
        **expected,
    }


async def test_a_method_that_is_not_standard_is_not_named(
    gateway_with: OpenGateway, collector: Collector
) -> None:
    async with gateway_with(traces="otlp") as gateway:
        await gateway.client.request(f"M{MOBILE}", "/graphql")
    [span] = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert (span.name, attributes(span)["http.request.method"]) == ("HTTP /graphql", "_OTHER")


async def test_a_server_error_has_the_error_status(
    gateway_with: OpenGateway, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("gateway.rest.action_summary.summarize")
    async with gateway_with(traces="otlp") as gateway:
        await gateway.rest(DOCUMENTED)
    [span] = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert (attributes(span)["error.type"], span.status.code) == ("500", Status.STATUS_CODE_ERROR)


async def test_a_shared_batch_is_in_the_trace_of_the_first_request(
    store: Store, collector: Collector
) -> None:
    telemetry = Telemetry("otlp", "loyalty")
    assert telemetry.traces
    start_span = telemetry.traces.start_span
    totals = TotalsDispatcher(store, Batching(max_concurrent=1, observer=telemetry))
    ledger = TotalsScope(DEMO.id, DEMO.midnight(Settings().benefits_since), frozenset(Benefit))

    async def ask(customer_id: int) -> None:
        with start_span(f"request {customer_id}"):
            await totals.load(ledger, {CustomerPromotion(customer_id, PROMOTION.promotion_id)})

    await asyncio.gather(*map(ask, range(4)))
    telemetry.traces.close()
    names = {span.span_id: span.name for span in collector.spans}
    batches = [
        (names[span.parent_span_id], attributes(span))
        for span in collector.spans
        if span.name == "load totals"
    ]
    assert batches == [
        ("request 0", {"promo_gateway.loads": 1}),
        ("request 1", {"promo_gateway.loads": 3}),
    ]


async def test_a_request_span_has_the_code_of_its_error(
    gateway_with: OpenGateway, collector: Collector
) -> None:
    async with gateway_with(traces="otlp") as gateway:
        await gateway.rest({**DOCUMENTED, "promotionId": "1"})
        await gateway.client.get(f"/{MOBILE}")
    found = [(span.name, attributes(span)) for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
    assert [(name, of["promo_gateway.code"]) for name, of in found] == [
        (f"GET {ACTION_SUMMARY_PATH}", 8874),
        ("GET", 404),
    ]


async def test_the_span_of_a_failed_command_has_no_message(settings: Settings, collector: Collector) -> None:
    traces = Traces("loyalty")
    store = Store(
        settings.mongodb_uri.get_secret_value(),
        settings.database,
        on_command=traces.command,
    )
    with pytest.raises(StoreUnavailable):
        await store.aggregate("issuances", [{"$nonsense": MOBILE}])
    await store.close()
    traces.close()
    (span,) = collector.spans
    assert (span.name, span.status.code) == ("aggregate issuances", Status.STATUS_CODE_ERROR)
    assert attributes(span)["error.type"] == "OperationFailure"
    assert (span.status.message, len(span.events)) == ("", 0)


@pytest.mark.parametrize("name", DriverName)
async def test_the_span_of_a_cancelled_command_has_the_error_status(
    settings: Settings, proxy: DatabaseProxy, collector: Collector, name: DriverName
) -> None:
    traces, commands = Traces("loyalty"), Commands()
    store = Store(proxy.uri, settings.database, driver=name, listeners=[commands], on_command=traces.command)
    await store.ping()
    proxy.freeze()
    finding = asyncio.create_task(store.get("organizations", 1))
    await until(lambda: commands.names == ["ping", "find"])
    finding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finding
    proxy.thaw()
    await store.close()
    traces.close()
    ping, find = collector.spans
    assert (ping.name, ping.status.code) == ("ping loyalty", Status.STATUS_CODE_UNSET)
    assert (find.name, find.status.code) == ("find organizations", Status.STATUS_CODE_ERROR)
    assert attributes(find)["error.type"] == "CancelledError"


async def test_without_traces_a_response_has_no_traceparent(gateway: Gateway) -> None:
    headers = {**DEMO_HEADER, "traceparent": f"00-{TRACE}-{PARENT}-01"}
    assert "traceparent" not in (await gateway.rest(DOCUMENTED, headers)).headers


@pytest.mark.external
def test_without_traces_opentelemetry_is_not_imported() -> None:
    program = (
        "import sys; from gateway.app import create_app; from gateway.settings import Settings;"
        "create_app(Settings()); sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_traces_without_opentelemetry_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.setenv("GATEWAY_TRACES", "otlp")
    result = CliRunner().invoke(main, ["serve"])
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: GATEWAY_TRACES is otlp, but OpenTelemetry is not installed: "
        "pip install 'promo-gateway[otel]'.\n",
    )


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; expected 'http/protobuf'.",
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; expected 'http/protobuf'.",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is 'grpc'; expected 'http/protobuf'.",
        ),
        (
            {"OTEL_BSP_MAX_QUEUE_SIZE": "-1"},
            "OpenTelemetry cannot use its OTEL_… variables: max_queue_size must be a positive integer.",
        ),
        (
            {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "many"},
            "OpenTelemetry cannot use its OTEL_… variables: "
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer but got many",
        ),
    ],
)
def test_otel_variables_that_cannot_be_obeyed_are_refused(variables: dict[str, str], line: str) -> None:
    result = CliRunner().invoke(main, ["serve"], env={"GATEWAY_TRACES": "otlp", **variables})
    assert (result.exit_code, result.stderr) == (1, f"Error: {line}\n")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": ""},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
        # The variable for traces wins.
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
    ],
)
def test_otel_variables_that_can_be_obeyed_are_accepted(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    check_traces("otlp")


def test_without_traces_otel_variables_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    check_traces("off")
