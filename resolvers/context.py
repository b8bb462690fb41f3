"""The context of a GraphQL request."""

from dataclasses import dataclass

from loaders import Loaders


@dataclass(frozen=True, slots=True)
class Context:
    """The loaders of one request, which read only the data of the caller's organisation."""

    loaders: Loaders
