"""The command line, as a process of its own: what it prints, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from gateway import legacy
from gateway.demo import DEMO, announcement, authorization
from gateway.settings import Settings
from tests.support import DEMO_HEADER, DOCUMENTED

Start = Callable[..., "subprocess.Popen[str]"]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "GATEWAY_MONGODB_URI": settings.mongodb_uri,
        "GATEWAY_DATABASE": settings.database,
        **more,
    }


def run(*arguments: str, given: str = "", variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(
        command, input=given, env=dict(variables), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `promo-gateway` and stops it at the end of the test if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, variables: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments],
            env=dict(variables or {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def wait_until_served(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def error(completed: "subprocess.CompletedProcess[str]") -> str:
    """The one line that a command failed with."""
    assert completed.returncode == 1
    assert completed.stdout == ""
    [line] = completed.stderr.splitlines()
    return line


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_demo_answers_what_it_prints_stops_cleanly_and_starts_again(start: Start, tmp_path: Path) -> None:
    port = free_port()
    for number in (signal.SIGINT, signal.SIGTERM):
        demo = start("demo", "--port", str(port), "--data-dir", str(tmp_path / "data"))
        wait_until_served(port)
        address = f"http://127.0.0.1:{port}"
        body = httpx.get(f"{address}{legacy.PATH}", params=DOCUMENTED, headers=DEMO_HEADER).json()
        assert (body["orgId"], body["points"][0]["numberOfTimesIssued"]) == (DEMO.id, 6)
        [database] = children(demo.pid)
        demo.send_signal(number)
        printed, _ = demo.communicate(timeout=20)
        assert demo.returncode == 0
        assert printed == announcement(address) + "\n"
        assert not Path(f"/proc/{database}").exists()


def test_a_taken_port_is_one_line(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = (
            f"Error: Cannot listen on 127.0.0.1 port {port}: Address already in use. "
            "Choose another with --host or --port."
        )
        for command in ("demo", "serve"):
            assert error(run(command, "--port", port, variables=environment(settings))) == line


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve_answers_and_stops_at_sigterm(start: Start, settings: Settings, workers: str) -> None:
    port = free_port()
    variables = environment(settings, GATEWAY_PORT=str(port), GATEWAY_REST_STATUS="semantic")
    served = start("serve", "--workers", workers, variables=variables)
    wait_until_served(port)
    parameters = {**DOCUMENTED, "promotionId": "1"}
    response = httpx.get(f"http://127.0.0.1:{port}{legacy.PATH}", params=parameters, headers=DEMO_HEADER)
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == 8874
    assert "server" not in response.headers
    served.send_signal(signal.SIGTERM)
    printed, _ = served.communicate(timeout=20)
    assert served.returncode == 0
    assert printed == f"Listening on 127.0.0.1 port {port}\n"


def test_serve_refuses_a_database_that_was_not_set_up(settings: Settings) -> None:
    variables = environment(settings, GATEWAY_DATABASE="nothing_here")
    assert error(run("serve", "--port", "0", variables=variables)) == (
        "Error: Database nothing_here lacks organizations, promotions, customer_identifiers, issuances, "
        "api_clients: run promo-gateway init-db first."
    )


def test_serve_refuses_a_database_that_does_not_answer(settings: Settings) -> None:
    variables = environment(settings, GATEWAY_MONGODB_URI="mongodb://user:geheim@127.0.0.1:1")
    assert error(run("serve", variables=variables)) == (
        "Error: The database that GATEWAY_MONGODB_URI names does not answer (ServerSelectionTimeoutError)."
    )


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("GATEWAY_PORT", "eighty", "GATEWAY_PORT is 'eighty'; expected a number from 0 to 65535."),
        (
            "GATEWAY_MONGODB_URI",
            "mongodb://user:ge%heim@host",
            "GATEWAY_MONGODB_URI is not shown; expected a connection string that MongoDB's driver accepts "
            "(InvalidURI).",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(settings: Settings, variable: str, value: str, line: str) -> None:
    assert error(run("serve", variables=environment(settings, **{variable: value}))) == f"Error: {line}"


def test_init_db_can_be_run_again(settings: Settings) -> None:
    for _ in range(2):
        completed = run("init-db", variables=environment(settings))
        assert (completed.returncode, completed.stderr) == (0, "")
        assert completed.stdout == f"Database {settings.database} is ready.\n"


def test_schema_prints_the_schema() -> None:
    completed = run("schema", variables={})
    assert completed.stdout == (Path(__file__).parents[2] / "schema.graphql").read_text()


def can_call(settings: Settings, start: Start, till: str, password: str) -> bool:
    port = free_port()
    served = start("serve", "--port", str(port), variables=environment(settings))
    wait_until_served(port)
    headers = {"Authorization": authorization(till, password)}
    response = httpx.get(f"http://127.0.0.1:{port}{legacy.PATH}", params=DOCUMENTED, headers=headers)
    served.terminate()
    served.communicate()
    return response.status_code == 200


def test_a_new_till_can_call_with_the_password_that_is_printed(settings: Settings, start: Start) -> None:
    added = run(
        "clients",
        "add",
        "till",
        "till.json",
        "--org",
        str(DEMO.id),
        "--json",
        variables=environment(settings),
    )
    made = json.loads(added.stdout)
    assert list(made) == ["till", "password"]
    assert len(made["password"]) == 32
    assert can_call(settings, start, made["till"], made["password"])


def test_a_store_keeps_its_password_or_md5(settings: Settings, start: Start) -> None:
    for till, secret in (("till.plain", "server123\n"), ("till.md5", "8A16A6B70505EB1F1FF7CDC0CD5559A7\r\n")):
        arguments = ("clients", "add", "till", till, "--org", str(DEMO.id), "--secret-stdin")
        added = run(*arguments, given=secret, variables=environment(settings))
        assert added.stdout == f"Till {till} of organisation {DEMO.id} can call now.\n"
        assert can_call(settings, start, till, "server123")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("demo.till", "--org", "51135"), "Error: There is a client named demo.till already."),
        (("new.till", "--org", "404"), "Error: There is no organisation 404 in the database."),
    ],
)
def test_a_till_that_cannot_be_added_is_one_line(
    settings: Settings, arguments: tuple[str, ...], line: str
) -> None:
    assert error(run("clients", "add", "till", *arguments, variables=environment(settings))) == line


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (("a:b", "--org", "51135"), ""),
        ((" ", "--org", "51135"), ""),
        (("", "--org", "51135"), ""),
        (("till", "--org", "x"), ""),
        (("till", "--org", "-1"), ""),
        (("till",), ""),
        (("till", "--org", "51135", "--secret-stdin"), "\n"),
    ],
)
def test_a_wrong_use_exits_with_2(settings: Settings, arguments: tuple[str, ...], given: str) -> None:
    completed = run("clients", "add", "till", *arguments, given=given, variables=environment(settings))
    assert completed.returncode == 2
    assert "Error: " in completed.stderr


def test_a_broken_embedded_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    completed = run(
        "demo", "--port", "0", "--data-dir", str(tmp_path), variables={"PATH": os.environ["PATH"]}
    )
    assert error(completed).startswith("Error: The embedded database stopped at once: ")
