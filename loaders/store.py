"""The connection to MongoDB. Only this module and `loaders.driver` import the driver.

Documents hold `Decimal` (Decimal128 in the database), aware times in UTC, and `Int64` for 64-bit integers.
The loaders convert `Int64` to `int`, so that no BSON type leaves this package. Every failure of the driver
becomes a `StoreUnavailable`.
"""

import math
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from bson.errors import BSONError
from bson.int64 import Int64 as Int64
from pymongo import UpdateOne, timeout
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.monitoring import ConnectionPoolListener as ConnectionPoolListener

from loaders.database_schema import Collection, Index
from loaders.deadline import current_deadline
from loaders.driver import CODEC, DRIVERS, DriverName, describe_failure
from loaders.driver_options import REQUEST_SERVER_SECONDS, options
from loaders.errors import AlreadyExists, DeadlineExceeded, StoreMisconfigured, StoreUnavailable

Document = dict[str, Any]
Listener = CommandListener | ConnectionPoolListener
# Called when a command has ended: with its name, its collection or "", the type of its error or "", seconds.
OnCommand = Callable[[str, str, str, float], None]

# MongoDB's default first batch has 101 documents, so that a large result would take a `getMore` as well.
ONE_BATCH = 1_000_000

DUPLICATE_KEY = 11000
NAMESPACE_EXISTS = 48
UNKNOWN_STAGE = 40324


class Upserted(NamedTuple):
    """How many documents were added, and the positions of the changes that a unique index refused."""

    new: int
    refused: list[int]


def _duplicates(error: BulkWriteError) -> list[int]:
    """The positions of the writes that a unique index refused; raises `error` if there are other failures."""
    failures = (error.details or {}).get("writeErrors", [])
    others = (error.details or {}).get("writeConcernErrors", [])
    if others or not failures or any(failure["code"] != DUPLICATE_KEY for failure in failures):
        raise error
    return [failure["index"] for failure in failures]


