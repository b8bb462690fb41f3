"""Look-ups of one value by a key, as customers and promotions have them.

The last field of a key is the value that is looked up. The organisation and the other fields are the group of
the key: one find reads the keys of one group. A process remembers for a short time what it found.
"""

from collections import defaultdict
from typing import Any, Generic, TypeVar

from loaders.dataloader import BatchLoader, gather
from loaders.dispatcher import DEFAULT_BATCHING, Batching, Dispatcher
from loaders.enums import LONGEST_NAME
from loaders.lookup_cache import LookupCache
from loaders.store import Store

K = TypeVar("K", bound=tuple[Any, ...])
V = TypeVar("V")


class LookupDispatcher(Dispatcher[tuple[Any, ...], Any, V], Generic[K, V]):
    """A dispatcher that remembers for `lookup_seconds` what its loaders found."""

    def __init__(
        self, store: Store, batching: Batching = DEFAULT_BATCHING, *, lookup_seconds: int = 0
    ) -> None:
        super().__init__(store, batching)
        self.cache: LookupCache[K, V] = LookupCache(lookup_seconds)


class LookupLoader(BatchLoader[K, V | None], Generic[K, V]):
    """Key → what was found, or None. One load per group, concurrently."""

    def __init__(self, dispatcher: LookupDispatcher[K, V], organization_id: int) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._organization_id = organization_id

    async def find(self, keys: list[K]) -> dict[K, V]:
        generation = self._dispatcher.cache.generation
        groups: defaultdict[tuple[Any, ...], dict[int | str, K]] = defaultdict(dict)
        for key in keys:
            *kind, value = key
            if isinstance(value, int) or len(value) <= LONGEST_NAME:
                groups[self._organization_id, *kind][value] = key
        self.commands += len(groups)
        loads = [self._dispatcher.load(group, values.keys()) for group, values in groups.items()]
        found = {
            key: loaded[value]
            for values, loaded in zip(groups.values(), await gather(loads), strict=True)
            for value, key in values.items()
            if value in loaded
        }
        self._dispatcher.cache.remember(self._organization_id, found, generation)
        return found
