"""A release never breaks the clients of the last one: graphql-inspector compares their schemas."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_house import ROOT

HERE = Path(__file__).parent
SCHEMA = ROOT / "schema.graphql"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("npm"), reason="graphql-inspector needs npm: not installed."),
]


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    subprocess.run(["npm", "ci", "--silent"], cwd=HERE, timeout=300, check=True)


def breaking(before: Path) -> list[str]:
    """What today's schema breaks for clients of the schema `before`."""
    completed = subprocess.run(
        ["node", "inspect.js", str(before), str(SCHEMA)],
        cwd=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stderr == ""
    assert completed.returncode == bool(completed.stdout)
    return completed.stdout.splitlines()


def test_a_field_that_is_gone_breaks_clients(tmp_path: Path) -> None:
    before = tmp_path / "schema.graphql"
    before.write_text(f"{SCHEMA.read_text()}\nextend type Warning {{ gone: Int }}\n")
    assert breaking(before) == ["Field 'gone' was removed from object type 'Warning'"]


def test_nothing_breaks_clients_of_the_last_release(tmp_path: Path) -> None:
    last = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if last.returncode:
        pytest.skip("No release is tagged yet, so there is no schema to compare with.")
    before = tmp_path / "schema.graphql"
    shown = ["git", "show", f"{last.stdout.strip()}:schema.graphql"]
    before.write_bytes(subprocess.run(shown, cwd=ROOT, capture_output=True, check=True).stdout)
    assert breaking(before) == []
