"""The time of an import beside that of bare inserts: `python -m bench.import_speed [--memory]`.

Rounds of `promo-gateway import` and of bare `insert_many`s alternate against one embedded server, each on an
empty database. The ratio of their medians counts, because the speeds depend on the machine.

The importer runs as a process of its own, as operators run it. The time of an import of an empty file in the
same round is subtracted, so Python's start and imports do not count. Both sides connect to the database. The
bare inserts get documents that are ready, with amounts in the driver's own type, and write them in batches on
one connection. The bench checks that both leave the same data. The embedded server is slow, so the ratio is
larger on a faster server.

`--memory` compares the importer's peak memory for a file of 50 MB and for one of 400 MB. The lines are as
long as the format allows, so that the server has fewer of them to write.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any

from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128
from pydantic import SecretStr
from pymongo import MongoClient

from gateway.commands.database import set_up, with_store
from gateway.commands.embedded_database import embedded_database
from gateway.ingest.importer import BATCH_LINES
from gateway.ingest.records import IssuanceRecord, decode
from gateway.settings import Settings
from loaders.database_schema import ISSUANCES
from loaders.ledger import issuance_document
from loaders.store import Document

RECORDS = 20_000
ROUNDS = 5
MEGABYTE = 1_000_000
SIZES = (50 * MEGABYTE, 400 * MEGABYTE)
LONGEST_NAME = 1024

CURRENCY = {"benefit": "ALTERNATE_CURRENCY", "item": "DocCoin", "type": "PROMISED", "amount": "700.000"}
KINDS: tuple[dict[str, str], ...] = (
    {"benefit": "POINTS", "type": "REGULAR", "amount": "25.125"},
    CURRENCY,
    {"benefit": "REWARD", "item": "113336"},
    {"benefit": "BADGE", "item": "67ce697296dcfc6386c64f8a"},
)
START = datetime(2026, 1, 1, tzinfo=UTC)


def issuance(n: int, **changes: str) -> bytes:
    record: dict[str, Any] = {
        "record": "issuance",
        "orgId": 51135,
        "eventId": f"event-{n}",
        "customerId": 387_729_100 + n % 997,
        "promotionId": 2_000_065 + n % 7,
        "issuedOn": (START + timedelta(seconds=n)).isoformat(),
        **KINDS[n % len(KINDS)],
        **changes,
    }
    return json.dumps(record).encode() + b"\n"


def long_issuance(n: int) -> bytes:
    names = {
        "eventId": f"event-{n}-".ljust(LONGEST_NAME, "e"),
        "item": f"currency-{n % 7}-".ljust(LONGEST_NAME, "c"),
    }
    return issuance(n, **{**CURRENCY, **names})


def document(line: bytes) -> Document:
    """The document that the importer writes for the line."""
    record = decode(line.rstrip())
    assert isinstance(record, IssuanceRecord)
    assert record.promotion_id is not None
    made = issuance_document(record.org_id, record.issuance(record.promotion_id))
    if "amount" in made:
        made["amount"] = Decimal128(made["amount"])
    return made


@contextmanager
def fresh_database(uri: str) -> Iterator[Settings]:
    """An empty database with the validators and indexes of a real one."""
    settings = Settings(mongodb_uri=SecretStr(uri), database="import_speed")
    with_store(set_up, settings)
    try:
        yield settings
    finally:
        with MongoClient[Document](uri) as client:
            client.drop_database(settings.database)


def imported(file: Path, settings: Settings, records: int) -> tuple[float, int]:
    """The seconds that an import of the file took, and the peak of its memory in KiB."""
    environment = {
        "GATEWAY_MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "GATEWAY_DATABASE": settings.database,
    }
    log = file.with_name("log")
    with log.open("w") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "import", file],
            env={**os.environ, **environment},
            stderr=stderr,
        )
        # `wait4` has the usage of this child alone; RUSAGE_CHILDREN has the largest peak of all children.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text()
    assert process.returncode == 0, output
    assert f": {records} new, 0 already there, 0 rejected." in output, output
    return seconds, usage.ru_maxrss


def inserted(documents: list[Document], settings: Settings) -> float:
    """The seconds that bare inserts of the documents took."""
    started = time.perf_counter()
    with MongoClient[Document](settings.mongodb_uri.get_secret_value(), w="majority") as client:
        issuances = client[settings.database][ISSUANCES.name]
        for start in range(0, len(documents), BATCH_LINES):
            issuances.insert_many(documents[start : start + BATCH_LINES], ordered=False)
        return time.perf_counter() - started


def check(documents: list[Document], settings: Settings) -> None:
    """Stop unless exactly these documents are in the database."""
    options: CodecOptions[Document] = CodecOptions(tz_aware=True)
    with MongoClient[Document](settings.mongodb_uri.get_secret_value()) as client:
        held = client[settings.database].get_collection(ISSUANCES.name, codec_options=options).find()
        assert {one["_id"]: one for one in held} == {one["_id"]: one for one in documents}


def speed(directory: Path, uri: str) -> None:
    lines = [issuance(n) for n in range(RECORDS)]
    documents = [document(line) for line in lines]
    full, empty = directory / "full.ndjson", directory / "empty.ndjson"
    full.write_bytes(b"".join(lines))
    empty.touch()

    def importer(settings: Settings) -> float:
        start_up, _ = imported(empty, settings, 0)
        return imported(full, settings, RECORDS)[0] - start_up

    def measured(way: Callable[[Settings], float]) -> float:
        with fresh_database(uri) as settings:
            seconds = way(settings)
            check(documents, settings)
        return RECORDS / seconds

    rounds = [
        (measured(importer), measured(lambda settings: inserted(documents, settings)))
        # The first round warms up the server and is not counted.
        for _ in range(1 + ROUNDS)
    ][1:]
    a, b = (statistics.median(speeds) for speeds in zip(*rounds, strict=True))
    ratios = [one / other for one, other in rounds]
    print(
        f"import {a:,.0f} records/s, bare inserts {b:,.0f} records/s, ratio {a / b:.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f} in {ROUNDS} rounds of {RECORDS:,} records)"
    )


def write_long(file: Path, size: int) -> int:
    """Fill the file with about `size` bytes; returns the number of its lines."""
    lines = size // len(long_issuance(0))
    with file.open("wb") as opened:
        opened.writelines(long_issuance(n) for n in range(lines))
    return lines


def memory(directory: Path, uri: str) -> None:
    peaks, described = [], []
    for size in SIZES:
        file = directory / "long.ndjson"
        lines = write_long(file, size)
        with fresh_database(uri) as settings:
            _, peak = imported(file, settings, lines)
        # A child inherits the peak of its parent, so that only a larger peak is the importer's own.
        assert peak > getrusage(RUSAGE_SELF).ru_maxrss
        peaks.append(peak)
        megabytes = file.stat().st_size / MEGABYTE
        described.append(f"{peak / 1024:.1f} MiB for {megabytes:.0f} MB ({lines:,} lines)")
    print(f"peak memory of the importer: {', '.join(described)}, ratio {peaks[-1] / peaks[0]:.2f}")


def main() -> None:
    with TemporaryDirectory(prefix="import-speed-") as name:
        directory = Path(name)
        with embedded_database(directory / "database", durable=False) as uri:
            (memory if sys.argv[1:] == ["--memory"] else speed)(directory, uri)


if __name__ == "__main__":
    main()
