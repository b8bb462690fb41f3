"""The commands that move data: `import`, `export`, `events`."""

import gzip
import json
import signal
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

import click

from gateway.commands.database import NotSetUp, check_set_up, with_store
from gateway.commands.environment import read_settings
from gateway.commands.progress import Progress, new_progress
from gateway.ingest import export as exporting
from gateway.ingest import recorder
from gateway.ingest.import_summary import Line, Summary
from gateway.ingest.importer import BATCH_LINES, Import
from gateway.ingest.records import LONGEST_LINE
from gateway.settings import ImportSettings, SettingInvalid
from loaders import pending_events
from loaders.enums import PayloadFormat
from loaders.errors import StoreMisconfigured, StoreUnavailable
from loaders.store import Store

# A batch is also full at this size, so that long lines do not take much memory.
BATCH_BYTES = 4 * 1024 * 1024
INTERRUPTED = 130


class _CouldNotRun(click.ClickException):
    exit_code = 2


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
def import_files(files: tuple[str, ...]) -> None:
    """Import FILES of newline-delimited JSON, gzipped or not; - is standard input.

    Invalid lines are written to FILE.rejected.ndjson with the reason, and the import continues. To import a
    file again changes nothing. The exit status is 0, 1 if lines were rejected, or 2 if an import failed.
    """

    async def run(store: Store) -> int:
        await check_set_up(store)
        status = 0
        for file in files:
            status = max(status, await _import_file(store, settings, file))
            if status == INTERRUPTED:
                break
        return status

    try:
        settings = read_settings(ImportSettings)
        sys.exit(with_store(run, settings))
    except (SettingInvalid, NotSetUp) as error:
        raise _CouldNotRun(str(error)) from error
    except OSError as error:
        raise _CouldNotRun(f"{error.filename}: {error.strerror}.") from error
    except (StoreUnavailable, StoreMisconfigured) as error:
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
    """Manage pending events."""


@events.command("list")
def list_events() -> None:
    """List the pending events: organisation, event id, time of arrival, reason."""

    async def run(store: Store) -> None:
        async for event in pending_events.waiting(store):
            since = event.received_on.isoformat(timespec="seconds")
            click.echo(f"{event.organization_id}\t{event.event_id}\t{since}\t{event.reason}")

    with_store(run)


@events.command()
@click.argument("organization_id", type=int)
@click.argument("event_id")
def show(organization_id: int, event_id: str) -> None:
    """Print a pending event, or a pending record of an import, as it came."""

    async def run(store: Store) -> list[str]:
        found = [await pending_events.find(store, organization_id, event_id, one) for one in PayloadFormat]
        return [event.payload for event in found if event is not None]

    payloads = with_store(run)
    if not payloads:
        raise click.ClickException(f"Organisation {organization_id} has no pending event {event_id}.")
    for payload in payloads:
        click.echo(payload)


@events.command()
def replay() -> None:
    """Count the pending events whose promotions are known now."""
    replayed = with_store(recorder.replay_all)
    click.echo(f"{replayed.counted} pending events counted.")


async def _import_file(store: Store, settings: ImportSettings, file: str) -> int:
    run = Import(store, settings.pending_event_days)
    rejects = Path("stdin.rejected.ndjson" if file == "-" else f"{file}.rejected.ndjson")
    with ExitStack() as stack:
        raw = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
        rejects.unlink(missing_ok=True)
        opened = stack.enter_context(gzip.open(raw)) if file.endswith(".gz") else raw
        progress = stack.enter_context(new_progress(file, raw))
        batches = _Batches(cast(BinaryIO, opened))
        try:
            for batch in batches:
                await run.add(batch)
                _report(run.summary, rejects, progress)
            await run.finish(lambda: batches.interrupted)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            await run.finish()
            click.echo(f"Error: {file} is cut short or not gzipped: {error}.", err=True)
            return 2
        finally:
            await run.abandon()
            _report(run.summary, rejects, progress)
            stack.callback(click.echo, _told(file, run.summary, rejects), err=True)
    if batches.interrupted:
        click.echo(
            f"{file}: interrupted after line {run.summary.last_line}; run it again to go on.", err=True
        )
        return INTERRUPTED
    return 1 if run.summary.rejected or run.summary.contradicting else 0


class _Batches:
    """The lines of a file, a batch at a time; Ctrl-C ends them, even while a read waits for more."""

    def __init__(self, opened: BinaryIO) -> None:
        self.interrupted = False
        self._reading = False
        self._batches = _read(opened)
        signal.signal(signal.SIGINT, self._interrupt)

    def __iter__(self) -> Iterator[list[Line]]:
        while not self.interrupted:
            try:
                self._reading = True
                batch = next(self._batches, None)
            except KeyboardInterrupt:
                return
            finally:
                self._reading = False
            if batch is None:
                return
            yield batch

    def _interrupt(self, *_: object) -> None:
        self.interrupted = True
        # While something is being written, that comes to its end first.
        if self._reading:
            raise KeyboardInterrupt


def _read(opened: BinaryIO) -> Iterator[list[Line]]:
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
    if summary.pending:
        told += f", {summary.pending} pending until their promotion is known"
    if summary.contradicting:
        told += f", {summary.contradicting} pending because another issuance has their eventId"
    if summary.ignored_identifiers:
        told += f"; {summary.ignored_identifiers} identifiers of other types ignored"
    return told + (f". See {rejects}." if summary.rejected else ".")
