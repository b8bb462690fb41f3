"""A database of its own for the commands that change one."""

import pytest

from gateway.settings import Settings
from loaders.store import Store
from tests.helpers.gateway import environment


@pytest.fixture
def database(settings: Settings, empty_store: Store) -> dict[str, str]:
    """The environment of a command that works on a database of its own."""
    return environment(settings, GATEWAY_DATABASE=empty_store.name)
