"""A clock that only a test advances."""


class Clock:
    """Stands in for the module `time`; `monotonic` alone stands in for the function."""

    def __init__(self) -> None:
        self._now = 0.0

    def advance(self, seconds: float) -> None:
        self._now += seconds

    def monotonic(self) -> float:
        return self._now
