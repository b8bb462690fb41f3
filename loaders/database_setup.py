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
    """What is wrong with an index; `set_up` solves it unless an operator has to drop another index first."""

    text: str
    solvable: bool


async def find_problems(store: Store) -> list[str]:
    """The collections and indexes that the database lacks or has otherwise, each with what to do about it."""
    names = await store.list_collections()
    missing = [collection.name for collection in COLLECTIONS if collection.name not in names]
    problems = [f"it lacks the collections {', '.join(missing)}"] if missing else []
    for collection in COLLECTIONS:
        if collection.name in names:
            problems += [problem.text for _, problem in await _index_problems(store, collection)]
    return problems


async def set_up(store: Store, progress: Callable[[str], None] = lambda _: None) -> list[str]:
    """Create what the database lacks; returns the problems that an operator has to solve.

    `progress` is told the name of each missing index before the server builds it, which may take hours.
    """
    unsolved = []
    for collection in COLLECTIONS:
        await store.create_collection(collection)
        for index, problem in await _index_problems(store, collection):
            if problem.solvable:
                progress(f"{collection.name}.{index.name}")
                unsolved += await _create(store, collection, index)
            else:
                unsolved.append(problem.text)
    return unsolved


async def _create(store: Store, collection: Collection, index: Index) -> list[str]:
    try:
        await store.create_index(collection.name, index)
    except AlreadyExists:
        fields = ", ".join(index.fields)
        return [f"{_name(collection, index)} cannot be built: several documents have the same {fields}"]
    return []


async def _index_problems(store: Store, collection: Collection) -> list[tuple[Index, _Problem]]:
    existing = await store.list_indexes(collection.name) if collection.indexes else []
    found = [(index, _find_problem(collection, index, existing)) for index in collection.indexes]
    return [(index, problem) for index, problem in found if problem is not None]


def _find_problem(collection: Collection, index: Index, existing: list[Document]) -> _Problem | None:
    same = [one for one in existing if not _differences(index, one)]
    if any(not one["building"] for one in same):
        return None
    if same:
        return _Problem(f"{_name(collection, index)} is still being built", solvable=True)
    for one in existing:
        if one["name"] == index.name or one["key"] == index.keys:
            text = (
                f"index {collection.name}.{one['name']} has {' and '.join(_differences(index, one))}: "
                f'drop it with db.{collection.name}.dropIndex("{one["name"]}")'
            )
            return _Problem(text, solvable=False)
    return _Problem(f"{_name(collection, index)} is missing", solvable=True)


def _name(collection: Collection, index: Index) -> str:
    return f"index {collection.name}.{index.name}"


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
