"""The port that Prometheus reads, and the list of metrics in the documentation."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from gateway.telemetry.metrics import WorkerMetrics
from tests.conftest import Start
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, environment, free_port, wait_until_served
from tests.helpers.repository import ROOT

ON_CALL = ROOT / "docs/on-call.md"


def value(text: str, sample: str) -> float:
    """The value of a sample in the text format of Prometheus."""
    [found] = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_the_on_call_page_describes_every_metric() -> None:
    rows = re.findall(r"^\| `(promo_gateway_\w+)` \| .*\| (.*) \|$", ON_CALL.read_text(), re.MULTILINE)
    own = [family for family in REGISTRY.collect() if family.name.startswith("promo_gateway_")]
    assert sorted(rows) == sorted(
        (f"{family.name}_total" if family.type == "counter" else family.name, family.documentation)
        for family in own
    )


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.slow
def test_the_metrics_port_adds_up_all_workers(start: Start, settings: Settings, workers: str) -> None:
    port, metrics_port = free_port(), free_port()
    variables = environment(settings, GATEWAY_METRICS_PORT=str(metrics_port))
    served = start("serve", "--port", str(port), "--workers", workers, variables=variables)
    wait_until_served(port)
    url = f"http://127.0.0.1:{port}"
    for _ in range(20):
        # Each request has a new connection, so that every worker gets some.
        httpx.get(url + ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER, timeout=60)
    status_on_api_port = httpx.get(f"{url}/metrics", timeout=60).status_code
    requests = f'promo_gateway_request_duration_seconds_count{{route="{ACTION_SUMMARY_PATH}",status="200"}}'
    deadline = time.monotonic() + 60
    # A worker counts a request after it has sent the response.
    metrics = f"http://127.0.0.1:{metrics_port}/metrics"
    while value(text := httpx.get(metrics, timeout=60).text, requests) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    served.send_signal(signal.SIGTERM)
    served.communicate(timeout=60)
    assert status_on_api_port == 404
    assert value(text, requests) == 20
    assert value(text, 'promo_gateway_command_duration_seconds_count{command="aggregate",outcome="ok"}') == 20
    assert value(text, 'promo_gateway_batch_loads_sum{kind="totals"}') == 20
    assert value(text, 'promo_gateway_pool_connections{state="in_use"}') == 0
    assert value(text, 'promo_gateway_queued_loads{kind="totals"}') == 0


@pytest.mark.external
def test_a_dead_worker_keeps_its_counters_but_not_its_gauges(tmp_path: Path) -> None:
    program = (
        "import os, sys, gateway.telemetry; os.environ['PROMETHEUS_MULTIPROC_DIR'] = sys.argv[1]\n"
        "from gateway.telemetry.metrics import REQUESTS, TASKS\n"
        "REQUESTS.labels('/graphql', 200).observe(0.1); TASKS.set(5); print('counted', flush=True); input()"
    )
    registry = CollectorRegistry()
    registry.register(WorkerMetrics(tmp_path))
    worker = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout
    assert worker.stdout.readline() == b"counted\n"
    assert value(generate_latest(registry).decode(), "promo_gateway_event_loop_tasks") == 5
    worker.kill()
    worker.communicate()
    text = generate_latest(registry).decode()
    assert "promo_gateway_event_loop_tasks" not in text
    assert value(text, 'promo_gateway_request_duration_seconds_count{route="/graphql",status="200"}') == 1


@pytest.mark.external
@pytest.mark.parametrize("variable", ["PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"])
def test_a_directory_for_prometheus_from_outside_is_ignored(tmp_path: Path, variable: str) -> None:
    program = "from gateway.telemetry.metrics import REQUESTS; REQUESTS.labels('/graphql', 200).observe(0.1)"
    subprocess.run([sys.executable, "-c", program], env={variable: str(tmp_path)}, check=True, timeout=60)
    assert list(tmp_path.iterdir()) == []
