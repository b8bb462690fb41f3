"""`promo-gateway demo`: the gateway with sample data in an embedded database, and requests to try."""

import json
import os
import sys
import sysconfig
import tempfile
from contextlib import ExitStack
from pathlib import Path
from textwrap import indent

import click

from gateway import server
from gateway.app import create_app
from gateway.auth.credentials import authorization
from gateway.auth.tokens import SigningKey
from gateway.commands.database import with_store
from gateway.commands.embedded_database import embedded_database
from gateway.commands.environment import read_settings
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, PASSWORD, TILL, fill
from gateway.commands.serve import stop_on_signals
from gateway.pages import PageCredentials
from gateway.pages.examples import graphql_command, rest_command
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from gateway.telemetry import logs, metrics, setup

_ADVICE = "Choose another with --port (make demo PORT=…)."
# Front ends that are developed on this machine may call the demo, whatever port they have.
LOCAL_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"


class _DemoSettings(Settings):
    introspection: bool = True


@click.command()
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on."
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory to keep the data in. Without it, the data is deleted at the end.",
)
def demo(port: int, data_dir: Path | None) -> None:
    """Serve sample data from an embedded database."""
    logs.configure(colored=sys.stderr.isatty() and not os.environ.get("NO_COLOR"))
    stop_on_signals()
    with ExitStack() as stack:
        listening = stack.enter_context(server.bind("127.0.0.1", port, _ADVICE))
        directory = data_dir or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="promo-gateway-"))
        )
        click.echo("Starting the embedded database…", err=True)
        uri = stack.enter_context(embedded_database(directory, durable=data_dir is not None))
        signing_key = directory / "signing-key.pem"
        if not signing_key.exists():
            SigningKey.write_new(signing_key)
        settings = read_settings(
            _DemoSettings,
            mongodb_uri=uri,
            database="demo",
            host="127.0.0.1",
            port=port,
            signing_keys=[signing_key],
        )
        setup.check_traces(settings.traces)
        click.echo("Writing the sample data…", err=True)
        with_store(fill, settings)
        stack.enter_context(metrics.exposed("127.0.0.1", settings.metrics_port, workers=1))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(
            settings, page_credentials=PageCredentials(TILL, PASSWORD), cors_origin_pattern=LOCAL_ORIGINS
        )
        # The socket listens already: a request that comes now waits for the server.
        click.echo(announcement(address, uri))
        server.run(app, listening, settings)


def announcement(address: str, uri: str) -> str:
    """What to try on a demo at `address` ("http://host:port") with a database at `uri`."""
    header = authorization(TILL, PASSWORD)
    return f"""
In a browser: {address}

promo-gateway demo: organisation {DEMO.id} ({DEMO.time_zone}), POS client {TILL}, password {PASSWORD}

GraphQL:
{indent(graphql_command(header, address), "  ")}

REST:
{indent(rest_command(header, address), "  ")}

A token, for X-CAP-API-OAUTH-TOKEN or Authorization: Bearer:
  curl -s {address}{TOKEN_PATH} -H 'Content-Type: application/json' \\
    -d '{json.dumps({"key": OAUTH_KEY, "secret": OAUTH_SECRET})}'

The other commands, on the data of this demo:
  export GATEWAY_MONGODB_URI={uri} GATEWAY_DATABASE=demo
  {Path(sysconfig.get_path("scripts"), "promo-gateway")} clients list

Ctrl-C stops it.
"""
