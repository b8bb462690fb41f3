"""Time that passes when a test says so."""

import time


class Clock:
    """Stands in for the `time` module inside one module under test."""

    def __init__(self) -> None:
        self._now = time.monotonic()

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def monotonic(self) -> float:
        return self._now
