"""What the tests of commands share: a database of their own, and an end to what a command leaves behind."""

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
    """The environment of a command that works on a database of its own."""
    return environment(settings, GATEWAY_DATABASE=empty_store.name)


@pytest.fixture
async def prepared(database: dict[str, str], empty_store: Store) -> dict[str, str]:
    """The environment of a command on a database of its own that is set up."""
    await set_up(empty_store)
    return database


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own, in which a command runs."""
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
