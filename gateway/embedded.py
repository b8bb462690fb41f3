"""The embedded database of the demo and of the tests: SecantusDB as a child process.

It speaks MongoDB's wire protocol. Its licence is GPL-2.0 and it holds its own interpreter lock, so it is
started, never imported.
"""

import re
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 10

_LISTENING = re.compile(r"listening on (\S+:\d+)")


class EmbeddedUnavailable(Exception):
    """The embedded database is not installed or did not start; the message is one line."""


@contextmanager
def embedded_database(data_dir: Path | None = None) -> Iterator[str]:
    """Run the database and yield its connection string; data is kept only in a given `data_dir`."""
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        with _running(data_dir, ("--sync-on-commit",)) as uri:
            yield uri
    else:
        with (
            tempfile.TemporaryDirectory(prefix="promo-gateway-") as temporary,
            _running(Path(temporary), ()) as uri,
        ):
            yield uri


@contextmanager
def _running(directory: Path, options: tuple[str, ...]) -> Iterator[str]:
    program = Path(sysconfig.get_path("scripts"), "secantusd-py")
    if not program.exists():
        raise EmbeddedUnavailable(
            "The embedded database is not installed: pip install 'promo-gateway[embedded]'."
        )
    log, config = directory / "database.log", directory / "database.toml"
    # An empty configuration of our own, or it would look for others in the home and working directories.
    config.write_text("")
    with log.open("w") as log_file:
        process = subprocess.Popen(
            [program, "--config", config, "--port", "0", "--storage-path", directory / "data", *options],
            stdout=subprocess.DEVNULL,
            stderr=log_file,
            # Ctrl-C in a terminal reaches the whole process group; the database must outlive the gateway.
            start_new_session=True,
        )
    try:
        yield f"mongodb://{_address(process, log)}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if listening := _LISTENING.search(log.read_text()):
            return listening[1]
        if process.poll() is not None:
            last = (log.read_text().splitlines() or ["no message"])[-1]
            raise EmbeddedUnavailable(f"The embedded database stopped at once: {last}")
        time.sleep(0.02)
    raise EmbeddedUnavailable(f"The embedded database did not start within {START_SECONDS} s; see {log}.")
