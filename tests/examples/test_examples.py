"""The examples print what the demo's customer earned, and each error in one line."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands.sample_data import OAUTH_KEY
from tests.helpers.repository import ROOT

EXAMPLES = ROOT / "examples"
PYTHON = [sys.executable, str(EXAMPLES / "summary.py")]


def run(command: list[str], **variables: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **variables}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_python_example_prints_exact_amounts(address: str) -> None:
    completed = run(PYTHON, GATEWAY=address)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.splitlines() == [
        "Summer",
        "  REGULAR_POINTS 600.000 6 times",
        "  PROMISED_POINTS 600.000 6 times",
        "  DocCoin REGULAR 5600.000",
    ]


@pytest.mark.parametrize(
    ("arguments", "key", "line"),
    [
        ([], "nobody", "Invalid client key and secret"),
        (["1"], OAUTH_KEY, "Error: CUSTOMER_NOT_FOUND"),
    ],
)
def test_the_python_example_prints_an_error_in_one_line(
    address: str, arguments: list[str], key: str, line: str
) -> None:
    completed = run([*PYTHON, *arguments], GATEWAY=address, GATEWAY_KEY=key)
    assert (completed.returncode, completed.stdout, completed.stderr) == (1, "", f"{line}\n")


def test_the_python_example_names_the_client_that_it_is_tested_with() -> None:
    [required] = re.findall(r'^# dependencies = \["(.*)"\]$', (EXAMPLES / "summary.py").read_text(), re.M)
    assert f'    "{required}",\n' in (ROOT / "pyproject.toml").read_text()


def test_the_curl_example_gets_the_same_data_from_both_apis(address: str) -> None:
    completed = run([str(EXAMPLES / "curl.sh")], GATEWAY=address)
    assert (completed.returncode, completed.stderr) == (0, "")
    answers = [line for line in completed.stdout.splitlines() if line.startswith("{")]
    shown = re.findall(r"^```json\n(.*)\n```$", Path(ROOT / "README.md").read_text(), re.M)
    assert answers == [re.sub(r',"lastIssuedOn":"[^"]*"', "", shown[0]), shown[1]]
