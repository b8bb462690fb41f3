"""The shape of a document is the document without the texts of its strings.

Some clients write the values of arguments into the document, so that each request has a new one. Documents of
one shape are validated once, and if a plan takes all of their strings as arguments, they share its operation.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from graphql import GraphQLError, SourceLocation

# A match has one number sign, so the search takes linear time, also in a comment of number signs only.
_COMMENT_WITH_QUOTATION_MARK = re.compile(r'#[^#\n\r"]*"')


class Shape(NamedTuple):
    """The shape of a document, and the texts of its strings in their order.

    Strings that are equal in one document of a shape are equal in the others, because validation compares
    arguments.
    """

    digest: bytes
    strings: list[str]


def shape_of(document: str) -> Shape:
    """The shape of a document; if only the parser can find the strings, it is the whole document."""
    parts = document.split('"')
    strings = parts[1::2]
    if (
        # In escapes, block strings and comments, a quotation mark does not always begin or end a string.
        "\\" not in document
        and '"""' not in document
        and not _COMMENT_WITH_QUOTATION_MARK.search(document)
        # The parser takes every printable character within a string.
        and len(parts) == 2 * len(strings) + 1
        and all(map(str.isprintable, strings))
    ):
        numbers: dict[str, int] = {}
        parts[1::2] = [str(numbers.setdefault(text, len(numbers))) for text in strings]
    else:
        strings = []
    return Shape(hashlib.sha256('"'.join(parts).encode("utf-8", "surrogatepass")).digest(), strings)


def moved(error: GraphQLError, replaced: Mapping[str, str]) -> list[SourceLocation] | None:
    """The locations that an error has in a document in which other strings replace those of its source."""
    if error.source is None or error.positions is None or error.locations is None:
        return None
    locations = []
    for (line, column), position in zip(error.locations, error.positions, strict=True):
        # No string contains the end of a line.
        before = error.source.body[position - column + 1 : position].split('"')
        longer = sum(len(replaced[text]) - len(text) for text in before[1::2])
        locations.append(SourceLocation(line, column + longer))
    return locations
