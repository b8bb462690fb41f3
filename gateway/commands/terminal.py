"""Text that came from outside, made safe to print on a terminal, and tables of it."""

import click


def printable(text: str) -> str:
    """The text with every character escaped that could move the cursor, or look like another text."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def print_row(*fields: object) -> None:
    """Print the fields as a line of a table, separated by tabs."""
    click.echo("\t".join(printable(str(field)) for field in fields))