class Store:
    """One MongoDB database.

    `listeners` observe the driver. Commands wait `server_seconds` for a server while none is known.
    """

    def __init__(
        self,
        uri: str,
        database: str,
        *,
        driver: DriverName = DriverName.MOTOR,
        listeners: Sequence[Listener] = (),
        on_command: OnCommand = lambda *_: None,
        server_seconds: int = REQUEST_SERVER_SECONDS,
    ) -> None:
        self._driver = DRIVERS[driver]
        self._on_command = on_command
        try:
            self._client = self._driver.connect(
                uri, event_listeners=list(listeners), **options(uri, server_seconds)
            )
            self._database = self._client.get_database(database, codec_options=CODEC)
            # The driver would create a new object for each command.
            self._collection = cache(self._database.get_collection)
        except (PyMongoError, ValueError) as error:
            # The driver's message may quote the connection string, and with it the password.
            raise StoreMisconfigured(type(error).__name__) from error

    @property
    def name(self) -> str:
        return self._database.name

    async def ping(self) -> None:
        """Raises `StoreUnavailable` unless the database answers."""
        with self._command("ping"):
            await self._database.command("ping")

    async def find(self, collection: str, query: Document, fields: Iterable[str]) -> list[Document]:
        """The `fields` of every document that matches `query`, read in one command."""
        chosen = {"_id": False, **dict.fromkeys(fields, True)}
        return await self._read("find", collection, lambda c: c.find(query, chosen, batch_size=ONE_BATCH))

    async def get(self, collection: str, document_id: int | str) -> Document | None:
        """The document with this `_id`, if there is one."""
        with self._command("find", collection):
            return await self._collection(collection).find_one({"_id": document_id})

    async def get_many(self, collection: str, document_ids: Sequence[str]) -> list[Document]:
        """The documents with these `_id`s, in any order; an `_id` that does not exist is left out."""
        return await self._read("find", collection, lambda c: c.find({"_id": {"$in": list(document_ids)}}))

    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """All results of `pipeline`, read in one command."""
        return await self._read("aggregate", collection, lambda c: c.aggregate(pipeline, batchSize=ONE_BATCH))

    async def _read(self, command: str, collection: str, open_cursor: Callable[[Any], Any]) -> list[Document]:
        with self._command(command, collection):
            return await self._driver.read(self._collection(collection), open_cursor)

    async def insert(self, collection: str, document: Document) -> None:
        """Add one document; raises `AlreadyExists` if a unique index refuses it."""
        with self._command("insert", collection):
            try:
                await self._collection(collection).insert_one(document)
            except DuplicateKeyError as error:
                raise AlreadyExists from error

    async def insert_missing(self, collection: str, documents: Sequence[Document]) -> list[int]:
        """Add documents; returns the positions of those that a unique index refused, `_id` included."""
        if not documents:
            return []
        with self._command("insert", collection):
            try:
                await self._collection(collection).insert_many(documents, ordered=False)
            except BulkWriteError as error:
                return _duplicates(error)
            return []

    async def upsert(
        self, collection: str, changes: Sequence[tuple[Document, Document | list[Document]]]
    ) -> Upserted:
        """Apply each (query, update) to the document that matches, or to a new one.

        A server may refuse an upsert because another one has just added the same document, so refused changes
        are sent a second time: they then find that document.
        """
        new, refused = 0, list(range(len(changes)))
        for _ in range(2):
            if refused:
                writes = [UpdateOne(*changes[position], upsert=True) for position in refused]
                with self._command("update", collection):
                    try:
                        result = await self._collection(collection).bulk_write(writes, ordered=False)
                        new, refused = new + result.upserted_count, []
                    except BulkWriteError as error:
                        new += (error.details or {})["nUpserted"]
                        refused = [refused[position] for position in _duplicates(error)]
        return Upserted(new, refused)

    async def delete(self, collection: str, query: Document) -> None:
        """Delete the documents that match."""
        with self._command("delete", collection):
            await self._collection(collection).delete_many(query)

    async def stream(
        self, collection: str, query: Document, order: Sequence[str], *, batch: int = 1_000
    ) -> AsyncIterator[Document]:
        """All documents that match, in ascending order of these fields, read a batch at a time."""
        with self._failures_as_unavailable(collection):
            sort = [(field, 1) for field in order]
            found = self._collection(collection).find(query, sort=sort, batch_size=batch, allow_disk_use=True)
            async for document in found:
                yield document

    async def update(self, collection: str, document_id: str, change: Document) -> bool:
        """Change the document with this `_id`; False if there is none."""
        with self._command("update", collection):
            result = await self._collection(collection).update_one({"_id": document_id}, change)
            return result.matched_count == 1

    async def update_many(self, collection: str, query: Document, change: Document) -> None:
        """Change the documents that match."""
        with self._command("update", collection):
            await self._collection(collection).update_many(query, change)

    async def list_collections(self) -> list[str]:
        """The names of the collections."""
        with self._failures_as_unavailable():
            return await self._database.list_collection_names()

    async def create_collection(self, collection: Collection) -> None:
        """Create a collection, or give an existing one its validator."""
        name, validator = collection.name, collection.validator
        with self._failures_as_unavailable(name):
            try:
                await self._database.create_collection(name, validator=validator, check_exists=False)
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:
                    raise
                await self._database.command("collMod", name, validator=validator, codec_options=CODEC)

    async def list_indexes(self, collection: str) -> list[Document]:
        """The indexes of a collection as MongoDB describes them; `building` is whether one is still built."""
        with self._failures_as_unavailable(collection):
            indexes = await self._collection(collection).index_information()
            # A command goes to the primary. On servers without the stage, a listed index counts as built.
            stages: list[Document] = [{"$collStats": {"storageStats": {}}}]
            answer = await self._database.command(
                "aggregate", collection, pipeline=stages, cursor={}, allowable_errors=[UNKNOWN_STAGE]
            )
        shards = answer["cursor"]["firstBatch"] if answer["ok"] else []
        building = {name for shard in shards for name in shard["storageStats"].get("indexBuilds", [])}
        return [{"name": name, **one, "building": name in building} for name, one in indexes.items()]

    async def create_index(self, collection: str, index: Index) -> None:
        """Build an index; raises `AlreadyExists` if it is unique and documents have the same values."""
        with self._failures_as_unavailable(collection):
            try:
                await self._collection(collection).create_index(index.keys, name=index.name, **index.options)
            except DuplicateKeyError as error:
                raise AlreadyExists from error

    @contextmanager
    def _failures_as_unavailable(self, collection: str = "") -> Iterator[None]:
        try:
            yield
        except (PyMongoError, BSONError) as error:
            raise StoreUnavailable(describe_failure(error, self._client, collection)) from error

    @contextmanager
    def _command(self, name: str, collection: str = "") -> Iterator[None]:
        remaining = limit = current_deadline().remaining
        if remaining <= 0:
            raise DeadlineExceeded
        if remaining < math.inf and not self._client.nodes:
            # Given a time-out, the driver would wait for a server until then.
            limit = min(remaining, self._client.options.server_selection_timeout)
        started, failure = time.perf_counter(), ""
        try:
            # The driver sends the server the remaining time as `maxTimeMS`.
            with self._failures_as_unavailable(collection), timeout(None if limit == math.inf else limit):
                yield
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, StoreUnavailable) else error
            failure = type(cause).__name__
            if isinstance(cause, PyMongoError) and cause.timeout and limit == remaining < math.inf:
                raise DeadlineExceeded from cause
            raise
        finally:
            self._on_command(name, collection, failure, time.perf_counter() - started)

    async def close(self) -> None:
        await self._driver.close(self._client)
