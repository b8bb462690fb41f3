"""The probes `/health/live` and `/health/ready`."""

import asyncio

import pytest

from gateway.health import LIVE, READY
from tests.conftest import OpenGateway
from tests.faults import Line
from tests.helpers.health import assert_health
from tests.support import Gateway


async def test_liveness_sends_no_command(gateway: Gateway) -> None:
    assert_health(await gateway.client.get(LIVE), 200, "alive")
    assert gateway.commands.names == []


async def test_readiness_pings_the_database(gateway: Gateway) -> None:
    assert_health(await gateway.client.get(READY), 200, "ready")
    assert gateway.commands.names == ["ping"]


async def test_concurrent_probes_share_a_ping(gateway: Gateway) -> None:
    for response in await asyncio.gather(*(gateway.client.get(READY) for _ in range(20))):
        assert_health(response, 200, "ready")
    assert gateway.commands.names == ["ping"]


async def test_a_process_whose_database_does_not_answer_is_alive_but_not_ready(
    gateway_with: OpenGateway, line: Line
) -> None:
    async with gateway_with(mongodb_uri=line.uri) as gateway:
        line.freeze()
        assert_health(await gateway.client.get(READY), 503, "database unavailable")
        assert_health(await gateway.client.get(LIVE), 200, "alive")
        line.thaw()
        assert_health(await gateway.client.get(READY), 200, "ready")


@pytest.mark.parametrize("path", [LIVE, READY])
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405)])
async def test_a_probe_accepts_only_reading_methods(
    gateway: Gateway, path: str, method: str, status: int
) -> None:
    assert (await gateway.client.request(method, path)).status_code == status
