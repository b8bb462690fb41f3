"""The requests in the README, in docs/callers.md and in the demo's output are answered as printed."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from gateway.auth.credentials import authorization
from gateway.commands.demo import announcement
from gateway.commands.sample_data import PASSWORD, TILL
from gateway.pages.examples import graphql_command, rest_command
from tests.helpers.curl import ADDRESS, curl
from tests.helpers.gateway import Gateway
from tests.helpers.repository import ROOT

README = (ROOT / "README.md").read_text()
[(QUERY, ANSWER)] = re.findall(r"```graphql\n(.*?)```\n```json\n(.*?)\n```", README, re.DOTALL)
CALLERS = (ROOT / "docs/callers.md").read_text()


async def test_the_requests_of_the_readme_are_answered_as_printed(gateway: Gateway) -> None:
    shown = re.findall(r"```sh\n(curl .*?)```\n```json\n(.*?)\n```", README, re.DOTALL)
    assert len(shown) == 2
    for command, answer in shown:
        assert (await curl(gateway, command)).text == answer


@pytest.mark.parametrize("command", [graphql_command, rest_command])
def test_the_readme_has_the_commands_of_the_demo(command: Callable[[str, str], str]) -> None:
    assert f"```sh\n{command(authorization(TILL, PASSWORD), ADDRESS)}\n```" in README


async def test_the_query_of_the_readme_is_answered_as_printed(gateway: Gateway) -> None:
    assert (await gateway.graphql(QUERY)).json() == json.loads(ANSWER)


@pytest.mark.external
@pytest.mark.skipif(not shutil.which("node"), reason="The page's request needs Node: not installed.")
async def test_the_fetch_of_the_readme_prints_the_answer(gateway: Gateway) -> None:
    [script] = re.findall(r"```js\n(.*?)```", README, re.DOTALL)
    # Prints the request instead of sending it, so that the test can send it to the gateway under test.
    stand_in = (
        "globalThis.fetch = async (url, options) => ({ json: () => JSON.stringify({ url, ...options }) });"
    )
    completed = await asyncio.to_thread(
        subprocess.run,
        ["node", "--input-type=module", "-e", stand_in + script],
        capture_output=True,
        text=True,
        check=True,
    )
    request = json.loads(completed.stdout)
    assert (request["url"], request["method"]) == (f"{ADDRESS}/graphql", "POST")
    response = await gateway.client.post("/graphql", headers=request["headers"], content=request["body"])
    assert response.json() == json.loads(ANSWER)


@pytest.mark.external
@pytest.mark.parametrize(("shell", "start"), [("bash", "_promo_gateway_completion()"), ("zsh", "#compdef")])
def test_the_completion_of_the_readme_is_a_script_of_that_shell(shell: str, start: str) -> None:
    assert f"{shell}_source" in README
    variables = {**os.environ, "_PROMO_GATEWAY_COMPLETE": f"{shell}_source"}
    program = "from gateway.commands.main import main; main(prog_name='promo-gateway')"
    made = subprocess.run(
        [sys.executable, "-c", program], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert made.startswith(start)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130


async def test_the_token_requests_of_the_callers_page_are_answered(gateway: Gateway) -> None:
    [block] = re.findall(r"```sh\n(curl [^`]*?oauth/token.*?)```", CALLERS, re.DOTALL)
    for command in re.split(r"\n(?=curl)", block.strip()):
        body = (await curl(gateway, command)).json()
        assert (body["data"]["ttlSeconds"], body["errors"]) == (300, None)


@pytest.mark.external
def test_the_command_of_the_callers_page_makes_basic_credentials() -> None:
    [command] = re.findall(r"^printf .* base64 -w0$", CALLERS, re.MULTILINE)
    command = command.replace("NAME", TILL).replace("PASSWORD", PASSWORD)
    made = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert f"Basic {made}" == authorization(TILL, PASSWORD)


async def test_the_requests_that_the_demo_prints_are_answered(gateway: Gateway) -> None:
    printed = re.findall(
        r"^  (curl .*?)(?=\n\n)", announcement(ADDRESS, "mongodb://127.0.0.1:27017"), re.DOTALL | re.MULTILINE
    )
    assert len(printed) == 3
    for command in printed:
        response = await curl(gateway, command)
        assert response.status_code == 200
        assert not response.json().get("errors")
