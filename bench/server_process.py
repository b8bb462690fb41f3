"""A server that a bench starts as a process: `python -m bench.server_process raw|gateway [--counted]`.

The measured gateway is `promo-gateway serve`, as operators run it. A counted server lists at `/counted` the
commands that it has sent to the database. Counting costs time, so a counted server is not measured.
"""

from collections import Counter

import click
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bench import raw, seed
from gateway import server
from gateway.app import create_app
from gateway.settings import Settings
from gateway.telemetry import logs

COUNTED = "/counted"


class Commands(CommandListener):
    """Counts the commands that the driver sends, by name."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()

    def started(self, event: CommandStartedEvent) -> None:
        self.sent[event.command_name] += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to count: a command counts when it is sent."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to count: a command counts when it is sent."""


class Requests:
    """Middleware that counts the requests that started and ended."""

    def __init__(self, app: ASGIApp, counts: Counter[str]) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == COUNTED:
            await self._app(scope, receive, send)
            return
        self._counts["started"] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._counts["ended"] += 1


@click.command()
@click.argument("what", type=click.Choice(["raw", "gateway"]))
@click.option("--counted", is_flag=True)
def main(what: str, counted: bool) -> None:
    logs.configure()
    settings = Settings.from_environment()
    commands = Commands()
    listeners = [commands] if counted else []
    if what == "raw":
        organizations = {str(n): seed.organization(n) for n in range(seed.ORGANIZATIONS)}
        app = raw.create_app(settings, organizations, listeners=listeners)
    else:
        app = create_app(settings, listeners=listeners)
    if counted:
        _count(app, commands)
    with server.bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        click.echo(f"Listening on 127.0.0.1 port {port}", err=True)
        server.run(app, listening, settings)


def _count(app: Starlette, commands: Commands) -> None:
    requests: Counter[str] = Counter()

    async def tell(_: Request) -> JSONResponse:
        return JSONResponse({**requests, "commands": commands.sent})

    app.router.routes.append(Route(COUNTED, tell))
    app.add_middleware(Requests, counts=requests)


if __name__ == "__main__":
    main()
