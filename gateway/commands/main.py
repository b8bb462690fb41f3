"""The command line: `promo-gateway` and its commands.

A command's module is imported when the command runs, so that `--version` and `--help` start at once.
"""

from pkgutil import resolve_name

import click

from gateway import OperatorError

# In this order in the help: each command, where it is defined, and what it does.
_SECTIONS = {
    "Run": {
        "demo": ("demo:demo", "Serve sample data from an embedded database."),
        "init-db": ("database:init_db", "Create collections, indexes and access groups."),
        "serve": ("serve:serve", "Serve the database in GATEWAY_MONGODB_URI."),
        "settings": ("schema_and_settings:settings", "List the environment variables."),
        "schema": ("schema_and_settings:schema", "Print the GraphQL schema."),
    },
    "Data and callers": {
        "import": ("data:import_files", "Import files of newline-delimited JSON."),
        "export": ("data:export", "Write all data in the format that import takes."),
        "events": ("data:events", "List, show and replay pending events."),
        "customers": ("customers:customers", "Export, erase and merge customers."),
        "clients": ("clients:clients", "Add, list, disable and rotate clients."),
        "groups": ("clients:groups", "List and set access groups."),
        "keys": ("clients:keys", "Create signing keys."),
    },
}
_COMMANDS = {name: place for section in _SECTIONS.values() for name, (place, _) in section.items()}


class _Commands(click.Group):
    """Imports a command on demand, and prints an error that an operator can correct without a traceback."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name in _COMMANDS:
            command: click.Command = resolve_name(f"gateway.commands.{_COMMANDS[name]}")
            return command
        if context.resilient_parsing:
            return None
        # Click would look for similar names among the commands that are imported already.
        raise click.exceptions.NoSuchCommand(name, possibilities=_COMMANDS, ctx=context)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for section, commands in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])

    def invoke(self, context: click.Context) -> object:
        from loaders.errors import StoreMisconfigured, StoreUnavailable

        try:
            return super().invoke(context)
        except OperatorError as error:
            raise click.ClickException(str(error).replace("\n", "\nError: ")) from error
        except StoreMisconfigured as error:
            raise click.ClickException(
                "GATEWAY_MONGODB_URI is invalid (its value is not shown); expected a connection string that "
                f"MongoDB's driver accepts ({error})."
            ) from error
        except StoreUnavailable as error:
            raise click.ClickException(
                f"The database that GATEWAY_MONGODB_URI names cannot be used ({error})."
            ) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="promo-gateway")
def main() -> None:
    """A GraphQL gateway for customer promotion benefits."""
    from gateway.telemetry import logs

    logs.configure()
