"""Run the documentation's curl commands against the gateway under test."""

import shlex

import httpx

from tests.helpers.gateway import Gateway

ADDRESS = "http://127.0.0.1:8000"


async def curl(gateway: Gateway, command: str) -> httpx.Response:
    """Send the request that this `curl -s` command line would send."""
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
