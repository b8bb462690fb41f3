"""Creates the collections and indexes of `database_schema`, and finds those that a database lacks.

An index counts by its keys and options, whatever its name is, and only when the server has built it: without
the unique indexes, data could be counted twice.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from loaders.database_schema import COLLECTIONS, Collection, Index
from loaders.errors import AlreadyExists
from loaders.store import Document, Store

# The options that decide which documents an index holds, which it refuses, and which queries may use it.
_OPTIONS = ("unique", "sparse", "partialFilterExpression", "expireAfterSeconds", "collation", "hidden")


class _Problem(NamedTuple):
    """What is wrong with an index; `build` is our index, unless an operator has to drop another one first."""

    text: str
    build: Index | None


async def find_problems(store: Store) -> list[str]:
    """The collections and indexes that are missing or different in the database, each with the remedy."""
    names = await store.list_collections()
    missing, different = [], []
    for collection in COLLECTIONS:
        indexes = await store.list_indexes(collection.name) if collection.name in names else []
        # Every collection has an index of `_id`: without one, it was dropped after the names were read.
        if indexes:
            different += [problem.text for problem in _index_problems(collection, indexes)]
        else:
            missing.append(collection.name)
    return [f"it lacks the collections {', '.join(missing)}", *different] if missing else different


async def set_up(store: Store, progress: Callable[[str], None] = lambda _: None) -> list[str]:
    """Create what the database lacks; returns the problems that an operator has to solve.

    `progress` is told the name of each missing index before the server builds it, which may take hours.
    """
    unsolved = []
    for collection in COLLECTIONS:
        await store.create_collection(collection)
        for text, index in _index_problems(collection, await store.list_indexes(collection.name)):
            if index is None:
                unsolved.append(text)
                continue
            name = f"{collection.name}.{index.name}"
            progress(name)
            try:
                await store.create_index(collection.name, index)
            except AlreadyExists:
                same = ", ".join(index.fields)
                unsolved.append(f"index {name} cannot be built: several documents have the same {same}")
    return unsolved


def _index_problems(collection: Collection, existing: list[Document]) -> list[_Problem]:
    found = (_find_problem(collection.name, index, existing) for index in collection.indexes)
    return [problem for problem in found if problem is not None]


def _find_problem(collection: str, index: Index, existing: list[Document]) -> _Problem | None:
    same = [one for one in existing if not _differences(index, one)]
    if any(not one["building"] for one in same):
        return None
    if same:
        return _Problem(f"index {collection}.{index.name} is still being built", index)
    for one in existing:
        if one["name"] == index.name or one["key"] == index.keys:
            text = (
                f"index {collection}.{one['name']} has {' and '.join(_differences(index, one))}: "
                f'drop it with db.{collection}.dropIndex("{one["name"]}")'
            )
            return _Problem(text, None)
    return _Problem(f"index {collection}.{index.name} is missing", index)


def _differences(index: Index, existing: Document) -> list[str]:
    """How an existing index differs from ours; MongoDB lists an option only where it is set."""
    ours: Document = {"key": index.keys, **index.options}
    found = {name: existing[name] for name in ("key", *_OPTIONS) if existing.get(name, False) is not False}
    return [
        f"{name} {_show(found.get(name))} instead of {_show(ours.get(name))}"
        for name in ("key", *_OPTIONS)
        if found.get(name) != ours.get(name)
    ]


def _show(value: Any) -> str:
    if value is None:
        return "unset"
    return json.dumps(dict(value) if isinstance(value, list) else value, default=str)
