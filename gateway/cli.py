"""The command line: `promo-gateway demo | serve | init-db | schema | clients`."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

import click

from gateway import demo as sample
from gateway import server
from gateway.app import create_app
from gateway.auth.basic import hash_secret, md5_hex
from gateway.embedded import EmbeddedUnavailable, embedded_database
from gateway.settings import SettingInvalid, Settings
from loaders import clients as api_clients
from loaders.organizations import find_organization
from loaders.store import AlreadyExists, Store, StoreMisconfigured, StoreUnavailable
from resolvers.schema import create_schema

T = TypeVar("T")

_EPILOG = "\b\nSettings, from the environment:\n" + "\n".join(
    f"  GATEWAY_{row.name.upper()} ({row.default})\n      {row.metadata['why']}" for row in fields(Settings)
)


class _Commands(click.Group):
    """Shows the errors that an operator can mend as one line."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except (SettingInvalid, EmbeddedUnavailable, server.AddressUnusable) as error:
            raise click.ClickException(str(error)) from error
        except StoreMisconfigured as error:
            raise click.ClickException(
                "GATEWAY_MONGODB_URI is not shown; expected a connection string that MongoDB's driver "
                f"accepts ({error})."
            ) from error
        except StoreUnavailable as error:
            raise click.ClickException(
                f"The database that GATEWAY_MONGODB_URI names does not answer ({error})."
            ) from error


@click.group(cls=_Commands, epilog=_EPILOG)
@click.version_option(package_name="promo-gateway")
def main() -> None:
    """A GraphQL gateway for customer promotion benefits."""


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep the data here.")
def demo(port: int, data_dir: Path | None) -> None:
    """Serve sample data from an embedded database."""
    _stop_on_signals()
    with server.bind("127.0.0.1", port) as listening, embedded_database(data_dir) as uri:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = replace(_settings(), mongodb_uri=uri, database="demo")
        _with_store(settings, sample.fill)
        server.run(create_app(settings), listening, lambda: click.echo(sample.announcement(address)))


@main.command()
@click.option("--host", help="Address to listen on; GATEWAY_HOST otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="GATEWAY_PORT otherwise.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes; GATEWAY_WORKERS otherwise.")
def serve(host: str | None, port: int | None, workers: int | None) -> None:
    """Serve the database that GATEWAY_MONGODB_URI names."""
    _stop_on_signals()
    settings = _settings()
    if missing := _with_store(settings, Store.missing):
        raise click.ClickException(
            f"Database {settings.database} lacks {', '.join(missing)}: run promo-gateway init-db first."
        )
    with server.bind(host or settings.host, settings.port if port is None else port) as listening:
        bound_host, bound_port = listening.getsockname()[:2]
        click.echo(f"Listening on {bound_host} port {bound_port}", err=True)
        server.run_workers("gateway.app:create_app_from_environment", listening, workers or settings.workers)


@main.command("init-db")
def init_db() -> None:
    """Create the collections, validators and indexes; safe to run again."""
    settings = _settings()
    _with_store(settings, Store.set_up)
    click.echo(f"Database {settings.database} is ready.")


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(create_schema().as_str())


@main.group()
def clients() -> None:
    """Manage who may call."""


@clients.group()
def add() -> None:
    """Add a client."""


@add.command()
@click.argument("name")
@click.option("--org", "organization_id", required=True, type=click.IntRange(min=0), help="Its organisation.")
@click.option("--secret-stdin", is_flag=True, help="Read the password, or its MD5 hex, from standard input.")
@click.option("--json", "as_json", is_flag=True, help='Print {"till", "password"}.')
def till(name: str, organization_id: int, secret_stdin: bool, as_json: bool) -> None:
    """Add a till, which calls with Basic credentials.

    Without --secret-stdin a password is made up and printed, this once.
    """
    if not name.isprintable() or name != name.strip() or not name or ":" in name:
        raise click.BadParameter("a till's name is printable text without a colon", param_hint="NAME")
    password = None if secret_stdin else secrets.token_urlsafe(24)
    given = sys.stdin.readline().rstrip("\r\n") if password is None else password
    if not given:
        raise click.UsageError("--secret-stdin expects a password on standard input; it was empty.")

    async def add_it(store: Store) -> None:
        if await find_organization(store, organization_id) is None:
            raise click.ClickException(f"There is no organisation {organization_id} in the database.")
        try:
            await api_clients.add_till(store, name, organization_id, hash_secret(md5_hex(given)))
        except AlreadyExists as error:
            raise click.ClickException(f"There is a client named {name} already.") from error

    _with_store(_settings(), add_it)
    if as_json:
        click.echo(json.dumps({"till": name, "password": password}))
    else:
        click.echo(f"Till {name} of organisation {organization_id} can call now.")
        if password is not None:
            click.echo(f"Its password, which is shown only this once: {password}")


def _settings() -> Settings:
    return Settings.from_environment(os.environ)


def _with_store(settings: Settings, use: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        store = Store(settings.mongodb_uri, settings.database)
        try:
            return await use(store)
        finally:
            store.close()

    return asyncio.run(run())


def _stop_on_signals() -> None:
    # uvicorn stops at a signal and then raises it again, which would end the process before it has stopped
    # the embedded database, and not with status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
