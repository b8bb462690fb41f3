"""How long the work of a request may take.

A context variable carries the deadline of a request to all code that runs for the request, in other tasks
too. The store gives each command the remaining time, and the dispatchers send no command for requests whose
deadline has passed.
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
    def remaining(self) -> float:
        """Seconds until the deadline; zero or less once it has passed."""
        return self._at - time.monotonic()

    def expire(self) -> None:
        """Make the deadline one that has passed, because the client does not wait any longer."""
        self._at = -math.inf


NEVER = Deadline(math.inf)
_current: ContextVar[Deadline] = ContextVar("deadline", default=NEVER)


def current_deadline() -> Deadline:
    """The deadline of the request that this code runs for; `NEVER` outside of a request."""
    return _current.get()


@contextmanager
def until(deadline: Deadline) -> Iterator[None]:
    """Run the block under this deadline instead of the one around it."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)
