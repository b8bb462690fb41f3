"""The shape of a document is all of it except the texts of its strings.

Some clients write the values of arguments into the document, so that each request has a new one. Documents of
one shape are validated once, and if a plan takes all of their strings as arguments, they share its operation.
"""

import hashlib
import re
from typing import NamedTuple

from graphql import GraphQLError, Source, SourceLocation, get_location

from gateway.graphql.limits import MAX_CHARACTERS

_COMMENT_WITH_QUOTATION_MARK = re.compile(r'#[^\n\r]*"')


class Shape(NamedTuple):
    """The shape of a document, and the texts of its strings in their order.

    Strings that are equal in one document of a shape are equal in the others, because validation compares
    arguments.
    """

    digest: bytes
    strings: list[str]


def shape_of(document: str) -> Shape:
    """The shape of a document; that of a document whose strings only the parser can find is all of it."""
    parts = document.split('"')
    strings = parts[1::2]
    if (
        len(document) <= MAX_CHARACTERS
        # In escapes, block strings and comments, a quotation mark does not always begin or end a string.
        and "\\" not in document
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


def locations_in(document: str, error: GraphQLError) -> list[SourceLocation] | None:
    """The locations of an error in a document, if the error has those in another document of its shape."""
    if error.source is None or error.positions is None:
        return None
    parts = document.split('"')
    locations = []
    for position in error.positions:
        *before, begin = error.source.body[:position].split('"')
        start = sum(len(part) + 1 for part in parts[: len(before)])
        locations.append(get_location(Source(document), start + len(begin)))
    return locations
