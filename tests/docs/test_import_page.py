"""The example of docs/import.md runs as printed on the demo's data."""

import re
import shlex
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.helpers.commands import invoke
from tests.helpers.curl import curl
from tests.helpers.gateway import Gateway, environment
from tests.helpers.repository import ROOT

SECTION = (ROOT / "docs/import.md").read_text().split("\n## Try it on the demo\n")[1].split("\n## ")[0]
RECORDS, ANSWER = re.findall(r"```json\n(.*?)```", SECTION, re.S)
COMMANDS, REQUEST = re.findall(r"```sh\n(.*?)```", SECTION, re.S)


@pytest.fixture
def imported(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the records of the example and add its client, with the commands of the page."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records.ndjson").write_text(RECORDS)
    for line in COMMANDS.splitlines():
        echo, _, command = line.rpartition(" | ")
        program, *arguments = shlex.split(command)
        given = echo.removeprefix("echo ")
        completed = invoke(*arguments, variables=environment(settings), given=given)
        assert (program, completed.returncode) == ("promo-gateway", 0), completed.stderr


@pytest.mark.usefixtures("imported")
async def test_the_example_of_the_import_page_is_answered_as_printed(gateway: Gateway) -> None:
    assert (await curl(gateway, REQUEST)).text == ANSWER.strip()
