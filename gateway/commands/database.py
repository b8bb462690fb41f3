"""The database as a command uses it: opened, used once, closed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from gateway import OperatorError
from gateway.commands.environment import read_settings
from gateway.settings import DatabaseSettings
from loaders import database_setup
from loaders.clients import add_default_groups
from loaders.driver import DriverName
from loaders.driver_options import COMMAND_SERVER_SECONDS
from loaders.organizations import find_organization
from loaders.store import Store

T = TypeVar("T")


def with_store(
    use: Callable[[Store], Awaitable[T]],
    settings: DatabaseSettings | None = None,
    *,
    server_seconds: int = COMMAND_SERVER_SECONDS,
) -> T:
    """Call `use` with the database of these settings, or else of the environment; returns its result."""
    named = settings or read_settings(DatabaseSettings)

    async def run() -> T:
        store = Store(
            named.mongodb_uri.get_secret_value(),
            named.database,
            # Motor's threads would keep the process for half a second after its work is done.
            driver=DriverName.PYMONGO,
            server_seconds=server_seconds,
        )
        try:
            return await use(store)
        finally:
            await store.close()

    return asyncio.run(run())


async def check_set_up(store: Store) -> None:
    """Raises `OperatorError` unless `init-db` has been run: without indexes, data could be counted twice."""
    _raise_for(store, await database_setup.find_problems(store))


async def check_organization(store: Store, organization_id: int) -> None:
    """Raises `click.ClickException` if the database has no such organisation."""
    if await find_organization(store, organization_id) is None:
        raise click.ClickException(f"There is no organisation {organization_id} in the database.")


async def set_up(store: Store, progress: Callable[[str], None] = lambda _: None) -> None:
    """Create whatever the gateway needs and the database lacks; raises `OperatorError` if it differs."""
    problems = await database_setup.set_up(store, progress)
    await add_default_groups(store)
    _raise_for(store, problems)


def _raise_for(store: Store, problems: list[str]) -> None:
    if problems:
        told = "; ".join(problems)
        raise OperatorError(f"Database {store.name} is not set up: {told}. Run promo-gateway init-db.")


@click.command("init-db")
def init_db() -> None:
    """Create the collections, validators, indexes and access groups. Running it again changes nothing."""
    settings = read_settings(DatabaseSettings)

    def show(name: str) -> None:
        click.echo(f"Building index {name} …", err=True)

    with_store(lambda store: set_up(store, show), settings)
    click.echo(f"Database {settings.database} is ready.")
