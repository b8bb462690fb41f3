"""The commands that print what the gateway offers: `schema`, `settings`."""

import json

import click

from gateway.commands.environment import describe_settings
from resolvers.schema import create_schema


@click.command()
def schema() -> None:
    """Print the GraphQL schema."""
    click.echo(create_schema().as_str())


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def settings(as_json: bool) -> None:
    """List the environment variables, with their defaults. Separate the entries of a list by commas."""
    rows = describe_settings()
    if as_json:
        click.echo(json.dumps([row._asdict() for row in rows]))
    else:
        for variable, default, description in rows:
            click.echo(f"{variable} ({default})\n    {description}")
