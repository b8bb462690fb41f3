"""One measurement: the responses of a workload are checked, then wrk loads the server with it."""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from pydantic import SecretStr

from bench import machine, wrk
from bench.seed import Tenant
from bench.servers import PATIENCE_SECONDS, Server, fresh_database, started
from bench.workloads import WORKLOADS, Request, SummaryRequest, Workload
from gateway.commands.database import with_store
from gateway.graphql.endpoint import GRAPHQL_PATH
from loaders.store import Store

COUNT_SECONDS = 2


@dataclass(frozen=True)
class Figures:
    """Requests a second; milliseconds of a request's latency and of the server's CPU per request."""

    rate: float
    p50: float
    p99: float
    cpu: float


@dataclass(frozen=True)
class Counts:
    """Commands to the database per warm request, by name."""

    finds: float
    aggregations: float


@dataclass(frozen=True)
class Script:
    """The requests that wrk sends for a workload, and their organisations."""

    workload: Workload
    path: Path
    tenants: set[Tenant]


@dataclass(frozen=True)
class Bench:
    """The servers under test: of each kind, one to measure and one whose commands are counted."""

    where: dict[str, str]
    measured: dict[str, Server]
    counted: dict[str, Server]
    directory: Path

    def script(self, workload: Workload, requests: list[list[SummaryRequest]]) -> Script:
        path = self.directory / f"{len(list(self.directory.iterdir()))}-{workload.name}.lua"
        wrk.write_script(path, (workload.request(one).text() for one in requests))
        return Script(workload, path, {one.tenant for request in requests for one in request})

    def measure(self, script: Script, connections: int, seconds: int) -> Figures:
        """Load the workload; raises `wrk.WentWrong`."""
        server = self.measured[script.workload.server]
        _log_in(server, script)
        before = server.cpu_seconds()
        load = wrk.run(script.path, server.url, connections, seconds)
        used = server.cpu_seconds() - before
        server.settle(load.p99)
        return Figures(load.rate, load.p50 * 1000, load.p99 * 1000, used / load.requests * 1000)

    def count(self, script: Script, connections: int) -> Counts:
        server = self.counted[script.workload.server]
        _log_in(server, script)
        # The first run lets the server remember the look-ups.
        wrk.run(script.path, server.url, connections, COUNT_SECONDS)
        requests, commands = server.counted()
        wrk.run(script.path, server.url, connections, COUNT_SECONDS)
        requests_after, commands_after = server.counted()
        sent, answered = commands_after - commands, requests_after - requests
        return Counts(sent["find"] / answered, sent["aggregate"] / answered)

    def check(self, workload: Workload, sample: Iterable[list[SummaryRequest]]) -> None:
        """Stop unless the responses equal those of `raw`: to the byte in REST, in their values in GraphQL."""
        with httpx.Client(timeout=PATIENCE_SECONDS) as http:
            for summaries in sample:
                texts = [
                    _send(http, self.measured["raw"], WORKLOADS["raw"].request([one])) for one in summaries
                ]
                text = _send(http, self.measured[workload.server], workload.request(summaries))
                if workload.name == "rest":
                    assert text == texts[0], f"{text} is not {texts[0]}"
                bodies = [json.loads(one, parse_float=str) for one in texts]
                assert json.loads(text, parse_float=str) == workload.expected(bodies), (
                    f"{workload.name}: {text} is not {texts}"
                )


@contextmanager
def opened(
    fill: Callable[[Store], Awaitable[None]], *, fast: bool = False, **variables: str
) -> Iterator[Bench]:
    """Start all servers with these variables, on a fresh database that `fill` fills.

    With `fast`, the servers use the stand-in in front of this database. Raises `wrk.WentWrong` if wrk is not
    installed.
    """
    wrk.program()
    with ExitStack() as stack:
        settings = stack.enter_context(fresh_database())
        with_store(fill, settings)
        where = machine.describe(settings)
        if fast:
            stand_in = stack.enter_context(started(settings, "bench.fast_database"))
            uri = f"{stand_in.url.replace('http', 'mongodb')}/?directConnection=true"
            settings = settings.model_copy(update={"mongodb_uri": SecretStr(uri)})
            where["database"] = f"a stand-in that answers in 0.1 ms, before {where['database']}"

        def start(*command: str) -> Server:
            return stack.enter_context(started(settings, *command, variables=variables))

        yield Bench(
            where,
            {
                "raw": start("bench.server_process", "raw"),
                "gateway": start("gateway", "serve", "--port", "0"),
            },
            {what: start("bench.server_process", what, "--counted") for what in ("raw", "gateway")},
            Path(stack.enter_context(TemporaryDirectory(prefix="bench-"))),
        )


def _log_in(server: Server, script: Script) -> None:
    """Let the server remember the callers, because a check of a password takes long."""
    if script.workload.server == "gateway":
        with httpx.Client() as http:
            for one in script.tenants:
                _send(http, server, Request(GRAPHQL_PATH, one.headers, '{"query": "{ __typename }"}'))


def _send(http: httpx.Client, server: Server, request: Request) -> str:
    headers = {**request.headers, "Content-Type": "application/json"}
    method = "POST" if request.body else "GET"
    response = http.request(method, server.url + request.path, headers=headers, content=request.body)
    assert response.status_code == 200, f"{response.status_code}: {response.text}"
    return response.text
