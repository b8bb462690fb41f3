"""Look-ups of one value by a key, as customers and promotions have them.

Each find reads the keys of one group, and a process remembers for a short time what it found.
"""

from abc import abstractmethod
from collections import defaultdict
from typing import Any, Generic, Protocol, TypeVar

from loaders.batch import BatchLoader, gather
from loaders.dispatcher import DEFAULT_BATCHING, Batching, Dispatcher
from loaders.enums import LONGEST_NAME
from loaders.lookup_cache import LookupCache
from loaders.store import Store


class Key(Protocol):
    """A key is looked up by its value, among the keys of its group."""

    @property
    def value(self) -> int | str: ...


K = TypeVar("K", bound=Key)
G = TypeVar("G")
V = TypeVar("V")


class LookupDispatcher(Dispatcher[G, Any, V], Generic[K, G, V]):
    """A dispatcher that remembers for `lookup_seconds` what its loaders found."""

    def __init__(
        self, store: Store, batching: Batching = DEFAULT_BATCHING, *, lookup_seconds: int = 0
    ) -> None:
        super().__init__(store, batching)
        self.cache: LookupCache[K, V] = LookupCache(lookup_seconds)


class LookupLoader(BatchLoader[K, V | None], Generic[K, G, V]):
    """Key → what was found, or None. One load per group, concurrently."""

    def __init__(self, dispatcher: LookupDispatcher[K, G, V], organization_id: int) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self._organization_id = organization_id

    @abstractmethod
    def group(self, key: K) -> G:
        """The group of keys that one find can look up together."""

    async def find(self, keys: list[K]) -> dict[K, V]:
        generation = self._dispatcher.cache.generation
        groups: defaultdict[G, dict[int | str, K]] = defaultdict(dict)
        for key in keys:
            if isinstance(key.value, int) or len(key.value) <= LONGEST_NAME:
                groups[self.group(key)][key.value] = key
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
