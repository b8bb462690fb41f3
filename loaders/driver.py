"""The two drivers that the store runs on: motor, and PyMongo's own async client, which succeeds it.

They differ in how a client is made and closed and in how an aggregation begins. Everything else is written
once, in PyMongo's terms. `CODEC` is how both turn BSON into Python's types.
"""

import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.errors import ConnectionFailure, OperationFailure

from loaders.database_schema import Collection
from loaders.driver_options import POOL_SIZE
from loaders.errors import IndexDiffers

# Motor runs each command in a thread, and reads when it is imported how many there may be: five for each core
# unless told, so that on two cores ten slow commands would keep everything waiting beside an idle pool.
os.environ.setdefault("MOTOR_MAX_WORKERS", str(POOL_SIZE))

from motor.motor_asyncio import AsyncIOMotorClient

Client = AsyncMongoClient[dict[str, Any]]

NAMESPACE_EXISTS = 48
# IndexOptionsConflict and IndexKeySpecsConflict.
INDEX_CONFLICTS = (85, 86)


class DriverName(StrEnum):
    """How a setting names a driver."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class Driver(NamedTuple):
    """What a driver does in its own way."""

    connect: Callable[..., Client]
    aggregate: Callable[..., Awaitable[AsyncCommandCursor[dict[str, Any]]]]
    close: Callable[[Client], Awaitable[None]]


def _connect_with_motor(uri: str, **options: Any) -> Any:
    return AsyncIOMotorClient(uri, **options)


async def _aggregate_with_motor(collection: Any, pipeline: Any, **options: Any) -> Any:
    # Motor sends the command when its cursor is read.
    return collection.aggregate(pipeline, **options)


async def _close_motor(client: Any) -> None:
    client.close()


DRIVERS = {
    DriverName.MOTOR: Driver(_connect_with_motor, _aggregate_with_motor, _close_motor),
    DriverName.PYMONGO: Driver(AsyncMongoClient, AsyncCollection.aggregate, AsyncMongoClient.close),
}


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, type_registry=TypeRegistry([_DecimalCodec()])
)


def reason_of(error: Exception, client: Client, collection: str) -> str:
    """What failed, in names alone: the error and its code, the servers, the collection, the index's fields.

    The error's own message may quote data, or the password of the connection string.
    """
    details = getattr(error, "details", None) or {}
    failure = next(iter(details.get("writeErrors") or ()), details)
    parts = [type(error).__name__]
    if code := failure.get("codeName") or failure.get("code"):
        parts.append(str(code))
    if isinstance(error, ConnectionFailure):
        servers = client.topology_description.server_descriptions()
        parts += [f"{host}:{port}" for host, port in servers]
    elif collection:
        parts.append(collection)
    if fields := failure.get("keyPattern"):
        parts.append(f"index on {', '.join(fields)}")
    return ", ".join(parts)


async def set_up_collection(database: Any, collection: Collection, progress: Callable[[str], None]) -> None:
    """Create a collection, its validator and its indexes where they are missing; raises `IndexDiffers`.

    `progress` is told the name of each missing index before the server begins to build it.
    """
    name, validator = collection.name, collection.validator
    try:
        await database.create_collection(name, validator=validator, check_exists=False)
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise
        await database.command("collMod", name, validator=validator, codec_options=CODEC)
    missing = await missing_indexes(database, collection)
    for index in collection.indexes:
        if f"{name}.{index.name}" in missing:
            progress(f"{name}.{index.name}")
        keys = [(field, 1) for field in index.fields]
        try:
            await database[name].create_index(keys, name=index.name, **index.options)
        except OperationFailure as error:
            if error.code in INDEX_CONFLICTS:
                raise IndexDiffers(name, index.name) from error
            raise


async def missing_indexes(database: Any, collection: Collection) -> list[str]:
    """The indexes that a collection lacks, by name; one that is still being built is missing."""
    # The manual does not list this flag: with it, the server marks an index that it is still building.
    answer = await database.command("listIndexes", collection.name, includeBuildUUIDs=True)
    found = {spec["name"]: spec for spec in answer["cursor"]["firstBatch"] if "buildUUID" not in spec}
    return [
        f"{collection.name}.{index.name}" + (" (it has other keys or options)" if index.name in found else "")
        for index in collection.indexes
        if index.name not in found or not index.matches(found[index.name])
    ]
