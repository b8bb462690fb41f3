"""Run `promo-gateway` in the test's process, in a process of its own, or on a terminal."""

import asyncio
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from click.testing import CliRunner

from gateway.commands.main import main
from tests.helpers.repository import ROOT


def invoke(
    *arguments: str, variables: Mapping[str, str], given: str | bytes = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a command in this process, which is a second faster than a process of its own.

    Standard input and output have no file descriptors.
    """
    result = CliRunner(catch_exceptions=False).invoke(main, arguments, given, variables)
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


async def invoke_in_thread(
    *arguments: str, variables: Mapping[str, str], given: str | bytes = ""
) -> "subprocess.CompletedProcess[str]":
    """`invoke` for an asynchronous test: the command needs a thread without a running event loop."""
    return await asyncio.to_thread(invoke, *arguments, variables=variables, given=given)


def run(
    *arguments: str,
    variables: dict[str, str],
    given: bytes = b"",
    cwd: Path | None = None,
    stdout: int | IO[bytes] = subprocess.PIPE,
    pass_fds: Sequence[int] = (),
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process of its own, and wait for its end."""
    completed = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        input=given,
        env={**variables, "PYTHONPATH": str(ROOT)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        timeout=120,
        cwd=cwd,
        pass_fds=pass_fds,
        check=False,
    )
    printed = (completed.stdout or b"").decode(), completed.stderr.decode()
    return subprocess.CompletedProcess(arguments, completed.returncode, *printed)


def run_on_terminal(*arguments: str, variables: dict[str, str], cwd: Path | None = None) -> tuple[int, str]:
    """Run a command on a terminal; returns its exit status and the text that the terminal received."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        env={**variables, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
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


def error(completed: "subprocess.CompletedProcess[str]") -> str:
    """The only line that a failed command printed."""
    assert completed.returncode == 1
    assert completed.stdout == ""
    [line] = completed.stderr.splitlines()
    return line
