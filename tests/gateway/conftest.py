"""The fixture of the tests that read exported spans."""

from collections.abc import Iterator

import pytest

from tests.helpers.collector import Collector, collecting


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector of spans that the gateway exports to if its traces are on."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector
