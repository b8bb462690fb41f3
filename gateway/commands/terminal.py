"""Text that came from outside, made safe to print on a terminal."""


def printable(text: str) -> str:
    """The text with every character escaped that could move the cursor, or look like another text."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
