"""The commands that move data: `import`, `export`, `events`."""

import asyncio
import gzip
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import click

from gateway.database import with_store
from gateway.ingest import events as notifications
from gateway.ingest import export as exporting
from gateway.ingest.importer import BATCH_LINES, Import, Line, Summary
from gateway.ingest.progress import Progress, new_progress
from gateway.ingest.records import LONGEST_LINE
from gateway.settings import Settings
from loaders import set_aside
from loaders.store import Store, StoreUnavailable

# A batch is also full at this size, so that long lines do not take much memory.
BATCH_BYTES = 4 * 1024 * 1024
INTERRUPTED = 130


class _CouldNotRun(click.ClickException):
    exit_code = 2


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
def import_files(files: tuple[str, ...]) -> None:
    """Import newline-delimited JSON: FILES, also gzipped, or - for standard input.

    Bad lines go to FILE.rejected.ndjson with the reason, the rest goes on. Running it again changes nothing.
    Exits with 0, with 1 if lines were rejected, or with 2 if an import could not run.
    """
    settings = Settings.from_environment(os.environ)

    async def run(store: Store) -> int:
        status = 0
        for file in files:
            status = max(status, await _import_file(store, settings, file))
        return status

    try:
        sys.exit(with_store(run, settings))
    except OSError as error:
        raise _CouldNotRun(f"{error.filename}: {error.strerror}.") from error
    except StoreUnavailable as error:
        raise _CouldNotRun(f"The database cannot be used ({error}); run the import again.") from error


@click.command("export")
def export() -> None:
    """Write all data to standard output, as `import` takes it."""

    async def run(store: Store) -> None:
        async for line in exporting.lines(store):
            sys.stdout.buffer.write(line + b"\n")

    with_store(run)


@click.group()
def events() -> None:
    """Handle the events that are set aside."""


@events.command("list")
def list_events() -> None:
    """List what is set aside: organisation, event id, since when, reason."""

    async def run(store: Store) -> None:
        async for thing in set_aside.waiting(store):
            assert thing.received_on is not None
            since = thing.received_on.isoformat(timespec="seconds")
            click.echo(f"{thing.organization_id}\t{thing.event_id}\t{since}\t{thing.reason}")

    with_store(run)


@events.command()
@click.argument("organization_id", type=int)
@click.argument("event_id")
def show(organization_id: int, event_id: str) -> None:
    """Show one event as it came."""
    thing = with_store(lambda store: set_aside.find(store, organization_id, event_id))
    if thing is None:
        raise click.ClickException(f"Organisation {organization_id} has no event {event_id} set aside.")
    click.echo(thing.payload)


@events.command()
def replay() -> None:
    """Count what can be counted now."""
    counted = with_store(notifications.replay_all)
    click.echo(f"{counted} counted that were set aside.")


async def _import_file(store: Store, settings: Settings, file: str) -> int:
    run = Import(store, settings.set_aside_days)
    interrupted = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupted.set)
    rejects = Path("stdin.rejected.ndjson" if file == "-" else f"{file}.rejected.ndjson")
    rejects.unlink(missing_ok=True)
    with ExitStack() as stack:
        raw = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        opened = stack.enter_context(gzip.open(raw)) if file.endswith(".gz") else raw
        progress = stack.enter_context(new_progress(file, raw))
        try:
            for batch in _batches(cast(BinaryIO, opened)):
                await run.add(batch)
                _report(run.summary, rejects, progress)
                if interrupted.is_set():
                    break
            else:
                await run.finish()
                await run.resolve()
        except (EOFError, gzip.BadGzipFile) as error:
            await run.finish()
            click.echo(f"Error: {file} is cut short or not gzipped: {error}.", err=True)
            return 2
        finally:
            await run.abandon()
            _report(run.summary, rejects, progress)
    click.echo(_told(file, run.summary, rejects), err=True)
    if interrupted.is_set():
        click.echo(f"{file}: interrupted after line {run.summary.lines}; run it again to go on.", err=True)
        return INTERRUPTED
    return 1 if run.summary.rejected else 0


def _batches(opened: BinaryIO) -> Iterator[list[Line]]:
    batch: list[Line] = []
    size = number = 0
    while text := opened.readline(LONGEST_LINE + 2):
        number += 1
        if not text.endswith(b"\n") and len(text) > LONGEST_LINE:
            _skip_line(opened)
        if text.strip():
            batch.append(Line(number, text.rstrip(b"\r\n")))
            size += len(text)
        if len(batch) >= BATCH_LINES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _skip_line(opened: BinaryIO) -> None:
    while rest := opened.readline(LONGEST_LINE):
        if rest.endswith(b"\n"):
            return


def _report(summary: Summary, rejects: Path, progress: Progress) -> None:
    if summary.fresh_rejections:
        with rejects.open("a") as file:
            for line, reason in summary.fresh_rejections:
                text = line.text[:LONGEST_LINE].decode(errors="replace")
                file.write(json.dumps({"line": line.number, "reason": reason, "text": text}) + "\n")
        summary.fresh_rejections.clear()
    progress.show(summary)


def _told(file: str, summary: Summary, rejects: Path) -> str:
    told = f"{file}: {summary.new} new, {summary.already_there} already there, {summary.rejected} rejected"
    if summary.set_aside:
        told += f", {summary.set_aside} set aside until their promotion is known"
    if summary.ignored_identifiers:
        told += f"; {summary.ignored_identifiers} identifiers of other types ignored"
    return told + (f". See {rejects}." if summary.rejected else ".")
