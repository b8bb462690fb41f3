"""Log lines: their format, and which lines are lost if standard error is full, closed or not read."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.telemetry import logs
from gateway.telemetry.current_request import RequestLog, active_request_log
from gateway.telemetry.logs import MAX_QUEUED_LINES
from tests.conftest import Logged

PHONE = "919078345795"

# The first lines of each program. The limit of a minute lets a busy machine write all lines at the end.
START = """
import os, structlog
from prometheus_client import REGISTRY
from gateway.telemetry import logs

logs.FLUSH_SECONDS = 60
logs.configure()
log = structlog.get_logger()

def lost():
    return int(REGISTRY.get_sample_value("promo_gateway_lost_log_lines_total"))

def fill_pipe():
    os.set_blocking(2, False)
    try:
        while True:
            os.write(2, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(2, True)
"""


def only(text: str) -> dict[str, Any]:
    [line] = [json.loads(line) for line in text.splitlines()]
    del line["time"]
    assert isinstance(line, dict)
    return line


def test_a_line_begins_with_time_level_and_event(logged: Logged) -> None:
    structlog.get_logger().warning("database_unavailable", reason="AutoReconnect")
    time, _, rest = logged().partition(",")
    assert re.fullmatch(r'{"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"', time)
    assert rest == '"level":"warning","event":"database_unavailable","reason":"AutoReconnect"}\n'


def test_a_line_has_the_id_of_its_request(logged: Logged) -> None:
    token = active_request_log.set(RequestLog("0" * 32))
    structlog.get_logger().error("unexpected", error="KeyError")
    active_request_log.reset(token)
    assert only(logged()) == {
        "level": "error",
        "event": "unexpected",
        "error": "KeyError",
        "request_id": "0" * 32,
    }


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("asyncio", {}),
        ("pymongo.topology", {}),
        ("uvicornish", {}),
        ("uvicorn.error", {"said": "Exception in ASGI application"}),
    ],
)
def test_a_library_record_is_logged_without_its_message(
    logged: Logged, name: str, fields: dict[str, str]
) -> None:
    try:
        raise ValueError(PHONE)
    except ValueError:
        logging.getLogger(name).exception("Exception in ASGI application\nof %s", PHONE)
    line = only(logged())
    assert line.pop("place").startswith("test_logs:")
    assert line.pop("frames").endswith("raise ValueError(PHONE)\n")
    assert line == {"level": "error", "event": "library", "logger": name, "error": "ValueError", **fields}


def test_a_library_record_below_warning_is_not_logged(logged: Logged) -> None:
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 1)
    assert logged() == ""


def test_an_exception_is_described_without_its_message() -> None:
    try:
        raise LookupError(PHONE)
    except LookupError as error:
        described = logs.without_message(error)
    assert described["error"] == "LookupError"
    assert PHONE not in described["frames"]


def run(program: str, **options: Any) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([sys.executable, "-c", START + program], check=True, timeout=60, **options)


def start(program: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", START + program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def numbers(text: bytes) -> list[int]:
    """The field `n` of each line; the pipe was full of x before."""
    return [json.loads(line)["n"] for line in text.lstrip(b"x").splitlines()]


@pytest.mark.external
def test_colored_lines_are_text() -> None:
    printed = run("logs.configure(colored=True); log.info('request', status=200)", stderr=subprocess.PIPE)
    text = re.sub(r"\x1b\[\d+m", "", printed.stderr.decode())
    assert re.fullmatch(r"\S+ \[info +\] request +status=200\n", text)


@pytest.mark.external
def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    # Standard error has a buffer in production; PYTHONUNBUFFERED would remove it.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with open("/dev/full", "wb") as full:
        ended = run(
            "log.info('request'); logs.flush(); print(lost())",
            stderr=full,
            stdout=subprocess.PIPE,
            env=buffered,
        )
    assert ended.stdout == b"1\n"


@pytest.mark.external
def test_a_disk_that_fills_up_loses_the_lines_that_are_not_whole(tmp_path: Path) -> None:
    # Files of the program end after 500 bytes; ten lines have 800.
    program = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))\n"
        "for n in range(10): log.info('request', n=n)\n"
        "logs.flush(); print(lost())"
    )
    with (tmp_path / "errors").open("wb") as file:
        ended = run(program, stderr=file, stdout=subprocess.PIPE)
    written = (tmp_path / "errors").read_bytes()
    assert len(written) == 500
    assert int(ended.stdout) == 10 - written.count(b"\n")


@pytest.mark.external
def test_a_closed_pipe_loses_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = run("log.info('request'); logs.flush(); print(lost())", stderr=closed, stdout=subprocess.PIPE)
    assert ended.stdout == b"1\n"


@pytest.mark.external
def test_a_pipe_that_is_not_read_delays_no_line_and_loses_those_beyond_the_queue() -> None:
    program = (
        "import time\n"
        "fill_pipe()\n"
        # This line fills a whole write, so the writer adds no other line to it.
        "log.info('request', n=0, text='x' * 4096)\n"
        "while logs._queue().qsize(): time.sleep(0.01)\n"
        f"for n in range(1, {MAX_QUEUED_LINES} + 101): log.info('request', n=n)\n"
        "print(lost(), flush=True); input()"
    )
    with start(program) as process:
        assert process.stdout
        assert process.stdout.readline() == b"100\n"
        _, errors = process.communicate(b"\n", timeout=60)
    assert numbers(errors) == list(range(MAX_QUEUED_LINES + 1))


@pytest.mark.external
def test_queued_lines_are_written_at_exit() -> None:
    program = "fill_pipe()\nfor n in range(1000): log.info('request', n=n)\nprint('logged', flush=True)"
    with start(program) as process:
        assert process.stdout
        assert process.stdout.readline() == b"logged\n"
        _, errors = process.communicate(timeout=60)
    assert numbers(errors) == list(range(1000))
    assert process.returncode == 0


@pytest.mark.external
def test_a_reader_that_hangs_does_not_keep_the_process_from_ending() -> None:
    program = "logs.FLUSH_SECONDS = 0.1\nfill_pipe()\nlog.info('request', n=0)"
    with start(program) as process:
        assert process.wait(60) == 0


@pytest.mark.external
def test_lines_are_written_when_the_application_stops() -> None:
    """A signal ends a worker process right after the application stops, without exit handlers."""
    program = (
        "import asyncio\n"
        "from gateway.telemetry.setup import Telemetry\n"
        "async def serve():\n"
        "    fill_pipe()\n"
        "    for n in range(1000): log.info('request', n=n)\n"
        "    print('logged', flush=True)\n"
        "    await Telemetry('off', 'promo_gateway').close()\n"
        "asyncio.run(serve()); os._exit(0)"
    )
    with start(program) as process:
        assert process.stdout
        assert process.stdout.readline() == b"logged\n"
        _, errors = process.communicate(timeout=60)
    assert numbers(errors) == list(range(1000))


@pytest.mark.external
def test_lines_of_several_processes_do_not_mix() -> None:
    reader, writer = os.pipe()
    program = "for n in range(1000): log.info('request', n=n, text='x' * 3000)"
    processes = [subprocess.Popen([sys.executable, "-c", START + program], stderr=writer) for _ in range(3)]
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        written = numbers(pipe.read())
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert sorted(written) == sorted([*range(1000)] * 3)
