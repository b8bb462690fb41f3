"""The processes that a bench measures: they are started and stopped, and their CPU and memory are read."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, Literal

import httpx
from pydantic import SecretStr
from pymongo import MongoClient

from bench.http_client import Address
from bench.server_process import COUNTED
from gateway.commands.embedded_database import embedded_database
from gateway.settings import Settings
from loaders.driver import DriverName

SETTLED_SECONDS = 0.4
# The embedded database needs long for the largest ledgers.
PATIENCE_SECONDS = 120

_LISTENING = re.compile(r"Listening on (\S+) port (\d+)")
_EXPECTED = re.compile(
    r'^(Listening on .*|GATEWAY_SIGNING_KEYS is not set.*|{"time":"[^"]*","level":"info",.*)\n', re.MULTILINE
)
_TICKS = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A server ended before it listened; the message is its output."""


@dataclass(frozen=True)
class Server:
    """A server that listens; `pid` is its one process."""

    url: str
    pid: int

    @property
    def address(self) -> Address:
        """The host and the port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def memory(self, field: Literal["VmRSS", "VmHWM"]) -> float:
        """The resident memory of the process in MiB: now (VmRSS), or its maximum so far (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(f"{field}:")[2].split()[0]) / 1024

    def cpu_seconds(self) -> float:
        """The CPU time of all threads of the process so far, in user and kernel mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def settle(self, latency: float = 0) -> None:
        """Wait until all work for disconnected clients has ended, here and in the database."""
        time.sleep(latency)
        used = None
        while used != (used := self.cpu_seconds()):
            time.sleep(SETTLED_SECONDS)

    def counted(self) -> tuple[int, Counter[str]]:
        """The requests and the commands of a counted server so far, when no request is in flight."""
        while True:
            counts: dict[str, Any] = httpx.get(self.url + COUNTED).json()
            if counts.get("started") == counts.get("ended"):
                return counts.get("started", 0), Counter(counts["commands"])
            time.sleep(0.05)


@contextmanager
def database() -> Iterator[str]:
    """The URI in GATEWAY_BENCH_MONGODB_URI, or that of an embedded server."""
    if uri := os.environ.get("GATEWAY_BENCH_MONGODB_URI"):
        yield uri
    else:
        with (
            TemporaryDirectory(prefix="bench-") as directory,
            embedded_database(Path(directory), durable=False) as uri,
        ):
            yield f"{uri}/?socketTimeoutMS={PATIENCE_SECONDS * 1000}"


@contextmanager
def fresh_database() -> Iterator[Settings]:
    """An empty database on that server, dropped at the end, and the driver in GATEWAY_BENCH_DRIVER."""
    driver = DriverName(os.environ.get("GATEWAY_BENCH_DRIVER", DriverName.MOTOR))
    with database() as uri:
        settings = Settings(mongodb_uri=SecretStr(uri), database="promo_gateway_bench", driver=driver)
        with MongoClient[dict[str, Any]](uri) as client:
            client.drop_database(settings.database)
            try:
                yield settings
            finally:
                client.drop_database(settings.database)


def environment(settings: Settings) -> dict[str, str]:
    """The environment of this process, with the settings of the measured gateway."""
    return {
        **os.environ,
        "GATEWAY_MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "GATEWAY_DATABASE": settings.database,
        "GATEWAY_DRIVER": settings.driver,
        # Errors have an HTTP status of their own, which wrk sees.
        "GATEWAY_REST_STATUS": "semantic",
        "GATEWAY_DEADLINE_MS": str(PATIENCE_SECONDS * 1000),
    }


@contextmanager
def started(
    settings: Settings, *command: str, variables: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `python -m *command` on this database, with more variables, until the end of the block."""
    with NamedTemporaryFile(prefix="bench-", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env={**environment(settings), **(variables or {})}, stderr=log
        )
        try:
            while not (listening := _LISTENING.search(Path(log.name).read_text())):
                if process.poll() is not None:
                    raise DidNotStart(Path(log.name).read_text())
                time.sleep(0.02)
            yield Server(f"http://{listening[1]}:{listening[2]}", process.pid)
        finally:
            process.terminate()
            process.wait()
            # Show the unexpected lines that the process wrote.
            sys.stderr.write(_EXPECTED.sub("", Path(log.name).read_text()))
