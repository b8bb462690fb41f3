"""The errors that an operator can correct, as the commands print them: without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from gateway import server
from gateway.auth.tokens import SigningKeyUnusable
from gateway.commands.database import NotSetUp
from gateway.commands.embedded_database import EmbeddedUnavailable
from gateway.graphql.persisted_documents import ManifestUnusable
from gateway.settings import SettingInvalid
from gateway.telemetry import metrics, setup
from loaders.errors import StoreMisconfigured, StoreUnavailable

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


@contextmanager
def explained() -> Iterator[None]:
    """Turns these errors into `click.ClickException`, which click prints."""
    try:
        yield
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
