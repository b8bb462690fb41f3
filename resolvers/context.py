"""What a resolver gets to work with."""

from dataclasses import dataclass

from loaders import Loaders


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one request: loaders that are bound to the caller's organisation."""

    loaders: Loaders
