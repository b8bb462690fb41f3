"""The output and the exit status of the commands."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from gateway.auth.credentials import authorization
from gateway.auth.tokens import SigningKey
from gateway.commands.demo import announcement
from gateway.commands.sample_data import DEMO, MOBILE
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from loaders.clients import NO_RIGHTS, Account, add_account, put_group
from loaders.database_schema import COLLECTIONS
from loaders.enums import ClientKind
from loaders.store import Store
from tests.conftest import OpenGateway, Start
from tests.helpers.commands import error, invoke, invoke_in_thread, run
from tests.helpers.curl import curl
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    PASSWORD_HASH,
    Gateway,
    children,
    environment,
    free_port,
    wait_until_served,
)
from tests.helpers.repository import ROOT

ALL_COLLECTIONS = (
    "organizations, promotions, customer_identifiers, customer_statuses, issuances, pending_events, "
    "api_clients, access_groups"
)


def answer_and_stop(demo: "subprocess.Popen[str]", port: int, number: int) -> None:
    """Ask a demo for the documented customer, and stop it by a signal."""
    wait_until_served(port)
    address = f"http://127.0.0.1:{port}"
    url = address + ACTION_SUMMARY_PATH
    body = httpx.get(url, params=DOCUMENTED, headers=DEMO_HEADER, timeout=60).json()
    assert (body["orgId"], body["points"][0]["numberOfTimesIssued"]) == (DEMO.id, 6)
    [database] = children(demo.pid)
    # A terminal sends the signal to the whole process group.
    os.killpg(demo.pid, number)
    printed, logged = demo.communicate(timeout=60)
    assert demo.returncode == 0
    [uri] = re.findall(
        r"export GATEWAY_MONGODB_URI=(mongodb://127\.0\.0\.1:\d+) GATEWAY_DATABASE=demo\n", printed
    )
    assert printed == announcement(address, uri) + "\n"
    assert printed.splitlines()[1] == f"In a browser: {address}"
    assert logged.splitlines()[:2] == ["Starting the embedded database…", "Writing the sample data…"]
    assert not Path(f"/proc/{database}").exists()


def test_the_demo_answers_and_stops_with_its_database(start: Start) -> None:
    port = free_port()
    answer_and_stop(start("demo", "--port", str(port)), port, signal.SIGINT)


@pytest.mark.slow
def test_a_demo_with_a_data_directory_starts_again_after_its_terminal_was_closed(
    start: Start, tmp_path: Path
) -> None:
    port = free_port()
    for number in (signal.SIGHUP, signal.SIGINT):
        demo = start("demo", "--port", str(port), "--data-dir", str(tmp_path / "data"))
        answer_and_stop(demo, port, number)


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("demo", "Choose another with --port (make demo PORT=…)."),
        ("serve", "Choose another with --host or --port."),
    ],
)
def test_a_port_in_use_is_reported_in_one_line(settings: Settings, command: str, advice: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert error(invoke(command, "--port", port, variables=environment(settings))) == (
            f"Error: Cannot listen on 127.0.0.1 port {port}: Address already in use. {advice}"
        )


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_serve_answers_and_stops_at_sigterm(start: Start, settings: Settings, workers: str) -> None:
    port = free_port()
    variables = environment(settings, GATEWAY_PORT=str(port), GATEWAY_REST_STATUS="semantic")
    served = start("serve", "--workers", workers, variables=variables)
    wait_until_served(port)
    parameters = {**DOCUMENTED, "promotionId": "1"}
    url = f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}"
    response = httpx.get(url, params=parameters, headers=DEMO_HEADER, timeout=60)
    assert response.status_code == 404
    assert response.json()["errors"][0]["code"] == 8874
    assert "server" not in response.headers
    served.send_signal(signal.SIGTERM)
    _, logged = served.communicate(timeout=60)
    assert served.returncode == 0
    assert logged.splitlines()[:2] == [
        f"Listening on 127.0.0.1 port {port}",
        "GATEWAY_SIGNING_KEYS is not set: this gateway issues no tokens.",
    ]
    lines = [json.loads(line) for line in logged.splitlines()[2:]]
    [line] = [line for line in lines if line["route"] == ACTION_SUMMARY_PATH]
    assert (line["event"], line["status"], line["code"]) == ("request", 404, 8874)
    assert MOBILE not in logged


def test_a_metrics_port_in_use_is_reported_in_one_line(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        variables = environment(settings, GATEWAY_METRICS_PORT=port)
        assert error(invoke("serve", "--port", "0", variables=variables)) == (
            f"Error: Cannot listen on 127.0.0.1 port {port}: Address already in use. "
            "Choose another with GATEWAY_METRICS_PORT."
        )


def test_an_unknown_host_is_reported_in_one_line(settings: Settings) -> None:
    arguments = ("serve", "--host", "nowhere.invalid", "--port", "8000")
    line = error(invoke(*arguments, variables=environment(settings)))
    assert line.startswith("Error: Cannot listen on nowhere.invalid port 8000: ")
    assert "Unknown error" not in line


def test_serve_refuses_a_database_that_was_not_set_up(settings: Settings) -> None:
    variables = environment(settings, GATEWAY_DATABASE="nothing_here")
    assert error(invoke("serve", "--port", "0", variables=variables)) == (
        f"Error: Database nothing_here is not set up: it lacks the collections {ALL_COLLECTIONS}. "
        "Run promo-gateway init-db."
    )


def test_serve_refuses_a_database_that_does_not_answer(settings: Settings) -> None:
    variables = environment(
        settings,
        GATEWAY_MONGODB_URI="mongodb://user:geheim@127.0.0.1:1/?serverSelectionTimeoutMS=200",
        # PyMongo's async client leaves the socket of a connection attempt that its close() cancels to the
        # garbage collector.
        PYTHONWARNINGS="error,ignore::ResourceWarning",
    )
    assert error(run("serve", variables=variables)) == (
        "Error: The database that GATEWAY_MONGODB_URI names cannot be used "
        "(ServerSelectionTimeoutError, 127.0.0.1:1)."
    )


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("GATEWAY_PORT", "eighty", "GATEWAY_PORT is 'eighty'; expected a number from 0 to 65535."),
        (
            "GATEWAY_MONGODB_URI",
            "mongodb://user:ge%heim@host",
            "GATEWAY_MONGODB_URI is invalid (its value is not shown); expected a connection string that "
            "MongoDB's driver accepts (InvalidURI).",
        ),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line(
    settings: Settings, variable: str, value: str, line: str
) -> None:
    assert error(invoke("serve", variables=environment(settings, **{variable: value}))) == f"Error: {line}"


@pytest.mark.external
def test_each_wrong_setting_is_reported_in_one_line() -> None:
    wrong = {"GATEWAY_PORT": "eighty", "GATEWAY_TRACES": "on", "GATEWAY_PROT": "80"}
    completed = invoke("serve", variables=wrong)
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr.splitlines() == [
        "Warning: GATEWAY_PROT is not a setting; did you mean GATEWAY_PORT?",
        "Error: GATEWAY_PORT is 'eighty'; expected a number from 0 to 65535.",
        "Error: GATEWAY_TRACES is 'on'; expected 'off' or 'otlp'.",
    ]


@pytest.mark.parametrize(
    ("variable", "directory"),
    [
        ("PROMETHEUS_MULTIPROC_DIR", "/nowhere"),
        ("PROMETHEUS_MULTIPROC_DIR", ""),
        ("prometheus_multiproc_dir", "/dev/null"),
    ],
)
@pytest.mark.external
def test_a_directory_of_metrics_that_cannot_be_used_stops_no_command(variable: str, directory: str) -> None:
    completed = run("--version", variables={variable: directory})
    assert (completed.returncode, completed.stderr) == (0, "")


def test_init_db_names_each_index_before_the_server_builds_it(settings: Settings, empty_store: Store) -> None:
    completed = invoke("init-db", variables=environment(settings, GATEWAY_DATABASE=empty_store.name))
    assert (completed.returncode, completed.stdout) == (0, f"Database {empty_store.name} is ready.\n")
    assert completed.stderr.splitlines() == [
        f"Building index {collection.name}.{index.name} …"
        for collection in COLLECTIONS
        for index in collection.indexes
    ]


def test_init_db_on_a_database_that_is_set_up_changes_nothing(settings: Settings) -> None:
    completed = invoke("init-db", variables=environment(settings))
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout == f"Database {settings.database} is ready.\n"


@pytest.mark.external
def test_schema_prints_the_schema() -> None:
    completed = invoke("schema", variables={})
    assert completed.stdout == (ROOT / "schema.graphql").read_text()


async def can_call(gateway: Gateway, till: str, password: str) -> bool:
    headers = {"Authorization": authorization(till, password)}
    return (await gateway.rest(DOCUMENTED, headers)).status_code == 200


def made(completed: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    assert completed.stderr == ""
    secret: dict[str, str] = json.loads(completed.stdout)
    return secret


async def test_a_new_pos_client_can_call_with_the_printed_password(
    settings: Settings, gateway: Gateway
) -> None:
    arguments = ("clients", "add", "till", "till.json", "--org", str(DEMO.id), "--json")
    till = made(await invoke_in_thread(*arguments, variables=environment(settings)))
    assert list(till) == ["till", "password"]
    assert len(till["password"]) == 32
    assert await can_call(gateway, till["till"], till["password"])


@pytest.mark.parametrize(
    ("kind", "client", "field"), [("till", "o'till", "__typename"), ("oauth", "o'app", "accessToken")]
)
async def test_the_request_that_clients_add_prints_is_answered(
    settings: Settings, gateway: Gateway, kind: str, client: str, field: str
) -> None:
    arguments = ("clients", "add", kind, client, "--org", str(DEMO.id))
    printed = (await invoke_in_thread(*arguments, variables=environment(settings))).stdout
    assert "The secret is not shown again. A request to try, on a gateway at port 8000:" in printed
    response = await curl(gateway, printed.splitlines()[-1].strip())
    assert (response.status_code, next(iter(response.json()["data"]))) == (200, field)


@pytest.mark.parametrize(
    ("till", "secret"),
    [("till.plain", "server123\n"), ("till.md5", "8A16A6B70505EB1F1FF7CDC0CD5559A7\r\n")],
)
async def test_standard_input_holds_a_password_or_its_md5(
    settings: Settings, gateway: Gateway, till: str, secret: str
) -> None:
    arguments = ("clients", "add", "till", till, "--org", str(DEMO.id), "--secret-stdin")
    added = await invoke_in_thread(*arguments, given=secret, variables=environment(settings))
    assert added.stdout == f"till: {till}\npassword: as given\n"
    assert await can_call(gateway, till, "server123")


async def test_an_oauth_client_gets_tokens_until_its_secret_is_rotated_or_it_is_disabled(
    settings: Settings, gateway: Gateway, gateway_with: OpenGateway
) -> None:
    variables = environment(settings)
    arguments = ("clients", "add", "oauth", "Our app", "--org", str(DEMO.id), "--ttl", "60", "--json")
    client = made(await invoke_in_thread(*arguments, variables=variables))
    assert list(client) == ["key", "secret"]
    response = await gateway.client.post(TOKEN_PATH, json=client)
    assert response.json()["data"]["ttlSeconds"] == 60

    rotated = made(await invoke_in_thread("clients", "rotate", client["key"], "--json", variables=variables))
    assert rotated["key"] == client["key"]
    async with gateway_with() as cold:
        assert (await cold.client.post(TOKEN_PATH, json=client)).status_code == 401
        assert (await cold.client.post(TOKEN_PATH, json=rotated)).status_code == 200

    completed = await invoke_in_thread("clients", "disable", client["key"], variables=variables)
    assert completed.stdout == f"Client {client['key']} is disabled.\n"
    async with gateway_with() as cold:
        assert (await cold.client.post(TOKEN_PATH, json=rotated)).status_code == 401

    listed = json.loads((await invoke_in_thread("clients", "list", "--json", variables=variables)).stdout)
    assert {
        "id": client["key"],
        "kind": "oauth",
        "name": "Our app",
        "orgId": DEMO.id,
        "group": "default",
        "state": "disabled",
    } in listed
    lines = (await invoke_in_thread("clients", "list", variables=variables)).stdout.splitlines()
    assert lines[0] == "ID\tKIND\tNAME\tORGANISATION\tGROUP\tSTATE"
    assert "demo.till\ttill\tdemo.till\t51135\tdefault\tenabled" in lines
    assert client["secret"] not in json.dumps(listed)


async def test_the_rotated_password_of_a_pos_client_is_hashed_by_the_same_convention(
    settings: Settings, gateway: Gateway
) -> None:
    variables = environment(settings)
    await invoke_in_thread(
        "clients", "add", "till", "till.rotated", "--org", str(DEMO.id), variables=variables
    )
    arguments = ("clients", "rotate", "till.rotated", "--secret-stdin")
    completed = await invoke_in_thread(*arguments, given="server123", variables=variables)
    assert completed.stdout == "till: till.rotated\npassword: as given\n"
    assert await can_call(gateway, "till.rotated", "server123")


async def test_groups_are_set_and_listed(settings: Settings, gateway: Gateway) -> None:
    variables = environment(settings)
    completed = await invoke_in_thread("groups", "set", "reports", "customer=read", variables=variables)
    assert completed.stdout == "Group reports is set. The change takes effect within a minute.\n"
    lines = (await invoke_in_thread("groups", "list", variables=variables)).stdout.splitlines()
    assert lines[0] == "GROUP\tRIGHTS"
    listed = json.loads((await invoke_in_thread("groups", "list", "--json", variables=variables)).stdout)
    reports = {"customer": "read", "promotion": "none", "event": "none"}
    assert {"group": "reports", "rights": reports} in listed
    assert {
        "default\tcustomer=read\tpromotion=read\tevent=none",
        "ingest\tcustomer=none\tpromotion=none\tevent=write",
        "reports\tcustomer=read\tpromotion=none\tevent=none",
    } <= set(lines)
    added = ("clients", "add", "till", "reports.till", "--org", str(DEMO.id), "--group", "reports", "--json")
    till = made(await invoke_in_thread(*added, variables=variables))
    headers = {"Authorization": authorization(till["till"], till["password"])}
    assert (await gateway.rest(DOCUMENTED, headers)).status_code == 403


def test_serve_check_serves_nothing(settings: Settings) -> None:
    completed = invoke("serve", "--check", variables=environment(settings))
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout == "The settings, signing keys, trusted documents and database can be used.\n"


def test_serve_check_says_what_is_wrong(settings: Settings) -> None:
    variables = environment(settings, GATEWAY_DATABASE="empty")
    assert error(invoke("serve", "--check", variables=variables)) == (
        f"Error: Database empty is not set up: it lacks the collections {ALL_COLLECTIONS}. "
        "Run promo-gateway init-db."
    )


async def test_control_characters_in_the_names_of_clients_and_groups_are_escaped(
    settings: Settings, store: Store
) -> None:
    """Databases can have such names from before names were checked."""
    evil, shown = "evil\t\x1b[31m\n", "evil\\t\\x1b[31m\\n"
    await put_group(store, evil, NO_RIGHTS)
    await add_account(store, Account(evil, evil, ClientKind.TILL, DEMO.id, evil, 0, PASSWORD_HASH))
    clients = await invoke_in_thread("clients", "list", variables=environment(settings))
    assert f"{shown}\ttill\t{shown}\t51135\t{shown}\tenabled" in clients.stdout.splitlines()
    groups = await invoke_in_thread("groups", "list", variables=environment(settings))
    assert f"{shown}\tcustomer=none\tpromotion=none\tevent=none" in groups.stdout.splitlines()


@pytest.mark.external
def test_a_signing_key_is_written_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    completed = invoke("keys", "new", str(path), variables={})
    assert completed.returncode == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.read(path).private.key_size == 2048
    again = invoke("keys", "new", str(path), variables={})
    assert error(again) == f"Error: {path} cannot be written: File exists."


def test_serve_refuses_a_signing_key_that_cannot_be_read(settings: Settings, tmp_path: Path) -> None:
    variables = environment(settings, GATEWAY_SIGNING_KEYS=str(tmp_path / "none.pem"))
    line = f"Error: {tmp_path}/none.pem cannot be read as a PEM private key."
    assert error(invoke("serve", variables=variables)) == line


def test_serve_refuses_a_manifest_that_cannot_be_read(settings: Settings) -> None:
    variables = environment(settings, GATEWAY_TRUSTED_DOCUMENTS="/nowhere.json")
    line = "Error: GATEWAY_TRUSTED_DOCUMENTS: /nowhere.json: No such file or directory"
    assert error(invoke("serve", "--port", "0", variables=variables)) == line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("add", "till", "demo.till", "--org", "51135"), "Client demo.till already exists."),
        (("add", "till", "new", "--org", "404"), "There is no organisation 404 in the database."),
        (("add", "till", "new", "--org", "51135", "--group", "x"), "There is no access group x."),
        (("disable", "nobody"), "There is no client nobody."),
        (("rotate", "nobody"), "There is no client nobody."),
    ],
)
def test_a_failing_client_command_prints_one_line(
    settings: Settings, arguments: tuple[str, ...], line: str
) -> None:
    result = invoke("clients", *arguments, variables=environment(settings))
    assert (result.returncode, result.stdout, result.stderr) == (1, "", f"Error: {line}\n")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (("clients", "add", "till", "a:b", "--org", "51135"), ""),
        (("clients", "add", "till", " ", "--org", "51135"), ""),
        (("clients", "add", "till", "", "--org", "51135"), ""),
        (("clients", "add", "till", "x" * 256, "--org", "51135"), ""),
        (("clients", "add", "till", "till", "--org", "x"), ""),
        (("clients", "add", "till", "till", "--org", "-1"), ""),
        (("clients", "add", "till", "till", "--org", str(2**63)), ""),
        (("clients", "add", "till", "till"), ""),
        (("clients", "add", "till", "till", "--org", "51135", "--secret-stdin"), "\n"),
        (("clients", "add", "till", "till", "--org", "51135", "--secret-stdin"), b"\xff\n"),
        (("clients", "add", "oauth", "app", "--org", "51135", "--ttl", "3601"), ""),
        (("groups", "set", "x", "customer"), ""),
        (("groups", "set", "x", "customer=all"), ""),
        (("groups", "set", "x", "points=read"), ""),
    ],
)
def test_wrong_arguments_exit_with_2(
    settings: Settings, arguments: tuple[str, ...], given: str | bytes
) -> None:
    result = invoke(*arguments, given=given, variables=environment(settings))
    assert result.returncode == 2
    assert "Error: " in result.stderr


@pytest.mark.external
def test_an_embedded_database_that_stops_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not a directory")
    variables = {"PATH": os.environ["PATH"]}
    completed = invoke("demo", "--port", "0", "--data-dir", str(tmp_path), variables=variables)
    progress, line = completed.stderr.splitlines()
    assert (completed.returncode, progress) == (1, "Starting the embedded database…")
    assert line.startswith("Error: The embedded database stopped at once: ")


@pytest.mark.external
def test_a_data_directory_that_cannot_be_made_is_reported_in_one_line() -> None:
    completed = invoke("demo", "--port", "0", "--data-dir", "/proc/nowhere", variables={})
    assert completed.stderr.splitlines() == [
        "Starting the embedded database…",
        "Error: /proc/nowhere: No such file or directory.",
    ]
