"""The two drivers of the store: motor, and PyMongo's own async client, which succeeds motor.

They differ in how a client is created and closed and in how a cursor is read; otherwise both have PyMongo's
interface. `CODEC` defines how both convert BSON to Python's types.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from decimal import Context, Decimal
from enum import StrEnum
from inspect import isawaitable
from typing import Any, NamedTuple

from bson.codec_options import CodecOptions, TypeCodec, TypeRegistry
from bson.decimal128 import Decimal128
from pymongo import AsyncMongoClient
from pymongo.errors import ConnectionFailure

from loaders.driver_options import POOL_SIZE

# Motor runs each command in a thread, and reads the number of threads when it is imported. By default there
# are five for each core: on two cores, ten slow commands would delay all others beside an idle pool.
os.environ.setdefault("MOTOR_MAX_WORKERS", str(POOL_SIZE))

from motor.frameworks.asyncio import run_on_executor
from motor.motor_asyncio import AsyncIOMotorClient

Client = AsyncMongoClient[dict[str, Any]]

# Responses to writes have these codes without their names.
_CODE_NAMES = {121: "DocumentValidationFailure", 11000: "DuplicateKey"}


class DriverName(StrEnum):
    """The drivers, as a setting names them."""

    MOTOR = "motor"
    PYMONGO = "pymongo"


class Driver(NamedTuple):
    """The operations in which the drivers differ."""

    connect: Callable[..., Client]
    # Reads all documents of the cursor that a function opens on a collection.
    read: Callable[[Any, Callable[[Any], Any]], Awaitable[list[dict[str, Any]]]]
    close: Callable[[Client], Awaitable[None]]


def _connect_with_motor(uri: str, **options: Any) -> Any:
    return AsyncIOMotorClient(uri, **options)


async def _read_with_motor(collection: Any, open_cursor: Callable[[Any], Any]) -> Any:
    # In one call of a thread; motor's own cursors return to the event loop up to three times for a command.
    def read() -> Any:
        return open_cursor(collection.delegate).to_list()

    return await run_on_executor(asyncio.get_running_loop(), read)  # type: ignore[no-untyped-call]


async def _read_with_pymongo(collection: Any, open_cursor: Callable[[Any], Any]) -> Any:
    cursor = open_cursor(collection)
    # PyMongo's own client sends an aggregation before it returns the cursor.
    return await (await cursor if isawaitable(cursor) else cursor).to_list()


async def _close_motor(client: Any) -> None:
    client.close()


DRIVERS = {
    DriverName.MOTOR: Driver(_connect_with_motor, _read_with_motor, _close_motor),
    DriverName.PYMONGO: Driver(AsyncMongoClient, _read_with_pymongo, AsyncMongoClient.close),
}


# The binary encoding of IEEE 754: a sign, 14 bits of the exponent and 113 bits of the coefficient. Above
# `_LARGEST_PLAIN`, the first three bits are those of a negative number, of an infinity or of NaN.
_COEFFICIENT_BITS, _LARGEST_COEFFICIENT = 2**113 - 1, 10**34 - 1
_EXPONENT_BIAS, _LARGEST_PLAIN = 6176, 2
_EXACT = Context(prec=40)


class _DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        # `to_decimal` makes a tuple of the digits first, and takes eight times as long.
        bits = int.from_bytes(value.bid, "little")
        coefficient = bits & _COEFFICIENT_BITS
        if bits >> 125 > _LARGEST_PLAIN or coefficient > _LARGEST_COEFFICIENT:
            return value.to_decimal()
        return _EXACT.scaleb(coefficient, (bits >> 113) - _EXPONENT_BIAS)


CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, type_registry=TypeRegistry([_DecimalCodec()])
)


def describe_failure(error: Exception, client: Client, collection: str) -> str:
    """A failure, described by the name of its code or type, and of the collection, the index or the servers.

    The error's own message is left out: it may quote data, or the password of the connection string.
    """
    details: dict[str, Any] = getattr(error, "details", None) or {}
    failures = details.get("writeErrors") or details.get("writeConcernErrors") or [details]
    code = failures[0].get("code")
    name = failures[0].get("codeName") or _CODE_NAMES.get(code, code and f"error {code}")
    parts = [name or type(error).__name__.lstrip("_")]
    if isinstance(error, ConnectionFailure):
        servers = client.topology_description.server_descriptions().values()
        unreachable = [one for one in servers if not one.is_server_type_known] or servers
        addresses = (one.address for one in unreachable)
        parts += sorted(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in addresses)
    elif collection:
        parts.append(collection)
    if fields := failures[0].get("keyPattern"):
        parts.append(f"index on {', '.join(fields)}")
    return ", ".join(parts)
