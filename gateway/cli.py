"""The command line: `promo-gateway` and its commands."""

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path

import click

from gateway import admin, server
from gateway import demo as sample
from gateway.app import create_app, create_operations
from gateway.auth.tokens import SigningKey, SigningKeyUnusable
from gateway.database import NotSetUp, check_set_up, set_up, with_store
from gateway.embedded import EmbeddedUnavailable, embedded_database
from gateway.ingest import commands
from gateway.persisted import ManifestUnusable
from gateway.playground import Till
from gateway.settings import SettingInvalid, Settings
from gateway.telemetry import logs, metrics, view
from loaders.store import StoreMisconfigured, StoreUnavailable
from resolvers.schema import create_schema

_EPILOG = "\b\nSettings, from the environment:\n" + "\n".join(
    f"  GATEWAY_{row.name.upper()} ({Settings.shown_default(row)})\n      {row.metadata['what']}"
    for row in fields(Settings)
)

# What helps when the address is taken.
_OTHER_PORT = "Choose another with --port (make demo PORT=…)."
_OTHER_ADDRESS = "Choose another with --host or --port."

_ONE_LINERS = (
    SettingInvalid,
    ManifestUnusable,
    NotSetUp,
    SigningKeyUnusable,
    EmbeddedUnavailable,
    server.AddressUnusable,
    metrics.PortUnusable,
    view.TracesUnavailable,
)


class _Commands(click.Group):
    """Shows the errors that an operator can mend as one line."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except _ONE_LINERS as error:
            raise click.ClickException(str(error)) from error
        except StoreMisconfigured as error:
            raise click.ClickException(
                "GATEWAY_MONGODB_URI is not shown; expected a connection string that MongoDB's driver "
                f"accepts ({error})."
            ) from error
        except StoreUnavailable as error:
            raise click.ClickException(
                f"The database that GATEWAY_MONGODB_URI names cannot be used ({error})."
            ) from error


@click.group(cls=_Commands, epilog=_EPILOG)
@click.version_option(package_name="promo-gateway")
def main() -> None:
    """A GraphQL gateway for customer promotion benefits."""
    logs.configure()


for command in (
    admin.clients,
    admin.groups,
    admin.keys,
    commands.import_files,
    commands.export,
    commands.events,
):
    main.add_command(command)


@main.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="Keep the data here.")
def demo(port: int, data_dir: Path | None) -> None:
    """Serve sample data from an embedded database."""
    logs.configure(for_people=sys.stderr.isatty())
    _stop_on_signals()
    with ExitStack() as stack:
        listening = stack.enter_context(server.bind("127.0.0.1", port, _OTHER_PORT))
        directory = data_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="promo-gateway-"))
        )
        uri = stack.enter_context(embedded_database(directory, durable=data_dir is not None))
        signing_key = directory / "signing-key.pem"
        if not signing_key.exists():
            SigningKey.write_new(signing_key)
        settings = replace(
            Settings.from_environment({"GATEWAY_EXPLORABLE": "on", **os.environ}),
            mongodb_uri=uri,
            database="demo",
            signing_keys=(signing_key,),
        )
        view.check_installed(settings.traces)
        with_store(sample.fill, settings)
        stack.enter_context(metrics.exposed("127.0.0.1", settings.metrics_port, workers=1))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.run(
            create_app(settings, pages_call_as=Till(sample.TILL, sample.PASSWORD)),
            listening,
            settings.drain_seconds,
            lambda: click.echo(sample.announcement(address)),
        )


@main.command()
@click.option("--host", help="Address to listen on; GATEWAY_HOST otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="GATEWAY_PORT otherwise.")
@click.option("--workers", type=click.IntRange(1, 64), help="Server processes; GATEWAY_WORKERS otherwise.")
@click.option("--fd", type=click.IntRange(3), help="Listen on this inherited socket instead.")
def serve(host: str | None, port: int | None, workers: int | None, fd: int | None) -> None:
    """Serve the database that GATEWAY_MONGODB_URI names."""
    if fd is not None and (host is not None or port is not None):
        raise click.UsageError("--fd takes the place of --host and --port.")
    _stop_on_signals()
    settings = Settings.from_environment(os.environ)
    view.check_installed(settings.traces)
    for path in settings.signing_keys:
        SigningKey.read(path)
    create_operations(create_schema(), settings)
    with_store(check_set_up)
    host, workers = host or settings.host, workers or settings.workers
    with ExitStack() as stack:
        listening = stack.enter_context(
            server.bind(host, settings.port if port is None else port, _OTHER_ADDRESS)
            if fd is None
            else server.inherit(fd)
        )
        stack.enter_context(metrics.exposed(host, settings.metrics_port, workers))
        bound_host, bound_port = listening.getsockname()[:2]
        click.echo(f"Listening on {bound_host} port {bound_port}", err=True)
        if not settings.signing_keys:
            click.echo("GATEWAY_SIGNING_KEYS is not set: this gateway issues no tokens.", err=True)
        server.run_workers(
            "gateway.app:create_app_from_environment", listening, workers, settings.drain_seconds
        )


@main.command("init-db")
def init_db() -> None:
    """Create the collections, validators, indexes and access groups; safe to run again."""
    with_store(set_up)
    click.echo(f"Database {Settings.from_environment(os.environ).database} is ready.")


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(create_schema().as_str())


def _stop_on_signals() -> None:
    # uvicorn stops at a signal and then raises it again, which would end the process before it has stopped
    # the embedded database, and not with status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    # A terminal that is closed; uvicorn does not know this one.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
