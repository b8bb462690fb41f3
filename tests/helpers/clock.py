"""Time that passes when a test says so."""

import time


class Clock:
    """Stands in for the `time` module inside one module under test."""

    def __init__(self) -> None:
        self._passed = 0.0

    def advance(self, seconds: float) -> None:
        self._passed += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._passed
