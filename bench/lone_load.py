"""How many instructions the dispatcher adds to a lone load: `python -m bench.lone_load`.

Callgrind counts the instructions of a process that loads one key after another, through the dispatcher and
with `find` called directly. The difference between many loads and few is the cost of the loads, from the
loader to the socket, without the start of the process. The database is a process of its own, whose
instructions are not counted.
"""

import re
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import machine, seed
from bench.lone_load_process import KINDS, TENANT, WAYS
from bench.servers import environment, fresh_database
from gateway.commands.database import with_store
from gateway.settings import Settings

FEW, MANY = 20, 220

_TOTALS = re.compile(r"^totals: (\d+)", re.MULTILINE)


class CannotCount(click.ClickException):
    """Valgrind is not installed, or the process that it ran failed."""


def instructions(settings: Settings, kind: str, way: str, loads: int) -> int:
    """The instructions of the whole process; raises `CannotCount`."""
    with TemporaryDirectory(prefix="bench-") as directory:
        out = Path(directory, "callgrind.out")
        command = [_valgrind(), "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable]
        finished = subprocess.run(
            [*command, "-m", "bench.lone_load_process", kind, way, str(loads)],
            # The hashes of strings decide how long look-ups in dictionaries take.
            env={**environment(settings), "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise CannotCount(f"valgrind ended with {finished.returncode}: {finished.stderr}")
        [counted] = _TOTALS.findall(out.read_text())
        return int(counted)


def _valgrind() -> str:
    if found := shutil.which("valgrind"):
        return found
    raise CannotCount("valgrind is not installed (apt-get install valgrind).")


@click.command()
def main() -> None:
    """Count the instructions of a lone load, with the dispatcher and without."""
    _valgrind()
    counted = {}
    with fresh_database() as settings:
        with_store(lambda store: seed.seed(store, [TENANT]), settings)
        for one in track(list(product(KINDS, WAYS)), "Counting", transient=True):
            few, many = (instructions(settings, *one, loads) for loads in (FEW, MANY))
            counted[one] = (many - few) / (MANY - FEW)
        where = machine.describe(settings)
    shown = Table("load of a", *WAYS, "ratio", title="Instructions per load")
    for kind in KINDS:
        direct, dispatched = (counted[kind, way] for way in WAYS)
        shown.add_row(kind, f"{direct:,.0f}", f"{dispatched:,.0f}", f"{dispatched / direct:.3f}")
    console = Console()
    console.print(shown)
    console.print("; ".join(where.values()))


if __name__ == "__main__":
    main()
