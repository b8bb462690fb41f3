"""The database as a command uses it: opened, used once, closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from gateway.commands.environment import read_settings
from gateway.settings import DatabaseSettings
from loaders.clients import add_default_groups
from loaders.driver_options import PATIENT_SERVER_SECONDS, SOCKET_SECONDS
from loaders.store import Store

T = TypeVar("T")


class NotSetUp(Exception):
    """The database lacks collections or indexes; the message is one line."""


def with_store(
    use: Callable[[Store], Awaitable[T]],
    settings: DatabaseSettings | None = None,
    *,
    server_seconds: int = PATIENT_SERVER_SECONDS,
    socket_seconds: int | None = SOCKET_SECONDS,
) -> T:
    """Call `use` with the database of these settings, or else of the environment; returns its result."""
    named = settings or read_settings(DatabaseSettings)

    async def run() -> T:
        store = Store(
            named.mongodb_uri.get_secret_value(),
            named.database,
            driver=named.driver,
            server_seconds=server_seconds,
            socket_seconds=socket_seconds,
        )
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def check_set_up(store: Store) -> None:
    """Raises `NotSetUp` unless `init-db` has been run: without its indexes, data could be counted twice."""
    if missing := await store.missing():
        raise NotSetUp(f"Database {store.name} lacks {', '.join(missing)}: run promo-gateway init-db first.")


async def set_up(store: Store, progress: Callable[[str], None] = lambda _: None) -> None:
    """Create whatever the gateway needs and the database lacks; raises `IndexDiffers`."""
    await store.set_up(progress)
    await add_default_groups(store)


@click.command("init-db")
def init_db() -> None:
    """Create the collections, validators, indexes and access groups. Running it again changes nothing."""
    settings = read_settings(DatabaseSettings)

    def show(name: str) -> None:
        click.echo(f"Building index {name} …", err=True)

    # A server can build an index for hours, and does not answer before it is done.
    with_store(lambda store: set_up(store, show), settings, socket_seconds=None)
    click.echo(f"Database {settings.database} is ready.")
