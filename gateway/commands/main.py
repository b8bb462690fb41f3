"""The command line: `promo-gateway` and its commands."""

import click

from gateway import server
from gateway.auth.tokens import SigningKeyUnusable
from gateway.commands import clients, data, database, demo, serve
from gateway.commands.database import NotSetUp
from gateway.commands.embedded_database import EmbeddedUnavailable
from gateway.commands.environment import describe_settings
from gateway.graphql.persisted_documents import ManifestUnusable
from gateway.settings import SettingInvalid
from gateway.telemetry import logs, metrics, setup
from loaders.errors import StoreMisconfigured, StoreUnavailable
from resolvers.schema import create_schema

_EPILOG = "\b\nSettings, read from the environment; lists are separated by commas:\n" + "\n".join(
    f"  {variable} ({default})\n      {description}" for variable, default, description in describe_settings()
)

_OPERATOR_ERRORS = (
    SettingInvalid,
    ManifestUnusable,
    NotSetUp,
    SigningKeyUnusable,
    EmbeddedUnavailable,
    server.AddressUnusable,
    metrics.MetricsUnavailable,
    setup.TracesUnavailable,
)


class _Commands(click.Group):
    """Prints an error that an operator can correct, without a traceback."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except _OPERATOR_ERRORS as error:
            raise click.ClickException(str(error).replace("\n", "\nError: ")) from error
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
    demo.demo,
    serve.serve,
    database.init_db,
    clients.clients,
    clients.groups,
    clients.keys,
    data.import_files,
    data.export,
    data.events,
):
    main.add_command(command)


@main.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(create_schema().as_str())
