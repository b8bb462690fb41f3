"""The embedded database of the demo and of the tests: SecantusDB as a child process.

It speaks MongoDB's wire protocol. Because its licence is GPL-2.0 and a busy database must not hold the
gateway's interpreter lock, it is a process and never imported.
"""

import re
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway import OperatorError

START_SECONDS = 60
STOP_SECONDS = 10

_LISTENING = re.compile(r"listening on (\S+:\d+)")


@contextmanager
def embedded_database(directory: Path, *, durable: bool, port: int = 0) -> Iterator[str]:
    """Run the database with its files in `directory`; yields its URI or raises `OperatorError`.

    A database that is not `durable` can lose acknowledged writes when it is killed.
    """
    program = Path(sysconfig.get_path("scripts"), "secantusd-py")
    if not program.exists():
        raise OperatorError("The embedded database is not installed: pip install 'promo-gateway[embedded]'.")
    log, config = directory / "database.log", directory / "database.toml"
    command: list[str | Path] = [program, "--config", config, "--port", str(port)]
    command += ["--storage-path", directory / "data", *(["--sync-on-commit"] if durable else [])]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Without a configuration file, it reads those in the home and working directories.
        config.write_text("")
        with log.open("w") as log_file:
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=log_file,
                # Ctrl-C reaches the process group of a terminal; the database must outlive the gateway.
                start_new_session=True,
            )
    except OSError as error:
        raise OperatorError(f"{error.filename}: {error.strerror}.") from error
    try:
        yield f"mongodb://{_address(process, log)}"
    finally:
        # One that is not durable has nothing to finish, and takes two seconds to end in order.
        if durable:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if listening := _LISTENING.search(log.read_text()):
            return listening[1]
        if process.poll() is not None:
            last = (log.read_text().splitlines() or ["no message"])[-1]
            raise OperatorError(f"The embedded database stopped at once: {last}")
        time.sleep(0.02)
    raise OperatorError(f"The embedded database did not start within {START_SECONDS} s; see {log}.")
