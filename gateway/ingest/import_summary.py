"""How many lines of an import were taken and rejected so far."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Line(NamedTuple):
    """A line of a file, and its number, from 1."""

    number: int
    text: bytes


@dataclass
class Summary:
    """The counts of the lines so far; `fresh_rejections` are not written to the file of rejects yet."""

    lines: int = 0
    last_line: int = 0
    new: int = 0
    already_there: int = 0
    pending: int = 0
    contradicting: int = 0
    ignored_identifiers: int = 0
    rejected: int = 0
    fresh_rejections: list[tuple[Line, str]] = field(default_factory=list)
    organizations: set[int] = field(default_factory=set)

    def accept(self, lines: int, new: int) -> None:
        """Count lines that were taken; those that are not new repeat known records."""
        self.new += new
        self.already_there += lines - new

    def reject(self, line: Line, reason: str) -> None:
        self.rejected += 1
        self.fresh_rejections.append((line, reason))
