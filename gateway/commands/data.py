"""The commands that move data: `import`, `export`, `events`."""

import json
import sys
from contextlib import AsyncExitStack
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import click

from gateway import OperatorError
from gateway.commands.database import check_set_up, with_store
from gateway.commands.environment import read_settings
from gateway.commands.import_input import Batches, InputUnusable
from gateway.commands.import_output import Rejects, describe, shown_progress
from gateway.commands.terminal import ID, print_row, printable
from gateway.ingest import event_recorder
from gateway.ingest import export as exporting
from gateway.ingest.importer import Import
from gateway.settings import ImportSettings
from loaders import pending_events
from loaders.enums import PayloadFormat
from loaders.errors import StoreMisconfigured, StoreUnavailable
from loaders.pending_events import PendingEvent
from loaders.store import Store

COULD_NOT_RUN, INTERRUPTED = 2, 130


class _CouldNotRun(click.ClickException):
    exit_code = COULD_NOT_RUN


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--rejects", metavar="FILE", help="Write rejected lines to this file.")
@click.option(
    "--max-rejects",
    type=click.IntRange(min=0),
    default=10_000,
    show_default=True,
    help="Stop when a file has more rejected lines than this.",
)
def import_files(files: tuple[str, ...], rejects: str | None, max_rejects: int) -> None:
    """Import FILES of newline-delimited JSON, gzipped or not; - is standard input.

    Rejected lines are written with the reason to FILE.rejected.ndjson, or to standard error if that file
    cannot be created, and the import continues. Importing a file again changes nothing. The exit status is 0
    if every line was taken, 1 if lines were rejected, and 2 if an import failed.
    """
    if rejects is not None and len(files) > 1:
        raise click.UsageError("--rejects can be used with one input file only.")

    async def run(store: Store) -> int:
        await check_set_up(store)
        status = 0
        for file in files:
            beside = "stdin.rejected.ndjson" if file == "-" else f"{file}.rejected.ndjson"
            rejected = Rejects(Path(rejects or beside), chosen=rejects is not None)
            status = max(status, await _import_file(store, settings, file, rejected, max_rejects))
            if status == INTERRUPTED:
                break
        return status

    try:
        settings = read_settings(ImportSettings)
        sys.exit(with_store(run, settings))
    except OperatorError as error:
        raise _CouldNotRun(str(error)) from error
    except OSError as error:
        raise _CouldNotRun(f"{printable(str(error.filename))}: {error.strerror}.") from error
    except (StoreUnavailable, StoreMisconfigured) as error:
        raise _CouldNotRun(f"The database cannot be used ({error}); run the import again.") from error


@click.command("export")
def export() -> None:
    """Write all data to standard output, in the format that `import` takes."""

    async def run(store: Store) -> None:
        # Closed here, so that a disk that is full is noticed before the command ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            async for line in exporting.lines(store):
                output.write(line + b"\n")

    try:
        with_store(run)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _CouldNotRun(f"standard output: {error.strerror}.") from error


@click.group()
def events() -> None:
    """Manage pending events."""


@events.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_events(as_json: bool) -> None:
    """List the pending events.

    The columns are the organisation, the event id, the time of arrival and the reason.
    """

    async def run(store: Store) -> None:
        if not as_json:
            print_row("ORGANISATION", "EVENT", "RECEIVED", "REASON")
        async for event in pending_events.waiting(store):
            if as_json:
                click.echo(json.dumps(_fields(event)))
            else:
                since = event.received_on.isoformat(timespec="seconds")
                print_row(event.organization_id, event.event_id, since, event.reason)

    with_store(run)


def _fields(event: PendingEvent) -> dict[str, object]:
    return {
        "orgId": event.organization_id,
        "eventId": event.event_id,
        "format": event.format.value,
        "receivedOn": event.received_on.isoformat(timespec="milliseconds"),
        "reason": event.reason,
        "promotionIdentifiers": event.promotion_identifiers,
    }


@events.command()
@click.argument("organization_id", type=ID)
@click.argument("event_id")
def show(organization_id: int, event_id: str) -> None:
    """Print a pending event or record as it was received.

    On a terminal, control characters are escaped.
    """

    async def run(store: Store) -> list[str]:
        found = [await pending_events.find(store, organization_id, event_id, one) for one in PayloadFormat]
        return [event.payload for event in found if event is not None]

    payloads = with_store(run)
    if not payloads:
        name = printable(event_id)
        raise click.ClickException(f"Organisation {organization_id} has no pending event {name}.")
    for payload in payloads:
        lines = payload.split("\n")
        click.echo("\n".join(map(printable, lines)) if sys.stdout.isatty() else payload)


@events.command()
def replay() -> None:
    """Try to count all pending events again."""
    replayed = with_store(event_recorder.replay_all)
    click.echo(f"{replayed.counted} pending events counted.")


async def _import_file(store: Store, settings: ImportSettings, file: str, rejects: Rejects, most: int) -> int:
    run, problem = Import(store, settings.pending_event_days), ""
    async with AsyncExitStack() as stack:
        raw = cast("BufferedReader[Any]", stack.enter_context(click.open_file(file, "rb")))
        stack.callback(rejects.close)
        # Last, when the progress bar is closed.
        stack.callback(lambda: click.echo(describe(file, run.summary, rejects.where), err=True))
        show_progress = stack.enter_context(shown_progress(file, raw))
        batches = stack.enter_context(Batches(raw))
        stack.callback(rejects.write, run.summary)
        stack.push_async_callback(run.abandon)
        try:
            for batch in batches:
                await run.add(batch)
                rejects.write(run.summary)
                show_progress(run.summary)
                if run.summary.rejected > most:
                    raise InputUnusable(f"more than {most} lines were rejected")
        except InputUnusable as error:
            problem = str(error)
        await run.finish(lambda: batches.interrupted)
    if problem:
        click.echo(f"Error: {printable(file)}: {problem}.", err=True)
        return COULD_NOT_RUN
    if batches.interrupted:
        line = run.summary.last_line
        click.echo(f"{printable(file)}: interrupted after line {line}; run it again to continue.", err=True)
        return INTERRUPTED
    return 1 if run.summary.rejected or run.summary.contradicting else 0
