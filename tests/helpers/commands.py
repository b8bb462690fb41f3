"""`promo-gateway` as a process of its own, on standard streams or on a terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]


def run(
    *arguments: str,
    database: dict[str, str],
    given: bytes = b"",
    cwd: Path | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> "subprocess.CompletedProcess[str]":
    """The command with these arguments, when it has ended."""
    completed = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        input=given,
        env={**database, "PYTHONPATH": str(ROOT)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        cwd=cwd,
        pass_fds=pass_fds,
        check=False,
    )
    printed = (completed.stdout or b"").decode(), completed.stderr.decode()
    return subprocess.CompletedProcess(arguments, completed.returncode, *printed)


def run_on_terminal(*arguments: str, database: dict[str, str], cwd: Path | None = None) -> tuple[int, str]:
    """The exit status of a command on a terminal, and all that the terminal received."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        env={**database, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
        cwd=cwd,
    )
    os.close(terminal)
    received = b""
    try:
        while part := os.read(controller, 65_536):
            received += part
    except OSError:
        # The other end of the terminal is closed.
        pass
    os.close(controller)
    return process.wait(timeout=120), received.decode()
