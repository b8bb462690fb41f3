"""The help and the version of the command line, and the libraries that they import."""

import json
import subprocess
import sys

import pytest

from gateway.commands.environment import describe_settings
from tests.helpers.commands import invoke

HELP = """\
Usage: main [OPTIONS] COMMAND [ARGS]...

  A GraphQL gateway for customer promotion benefits.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Run:
  demo      Serve sample data from an embedded database.
  init-db   Create collections, indexes and access groups.
  serve     Serve the database in GATEWAY_MONGODB_URI.
  settings  List the environment variables.
  schema    Print the GraphQL schema.

Data and callers:
  import     Import files of newline-delimited JSON.
  export     Write all data in the format that import takes.
  events     List, show and replay pending events.
  customers  Export, erase and merge customers.
  clients    Add, list, disable and rotate clients.
  groups     List and set access groups.
  keys       Create signing keys.
"""
HEAVY = ("graphql", "strawberry", "starlette", "uvicorn", "pymongo", "motor", "pydantic", "rich", "structlog")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_lists_the_commands_in_groups(option: str) -> None:
    completed = invoke(option, variables={})
    assert (completed.returncode, completed.stdout) == (0, HELP)
    assert len(HELP.splitlines()) <= 24


@pytest.mark.external
@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_help_and_the_version_import_no_library_but_click(option: str) -> None:
    program = (
        "import sys; from gateway.commands.main import main; main([sys.argv[1]], standalone_mode=False); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program, option], capture_output=True, text=True, timeout=60, check=True
    )
    assert completed.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "serve",
        "init-db",
        "import",
        "export",
        *("events list", "events show", "events replay"),
        *("clients add till", "clients add oauth", "clients list", "clients disable", "clients rotate"),
        *("groups list", "groups set", "keys new", "schema", "settings"),
    ],
)
def test_every_command_has_help(command: str) -> None:
    completed = invoke(*command.split(), "-h", variables={})
    assert completed.returncode == 0
    assert completed.stdout.startswith(f"Usage: main {command} ")


@pytest.mark.parametrize("group", ["events", "customers", "clients", "clients add", "groups", "keys"])
def test_the_help_of_a_group_has_whole_sentences(group: str) -> None:
    _, _, commands = invoke(*group.split(), "-h", variables={}).stdout.partition("Commands:\n")
    assert commands
    assert "..." not in commands


def test_an_option_takes_an_id_as_the_apis_do() -> None:
    assert "--org ID " in invoke("clients", "add", "till", "-h", variables={}).stdout
    completed = invoke("clients", "add", "till", "x", "--org", "+7", variables={})
    assert completed.returncode == 2
    assert completed.stderr.splitlines()[-1] == (
        "Error: Invalid value for '--org': '+7' is not a number from 0 to 9223372036854775807."
    )


def test_an_unknown_command_names_a_similar_one() -> None:
    completed = invoke("serv", variables={})
    assert completed.returncode == 2
    assert completed.stderr.splitlines()[-1] == "Error: No such command 'serv'. Did you mean 'serve'?"


def test_settings_lists_every_setting() -> None:
    rows = json.loads(invoke("settings", "--json", variables={}).stdout)
    assert rows == [row._asdict() for row in describe_settings()]
    assert len(invoke("settings", variables={}).stdout.splitlines()) == 2 * len(rows)
