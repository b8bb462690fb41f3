"""A stand-in for a fast database: `python -m bench.fast_database`.

It answers the three reads of a summary from memory, in about 0.1 ms, and sends every other command on to the
database that the settings name. The embedded database is slower than a MongoDB server, so its batches are
larger and the gateway's figures better. With this stand-in, batches are smaller than with a real server.
"""

import asyncio
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import bson
import click
import uvloop
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from gateway.settings import Settings
from loaders.database_schema import CUSTOMER_IDENTIFIERS, ISSUANCES, PROMOTIONS

Document = dict[str, Any]

# The header of a message in MongoDB's wire protocol: its length, its id, the id that it answers, its kind.
_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
# No flags, then one section that is a document.
_ONE_DOCUMENT = b"\0\0\0\0\0"
_MORE_TO_COME = 2
_IDENTIFIER = ("orgId", "source", "name", "value")
_PROMOTION = ("orgId", "promotionId")


class FastDatabase:
    """Holds the identifiers, the promotions and the totals of a filled database in memory."""

    def __init__(self, settings: Settings) -> None:
        with MongoClient[Document](settings.mongodb_uri.get_secret_value()) as client:
            assert client.address is not None
            self._behind = client.address
            database = client[settings.database]
            self._found = {
                name: {tuple(one[field] for field in key): _raw(one) for one in database[name].find()}
                for name, key in ((CUSTOMER_IDENTIFIERS.name, _IDENTIFIER), (PROMOTIONS.name, _PROMOTION))
            }
            dimensions = ("orgId", "customerPromotion", "benefit", "item", "type")
            group = {
                "_id": {name: f"${name}" for name in dimensions},
                "total": {"$sum": "$amount"},
                "times": {"$sum": 1},
                "lastIssuedOn": {"$max": "$issuedOn"},
            }
            self._totals: defaultdict[tuple[int, str], list[tuple[str, RawBSONDocument]]] = defaultdict(list)
            for row in database[ISSUANCES.name].aggregate([{"$group": group}]):
                organization, of = row["_id"].pop("orgId"), row["_id"]
                self._totals[organization, of["customerPromotion"]].append((of["benefit"], _raw(row)))

    def _answer(self, command: Document) -> list[RawBSONDocument] | None:
        match command:
            case {"find": str(name), "filter": {"orgId": _} as wanted} if name in self._found:
                *fixed, last = wanted.values()
                keys = ((*fixed, value) for value in _values(last))
                return [found for key in keys if (found := self._found[name].get(key)) is not None]
            case {"aggregate": ISSUANCES.name, "pipeline": [{"$match": pairs}, {"$match": scope}, *_]}:
                benefits = scope["benefit"]["$in"]
                rows = (self._totals[pairs["orgId"], pair] for pair in _values(pairs["customerPromotion"]))
                return [row for each in rows for benefit, row in each if benefit in benefits]
        return None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of one connection until it is closed."""
        behind, to_behind = await asyncio.open_connection(*self._behind)
        try:
            while not writer.is_closing():
                head, body = await _read(reader)
                _, request_id, _, kind = _HEADER.unpack(head)
                command = bson.decode(body[len(_ONE_DOCUMENT) :]) if kind == _OP_MSG and not body[4] else {}
                found = self._answer(command)
                if found is None:
                    to_behind.write(head + body)
                    more = _MORE_TO_COME
                    while more and not writer.is_closing():
                        head, body = await _read(behind)
                        writer.write(head + body)
                        more = body[0] & _MORE_TO_COME
                else:
                    namespace = f"{command['$db']}.{next(iter(command.values()))}"
                    cursor = {"id": bson.Int64(0), "ns": namespace, "firstBatch": found}
                    reply = _ONE_DOCUMENT + bson.encode({"cursor": cursor, "ok": 1.0})
                    writer.write(_HEADER.pack(_HEADER.size + len(reply), 0, request_id, _OP_MSG) + reply)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
            to_behind.close()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(_HEADER.size)
    return head, await reader.readexactly(_HEADER.unpack(head)[0] - _HEADER.size)


def _raw(document: Document) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(document))


def _values(condition: Any) -> Iterator[Any]:
    yield from condition["$in"] if isinstance(condition, dict) else [condition]


async def _run(settings: Settings) -> None:
    server = await asyncio.start_server(FastDatabase(settings).serve, "127.0.0.1", 0)
    click.echo(f"Listening on 127.0.0.1 port {server.sockets[0].getsockname()[1]}", err=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_run(Settings.from_environment()))
