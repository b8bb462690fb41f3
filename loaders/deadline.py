"""Until when an answer is of use: how long the work that is done for somebody may take.

A context variable carries the deadline of a request to wherever its work goes, tasks included. Who serves the
request sets it and ends it; the store gives what is left of it to each command, and the dispatchers send
nothing for those who wait no longer.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Deadline:
    """An instant, `seconds` from now."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; none or fewer once it has passed."""
        return self._at - time.monotonic()

    def end(self) -> None:
        """Let it be passed: nobody waits any longer."""
        self._at = -math.inf

    def latest(self, other: "Deadline") -> "Deadline":
        """The later of the two."""
        return self if self._at >= other._at else other


NEVER = Deadline(math.inf)
_current: ContextVar[Deadline] = ContextVar("deadline", default=NEVER)


def current() -> Deadline:
    """The deadline of whatever is being done here."""
    return _current.get()


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Work under this deadline instead of the one around it."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)
