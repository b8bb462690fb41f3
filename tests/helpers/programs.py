"""Run a program and wait for its end."""

import os
import subprocess
from pathlib import Path


def run(directory: Path, *command: str, **variables: str) -> str:
    """The output of a command that succeeds."""
    completed = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1_800,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout
    return completed.stdout
