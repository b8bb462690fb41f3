"""`promo-gateway serve`: the gateway in production."""

import signal
import sys
from contextlib import ExitStack

import click

from gateway import server
from gateway.app import create_operations
from gateway.auth.tokens import SigningKey
from gateway.commands.database import check_set_up, with_store
from gateway.commands.environment import read_settings
from gateway.settings import Settings
from gateway.telemetry import metrics, setup
from loaders.driver_options import REQUEST_SERVER_SECONDS
from resolvers.schema import create_schema

_ADVICE = "Choose another with --host or --port."


@click.command()
@click.option("--host", help="Address to listen on, instead of GATEWAY_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of GATEWAY_PORT.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Server processes.")
@click.option("--fd", type=click.IntRange(3), help="File descriptor of a socket to listen on.")
@click.option("--check", is_flag=True, help="Check the settings and the database, then exit.")
def serve(host: str | None, port: int | None, workers: int, fd: int | None, check: bool) -> None:
    """Serve the data of the database in GATEWAY_MONGODB_URI."""
    if fd is not None and (host is not None or port is not None):
        raise click.UsageError("--fd replaces --host and --port; give one or the other.")
    stop_on_signals()
    settings = read_settings(Settings)
    setup.check_traces(settings.traces)
    for path in settings.signing_keys:
        SigningKey.read(path)
    create_operations(create_schema(), settings)
    with_store(check_set_up, settings, server_seconds=REQUEST_SERVER_SECONDS)
    if check:
        click.echo("The settings, signing keys, trusted documents and database can be used.")
        return
    host = host or settings.host
    with ExitStack() as stack:
        listening = stack.enter_context(
            server.bind(host, settings.port if port is None else port, _ADVICE)
            if fd is None
            else server.inherit(fd)
        )
        stack.enter_context(metrics.exposed(host, settings.metrics_port, workers))
        bound_host, bound_port = listening.getsockname()[:2]
        click.echo(f"Listening on {bound_host} port {bound_port}", err=True)
        if not settings.signing_keys:
            click.echo("GATEWAY_SIGNING_KEYS is not set: this gateway issues no tokens.", err=True)
        server.run("gateway.app:create_app_from_environment", listening, settings, workers)


def stop_on_signals() -> None:
    """Have a signal end the process in order, with status 0."""
    # uvicorn stops at a signal and raises it again afterwards. The default handler would then end the process
    # before it has stopped the embedded database.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    # The terminal is closed; uvicorn does not handle this signal.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
