"""The command line: `promo-gateway` and its commands.

A command's module is imported when the command runs, so that `--version` and `--help` start at once.
"""

from importlib import import_module
from typing import NamedTuple

import click


class _Command(NamedTuple):
    """A command in the help of `promo-gateway`, and where it is defined."""

    name: str
    module: str
    attribute: str
    help: str


_SECTIONS = {
    "Run": (
        _Command("demo", "demo", "demo", "Serve sample data from an embedded database."),
        _Command("init-db", "database", "init_db", "Create collections, indexes and access groups."),
        _Command("serve", "serve", "serve", "Serve the database in GATEWAY_MONGODB_URI."),
        _Command("settings", "reference", "settings", "List the environment variables."),
        _Command("schema", "reference", "schema", "Print the GraphQL schema."),
    ),
    "Data and callers": (
        _Command("import", "data", "import_files", "Import files of newline-delimited JSON."),
        _Command("export", "data", "export", "Write all data in the format that import takes."),
        _Command("events", "data", "events", "List, show and replay pending events."),
        _Command("customers", "customers", "customers", "Export, erase and merge customers."),
        _Command("clients", "clients", "clients", "Add, list, disable and rotate clients."),
        _Command("groups", "clients", "groups", "List and set access groups."),
        _Command("keys", "signing_keys", "keys", "Create signing keys."),
    ),
}
_COMMANDS = {command.name: command for section in _SECTIONS.values() for command in section}


class _Commands(click.Group):
    """Imports a command on demand, and prints an error that an operator can correct without a traceback."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if (found := _COMMANDS.get(name)) is None:
            return None
        command: click.Command = getattr(import_module(f"gateway.commands.{found.module}"), found.attribute)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not context.resilient_parsing:
            # Click looks for similar names among the commands that are imported already.
            raise click.exceptions.NoSuchCommand(args[0], possibilities=_COMMANDS, ctx=context)
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(command.name, command.help) for command in commands])

    def invoke(self, context: click.Context) -> object:
        from gateway.commands.operator_errors import explained

        with explained():
            return super().invoke(context)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="promo-gateway")
def main() -> None:
    """A GraphQL gateway for customer promotion benefits."""
    from gateway.telemetry import logs

    logs.configure()
