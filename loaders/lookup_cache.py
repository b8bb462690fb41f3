"""Look-ups that a process remembers for a short time: the identifiers and the promotions that it found.

A warm request then sends one command, the aggregation. What was not found is never remembered.
"""

from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Generic, TypeVar

from cachetools import TTLCache

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 100_000


class LookupCache(Generic[K, V]):
    """Found values by organisation and key, each for `seconds`; with 0 seconds it remembers nothing."""

    def __init__(self, seconds: int) -> None:
        self._values: TTLCache[tuple[int, K], V] = TTLCache(MAX_ENTRIES, seconds, timer=monotonic)
        # How often something was forgotten: a look-up that began before may have read the old value.
        self.generation = 0

    def get(self, organization_id: int, key: K) -> V | None:
        """The value that was found lately, or None."""
        return self._values.get((organization_id, key))

    def remember(self, organization_id: int, found: Mapping[K, V], generation: int) -> None:
        """Remember what a look-up found, if it began in this generation."""
        if self._values.ttl and generation == self.generation:
            for key, value in found.items():
                self._values[organization_id, key] = value

    def forget(self, organization_id: int, keys: Iterable[K] | None = None) -> None:
        """Drop these keys of an organisation, or all, because this process has changed what they lead to."""
        self.generation += 1
        if keys is None:
            keys = [key for owner, key in list(self._values) if owner == organization_id]
        for key in keys:
            self._values.pop((organization_id, key), None)
