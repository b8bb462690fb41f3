"""Load by wrk, which sends the requests in turn, checks each response, and records the latencies."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

# `request` returns prepared texts, so that wrk itself needs little CPU.
_SCRIPT = """
local requests = {
%s
}
local next_request = 0
wrong = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
function request()
  next_request = next_request %% #requests + 1
  return requests[next_request]
end
function response(status, headers, body)
  if status ~= 200 or body:find('"errors":', 1, true) then wrong = wrong + 1 end
end
function done(summary, latency)
  local e = summary.errors
  local all = e.connect + e.read + e.write + e.timeout
  for _, thread in ipairs(threads) do all = all + thread:get("wrong") end
  io.write(string.format(
    '\\n{"requests": %%d, "microseconds": %%d, "wrong": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.requests, summary.duration, all, latency:percentile(50), latency:percentile(99)))
end
"""


class WentWrong(click.ClickException):
    """wrk could not run, or got wrong responses; the message is one line."""


@dataclass(frozen=True)
class Load:
    """The result of one run of wrk; latencies in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def program() -> str:
    """The path of wrk; raises `WentWrong` if it is not installed."""
    if found := shutil.which("wrk"):
        return found
    raise WentWrong("wrk is not installed (apt-get install wrk, brew install wrk).")


def write_script(path: Path, requests: Iterable[str]) -> None:
    """Write a script that sends these texts one after another, again and again."""
    # Lua reads JSON's escapes if the text is ASCII and has no control characters except line ends.
    path.write_text(_SCRIPT % ",\n".join(json.dumps(text) for text in requests))


def run(script: Path, url: str, connections: int, seconds: float) -> Load:
    """Load `url` for `seconds` on `connections`; raises `WentWrong`."""
    command = [program(), "-t", "1", "-c", str(connections), "-d", f"{seconds:.0f}s", "--timeout", "120s"]
    finished = subprocess.run([*command, "-s", script, url], capture_output=True, text=True, check=False)
    return parse(finished.stdout or finished.stderr)


def parse(output: str) -> Load:
    """Read the line that the script's `done` wrote after wrk's own output; raises `WentWrong`."""
    last = (output.strip().splitlines() or ["no output"])[-1]
    try:
        result = json.loads(last)
    except ValueError as error:
        raise WentWrong(f"wrk said: {last}") from error
    if result["wrong"]:
        raise WentWrong(f"{result['wrong']} of {result['requests']} answers were wrong or did not come.")
    return Load(result["requests"], result["microseconds"] / 1e6, result["p50"] / 1e6, result["p99"] / 1e6)
