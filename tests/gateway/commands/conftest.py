"""The fixtures of the tests of commands: an empty database, a directory, and restored signal handlers."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.commands.database import set_up
from gateway.settings import Settings
from loaders.store import Store
from tests.helpers.gateway import environment


@pytest.fixture
def database(settings: Settings, empty_store: Store) -> dict[str, str]:
    """The environment of a command on an empty database."""
    return environment(settings, GATEWAY_DATABASE=empty_store.name)


@pytest.fixture
async def prepared(database: dict[str, str], empty_store: Store) -> dict[str, str]:
    """The environment of a command on a database that is set up and has no data."""
    await set_up(empty_store)
    return database


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, in which commands run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    """Put back the signal handlers that `serve` and `demo` replace."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
