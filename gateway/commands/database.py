"""The database as a command of the command line sees it: opened, used once, closed."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from gateway.settings import Settings
from loaders.clients import add_default_groups
from loaders.store import Store

T = TypeVar("T")


def with_store(use: Callable[[Store], Awaitable[T]], settings: Settings | None = None) -> T:
    """What `use` returns, given the store that `settings`, or else the environment, names."""

    async def run(named: Settings) -> T:
        store = Store(named.mongodb_uri, named.database, driver=named.driver)
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run(settings or Settings.from_environment(os.environ)))


class NotSetUp(Exception):
    """The database lacks collections or indexes; the message is one line."""


async def check_set_up(store: Store) -> None:
    """Raises `NotSetUp` unless `set_up` has been run: without its indexes, nothing is counted only once."""
    if missing := await store.missing():
        raise NotSetUp(f"Database {store.name} lacks {', '.join(missing)}: run promo-gateway init-db first.")


async def set_up(store: Store) -> None:
    """Create what the gateway needs and what is not there yet; safe to run again."""
    await store.set_up()
    await add_default_groups(store)


@click.command("init-db")
def init_db() -> None:
    """Create the collections, validators, indexes and access groups; safe to run again."""
    with_store(set_up)
    click.echo(f"Database {Settings.from_environment(os.environ).database} is ready.")
