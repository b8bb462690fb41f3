"""What lines look like, and that what libraries say is not among them."""

import json
import logging
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import structlog

from gateway.telemetry import logs
from gateway.telemetry.logs import PATIENCE_MS
from gateway.telemetry.request_log import RequestLog, running
from tests.conftest import Logged

PHONE = "919078345795"


def only(text: str) -> dict[str, Any]:
    [line] = [json.loads(line) for line in text.splitlines()]
    del line["time"]
    assert isinstance(line, dict)
    return line


def test_a_line_begins_with_what_every_line_has(logged: Logged) -> None:
    structlog.get_logger().warning("database_unavailable", reason="AutoReconnect")
    time, _, rest = logged().partition(",")
    assert re.fullmatch(r'{"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"', time)
    assert rest == '"level":"warning","event":"database_unavailable","reason":"AutoReconnect"}\n'


def test_a_line_names_the_request_it_was_written_for(logged: Logged) -> None:
    token = running.set(RequestLog("0" * 32))
    structlog.get_logger().error("unexpected", error="KeyError")
    running.reset(token)
    assert only(logged()) == {
        "level": "error",
        "event": "unexpected",
        "error": "KeyError",
        "request_id": "0" * 32,
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("asyncio", {}),
        ("pymongo.topology", {}),
        ("uvicornish", {}),
        ("uvicorn.error", {"said": "Exception in ASGI application"}),
    ],
)
def test_of_what_a_library_logs_its_place_is_kept_but_no_word(
    logged: Logged, name: str, said: dict[str, str]
) -> None:
    try:
        raise ValueError(PHONE)
    except ValueError:
        logging.getLogger(name).exception("Exception in ASGI application\nof %s", PHONE)
    line = only(logged())
    assert line.pop("place").startswith("test_logs:")
    assert line.pop("frames").endswith("raise ValueError(PHONE)\n")
    assert line == {"level": "error", "event": "library", "logger": name, "error": "ValueError", **said}


def test_what_libraries_tell_in_passing_is_not_logged(logged: Logged) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
    assert logged() == ""


def run(program: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-c", program], check=True, timeout=60, **options)


@pytest.mark.external
def test_for_people_a_line_is_text() -> None:
    program = (
        "import structlog; from gateway.telemetry import logs; logs.configure(for_people=True);"
        "structlog.get_logger().info('request', status=200)"
    )
    printed = run(program, stderr=subprocess.PIPE).stderr.decode()
    assert "request" in printed
    assert "status" in printed
    assert "{" not in printed


@pytest.mark.external
def test_a_full_disk_loses_the_line_only() -> None:
    program = (
        "import structlog; from gateway.telemetry import logs; logs.configure();"
        "structlog.get_logger().info('request', status=200); print('goes on')"
    )
    # As in production, where standard error has a buffer.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:
        assert run(program, stderr=full, stdout=subprocess.PIPE, env=buffered).stdout == b"goes on\n"


@pytest.mark.external
def test_lines_of_one_turn_are_written_together_and_trouble_at_once() -> None:
    program = (
        "import asyncio, os, structlog; from gateway.telemetry import logs; logs.configure()\n"
        "log, write, writes = structlog.get_logger(), os.write, []\n"
        "os.write = lambda to, text: writes.append(text.count(b'\\n')) or write(to, text)\n"
        "async def main():\n"
        "    for n in range(3): log.info('request', n=n)\n"
        "    await asyncio.sleep(0)\n"
        "    log.info('request', n=3); log.warning('trouble', n=4); log.info('request', n=5)\n"
        "    for n in range(6, 16): log.info('request', n=n, text='x' * 1000)\n"
        "asyncio.run(main()); print(writes)"
    )
    ended = run(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert [json.loads(line)["n"] for line in ended.stderr.splitlines()] == list(range(16))
    # No more than a pipe takes whole.
    assert ended.stdout == b"[3, 2, 4, 3, 3, 1]\n"


@pytest.mark.external
def test_a_pipe_that_nobody_reads_loses_lines_only() -> None:
    program = (
        "import structlog; from gateway.telemetry import logs, metrics; logs.configure()\n"
        "for n in range(2000): structlog.get_logger().info('request', n=n, text='x' * 300)\n"
        "print(int(metrics.LOST._value.get()), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        lost = int(process.stdout.readline())
        lines = process.stderr.read().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(2000 - lost))
    assert lost > 1000


def test_an_exception_is_described_without_its_message() -> None:
    try:
        raise LookupError(PHONE)
    except LookupError as error:
        described = logs.without_message(error)
    assert described["error"] == "LookupError"
    assert PHONE not in described["frames"]


@pytest.mark.external
def test_a_thread_that_waits_for_a_full_pipe_stops_nobody() -> None:
    program = (
        "import asyncio, os, threading, time, structlog; from gateway.telemetry import logs\n"
        "logs.configure(); log = structlog.get_logger()\n"
        "os.set_blocking(2, False)\n"
        "try:\n"
        "    while True: os.write(2, b'x' * 4096)\n"
        "except BlockingIOError: os.set_blocking(2, True)\n"
        "async def main():\n"
        "    thread = threading.Thread(target=log.warning, args=['trouble']); thread.start()\n"
        f"    time.sleep({PATIENCE_MS / 2000}); log.info('request'); await asyncio.sleep(0)\n"
        "    thread.join()\n"
        "try: asyncio.run(main()); print('goes on', int(logs.LOST._value.get()))\n"
        # A traceback would wait for room, too.
        "except RuntimeError as error: print(error)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.read() == b"goes on 2\n"
