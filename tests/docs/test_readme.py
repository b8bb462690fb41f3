"""The README's requests, sent as they stand, and those that the demo prints: their answers are as shown."""

import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest

from gateway.auth.credentials import authorization
from gateway.commands.demo import announcement
from gateway.commands.sample_data import PASSWORD, TILL
from tests.support import Gateway

README = (Path(__file__).parents[2] / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8000"


async def curl(gateway: Gateway, command: str) -> httpx.Response:
    """What `curl -s` would do with this command line, on the gateway under test."""
    program, silent, *words = shlex.split(command.replace("\\\n", " "))
    assert (program, silent) == ("curl", "-s")
    headers, content, url = {}, None, ""
    while words:
        match words.pop(0):
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                content = words.pop(0)
            case word:
                url = word
    assert url.startswith(ADDRESS)
    method = "GET" if content is None else "POST"
    path = url.removeprefix(ADDRESS)
    return await gateway.client.request(method, path, headers=headers, content=content)


async def test_the_readme_s_requests_are_answered_as_it_says(gateway: Gateway) -> None:
    shown = re.findall(r"```sh\n(curl .*?)```\n```json\n(.*?)\n```", README, re.DOTALL)
    assert len(shown) == 2
    for command, answer in shown:
        assert (await curl(gateway, command)).text == answer


async def test_the_readme_s_tokens_are_given(gateway: Gateway) -> None:
    [block] = re.findall(r"```sh\n(curl [^`]*?oauth/token.*?)```", README, re.DOTALL)
    for command in re.split(r"\n(?=curl)", block.strip()):
        body = (await curl(gateway, command)).json()
        assert (body["data"]["ttlSeconds"], body["errors"]) == (300, None)


@pytest.mark.external
def test_the_readme_s_command_makes_a_till_s_header() -> None:
    [command] = re.findall(r"^printf .* base64 -w0$", README, re.MULTILINE)
    command = command.replace("NAME", TILL).replace("PASSWORD", PASSWORD)
    made = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert f"Basic {made}" == authorization(TILL, PASSWORD)


async def test_the_demo_s_requests_are_answered(gateway: Gateway) -> None:
    printed = re.findall(r"^  (curl .*?)(?=\n\n)", announcement(ADDRESS), re.DOTALL | re.MULTILINE)
    assert len(printed) == 3
    for command in printed:
        response = await curl(gateway, command)
        assert response.status_code == 200
        assert not response.json().get("errors")
