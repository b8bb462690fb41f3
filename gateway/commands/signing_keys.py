"""The command that makes signing keys: `keys`."""

import os
from pathlib import Path

import click

from gateway.auth.tokens import SigningKey


@click.group()
def keys() -> None:
    """Manage signing keys."""


@keys.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def new(path: Path) -> None:
    """Write a new signing key to PATH. An existing file is not overwritten."""
    try:
        SigningKey.write_new(path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from error
    click.echo(
        f"Wrote {path}. Add it to GATEWAY_SIGNING_KEYS: the first key signs tokens, all keys verify them."
    )
