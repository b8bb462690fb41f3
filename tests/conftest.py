"""The real database, the real application, and a record of every command between them."""

import gc
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck
from hypothesis import settings as examples
from pydantic import SecretStr
from pymongo import MongoClient

from gateway import health, server
from gateway.auth import authenticator, password_check
from gateway.auth.tokens import SigningKey
from gateway.commands import import_output
from gateway.commands.embedded_database import embedded_database
from gateway.commands.sample_data import fill
from gateway.ingest import background_counting, event_recorder
from gateway.middleware import deadline
from gateway.settings import Settings
from gateway.telemetry import logs
from loaders.dispatcher import Dispatcher
from loaders.driver import DriverName
from loaders.store import Store
from resolvers.schema import create_schema
from tests.helpers.faults import PATIENCE, DatabaseProxy
from tests.helpers.gateway import (
    CHEAP_HASHER,
    Commands,
    Gateway,
    changed,
    children,
    environment,
    free_port,
    open_gateway,
    wait_until_served,
)

Logged = Callable[[], str]
DAY = 86_400

# On a busy machine an example may take any time.
examples.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("any speed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the database or start the gateway as a process."""
    for item in items:
        if {"mongodb_uri", "start"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("external")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Write the log lines of a test while its output is captured."""
    try:
        return (yield)
    finally:
        logs.flush()


@pytest.fixture(autouse=True)
def _no_unmarked_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test of `make check` fail if it starts a process."""
    if not any(map(request.node.get_closest_marker, ("external", "slow"))):

        def fail(*_: object, **__: object) -> None:
            pytest.fail("A test that starts a process has the marker `external`.")

        monkeypatch.setattr(subprocess, "Popen", fail)


def drop(uri: str, database: str) -> None:
    """Delete a test's database."""
    client: MongoClient[dict[str, object]] = MongoClient(uri)
    client.drop_database(database)
    client.close()


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    """Configure the logs as `promo-gateway` does."""
    logs.configure()


@pytest.fixture(scope="session", autouse=True)
def _long_time_limits() -> Iterator[None]:
    """Let no test depend on how busy the machine is. A test of a time limit sets the limit itself."""
    with pytest.MonkeyPatch.context() as patch:
        # Periodic checks and repeated look-ups of callers would get into the lists of commands, and all tests
        # together can take more than an hour.
        patch.setattr(health, "SCHEMA_CHECK_SECONDS", DAY)
        patch.setattr(background_counting, "RESUME_SECONDS", DAY)
        patch.setattr(password_check, "REMEMBERED_SECONDS", DAY)
        patch.setattr(authenticator, "REMEMBERED_SECONDS", DAY)
        # A batch that replaces a late one would get into the lists of commands too.
        patch.setattr(Dispatcher, "late_after", DAY)
        # A line of progress would get into the output of imports that is compared.
        patch.setattr(import_output, "SECONDS_BETWEEN_LINES", DAY)
        patch.setattr(health, "PING_SECONDS", 60)
        patch.setattr(password_check, "WAIT_SECONDS", 60)
        patch.setattr(password_check, "READ_SECONDS", 60)
        patch.setattr(deadline, "BODY_SECONDS", 60)
        patch.setattr(server, "HEAD_SECONDS", 60)
        patch.setattr(logs, "FLUSH_SECONDS", 60)
        # The counting of an event never moves to the background.
        patch.setattr(event_recorder, "COUNTING_SHARE", 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def production_hasher() -> Iterator[PasswordHasher]:
    """Hash secrets cheaply in all tests; returns the hasher of production."""
    production = password_check.HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password_check, "HASHER", CHEAP_HASHER)
        yield production


@pytest.fixture(scope="session", autouse=True)
def _small_collections() -> None:
    """Exclude modules and collected tests from garbage collections, because some tests run many."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """Read signing keys and certificates and create the schema once for all applications; none changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        patch.setattr(SigningKey, "read", cache(SigningKey.read))
        patch.setattr("gateway.app.create_schema", cache(create_schema))
        yield


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Logged:
    """Returns the log lines since its last call."""

    def logged() -> str:
        logs.flush()
        return capfd.readouterr().err

    return logged


Start = Callable[..., "subprocess.Popen[str]"]
OpenGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The embedded server, unless GATEWAY_TEST_MONGODB_URI names another."""
    if uri := os.environ.get("GATEWAY_TEST_MONGODB_URI"):
        yield uri
    else:
        with embedded_database(tmp_path_factory.mktemp("database"), durable=False) as uri:
            yield f"{uri}/?{PATIENCE}"


@pytest.fixture(scope="session")
def driver() -> DriverName:
    """The driver of all tests: motor, unless GATEWAY_TEST_DRIVER names the other."""
    return DriverName(os.environ.get("GATEWAY_TEST_DRIVER", DriverName.MOTOR))


@pytest.fixture(scope="session")
def signing_keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two signing keys."""
    directory = tmp_path_factory.mktemp("keys")
    paths = directory / "first.pem", directory / "second.pem"
    for path in paths:
        SigningKey.write_new(path)
    return paths


@pytest.fixture(scope="session")
async def settings(
    mongodb_uri: str, signing_keys: tuple[Path, Path], driver: DriverName
) -> AsyncIterator[Settings]:
    """Settings for a database that holds the demo's data; tests add organisations of their own."""
    database = f"test_{uuid.uuid4().hex}"
    settings = Settings(
        mongodb_uri=SecretStr(mongodb_uri),
        database=database,
        driver=driver,
        signing_keys=signing_keys[:1],
        deadline_ms=60_000,
        # Without the cache each request sends all its commands; the tests of the cache turn it on.
        lookup_cache_seconds=0,
    )
    store = Store(settings.mongodb_uri.get_secret_value(), settings.database, driver=settings.driver)
    await fill(store)
    yield settings
    await store.close()
    # The embedded server ends with its data right after, and would need seconds to delete so much.
    if "GATEWAY_TEST_MONGODB_URI" in os.environ:
        drop(mongodb_uri, database)


@pytest.fixture(scope="session")
async def store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.mongodb_uri.get_secret_value(), settings.database, driver=settings.driver)
    yield store
    await store.close()


@pytest.fixture
async def empty_store(mongodb_uri: str, driver: DriverName) -> AsyncIterator[Store]:
    """A store whose database has no collections yet."""
    store = Store(mongodb_uri, f"test_{uuid.uuid4().hex}", driver=driver)
    yield store
    await store.close()
    drop(mongodb_uri, store.name)


@pytest.fixture
async def watched_store(settings: Settings) -> AsyncIterator[tuple[Store, Commands]]:
    """A store, and the commands that it sends."""
    commands = Commands()
    store = Store(
        settings.mongodb_uri.get_secret_value(),
        settings.database,
        driver=settings.driver,
        listeners=[commands],
    )
    yield store, commands
    await store.close()


@pytest.fixture
def proxy(settings: Settings) -> Iterator[DatabaseProxy]:
    """A proxy in front of the database that can be frozen and cut."""
    with DatabaseProxy(settings.mongodb_uri.get_secret_value()).open() as proxy:
        yield proxy


@pytest.fixture(scope="session")
async def shared_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with open_gateway(settings) as gateway:
        yield gateway


@pytest.fixture
def gateway(shared_gateway: Gateway) -> Gateway:
    """The gateway with the default settings, which tests share; its list of commands is empty."""
    shared_gateway.commands.clear()
    return shared_gateway


@pytest.fixture
def gateway_with(settings: Settings) -> OpenGateway:
    """Opens a gateway with other settings than the default ones."""

    @asynccontextmanager
    async def open_with(**changes: object) -> AsyncIterator[Gateway]:
        async with open_gateway(changed(settings, **changes)) as gateway:
            yield gateway

    return open_with


@pytest.fixture(scope="session")
def address(settings: Settings) -> Iterator[str]:
    """The address of a gateway process with the demo's data, which several tests share."""
    port = free_port()
    keys = ",".join(map(str, settings.signing_keys))
    with subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", str(port)],
        env=environment(settings, GATEWAY_SIGNING_KEYS=keys),
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until_served(port)
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `promo-gateway` and stops it at the end of the test if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str,
        variables: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        stderr: int | IO[str] = subprocess.PIPE,
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            env=dict(variables or {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
            pass_fds=pass_fds,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            # The children too: a demo's database would outlive its parent.
            for pid in (*children(process.pid), process.pid):
                # A child may end meanwhile.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.communicate()
