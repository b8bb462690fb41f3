"""The parts of a command line: ids, text that is safe to print on a terminal, and tables of it."""

import click

from resolvers.arguments import parse_id


class _Id(click.ParamType[int]):
    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if (number := parse_id(value)) is None:
            self.fail(f"{value!r} is not a number from 0 to {2**63 - 1}.", param, ctx)
        return number


# The type of an option that takes an id.
ID = _Id()


def printable(text: str) -> str:
    """The text with every character escaped that could move the cursor, or look like another text."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def print_row(*fields: object) -> None:
    """Print the fields as a line of a table, separated by tabs."""
    click.echo("\t".join(printable(str(field)) for field in fields))
