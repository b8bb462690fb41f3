"""A gateway for the examples to call: a process with a free port."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from gateway.settings import Settings
from tests.helpers.gateway import environment, free_port, wait_until_served


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    """The address of a gateway with the demo's data."""
    port = free_port()
    keys = ",".join(map(str, settings.signing_keys))
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", str(port)],
        env=environment(settings, GATEWAY_SIGNING_KEYS=keys),
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until_served(port)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
