"""The database as a command uses it: opened, used once, closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from gateway.commands.environment import read_settings
from gateway.settings import DatabaseSettings
from loaders.clients import add_default_groups
from loaders.store import Store

T = TypeVar("T")


class NotSetUp(Exception):
    """The database lacks collections or indexes; the message is one line."""


def with_store(use: Callable[[Store], Awaitable[T]], settings: DatabaseSettings | None = None) -> T:
    """Call `use` with the database of these settings, or else of the environment; returns its result."""
    named = settings or read_settings(DatabaseSettings)

    async def run() -> T:
        store = Store(named.mongodb_uri.get_secret_value(), named.database, driver=named.driver)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def check_set_up(store: Store) -> None:
    """Raises `NotSetUp` unless `init-db` has been run: without its indexes, data could be counted twice."""
    if missing := await store.missing():
        raise NotSetUp(f"Database {store.name} lacks {', '.join(missing)}: run promo-gateway init-db first.")


async def set_up(store: Store) -> None:
    """Create whatever the gateway needs and the database lacks."""
    await store.set_up()
    await add_default_groups(store)


@click.command("init-db")
def init_db() -> None:
    """Create the collections, validators, indexes and access groups. Running it again changes nothing."""
    settings = read_settings(DatabaseSettings)
    with_store(set_up, settings)
    click.echo(f"Database {settings.database} is ready.")
