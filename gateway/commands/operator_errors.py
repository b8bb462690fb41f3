"""The errors that an operator can correct, as the commands print them: without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from gateway import OperatorError
from gateway.graphql.persisted_documents import ManifestUnusable
from loaders.errors import StoreMisconfigured, StoreUnavailable


@contextmanager
def explained() -> Iterator[None]:
    """Turns errors that the operator can correct into `click.ClickException`, which click prints."""
    try:
        yield
    except (OperatorError, ManifestUnusable) as error:
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
