"""Relay, Apollo Client and ariadne-codegen take the schema as it is, and run operations against a gateway.

The clients that the documentation shows are checked with the types of the installed packages.
"""

import re
import shutil
import sys
from pathlib import Path

import httpx
import pytest

from gateway.commands.sample_data import OAUTH_KEY, OAUTH_SECRET
from gateway.rest.tokens import TOKEN_PATH
from tests.helpers.programs import run
from tests.helpers.repository import ROOT

HERE = Path(__file__).parent
NODE_MISSING = [program for program in ("node", "npm") if not shutil.which(program)]
pytestmark = pytest.mark.slow
needs_node = pytest.mark.skipif(
    bool(NODE_MISSING), reason=f"The clients need {' and '.join(NODE_MISSING)}: not installed."
)
# The types of the generated client are checked where this program uses them.
PROGRAM = """
import os
from decimal import Decimal
from generated import Client

address, headers = os.environ["GATEWAY"], {"Authorization": f"Bearer {os.environ['TOKEN']}"}
customer = Client(f"{address}/graphql", headers=headers).wallet(first=2).customer
assert customer is not None
for edge in customer.earned_promotions.edges:
    amounts: list[Decimal] = [row.total_points_issued for row in edge.node.points]
    print(edge.node.promotion.name, *amounts)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this folder, with the schema and the operation of the wallet."""
    project = tmp_path_factory.mktemp("clients") / "project"
    shutil.copytree(HERE, project, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "schema.graphql", project)
    components = sorted((ROOT / "examples/wallet/src").glob("*.tsx"))
    documents = [
        one for path in components for one in re.findall(r"graphql\(`(.*?)`\)", path.read_text(), re.S)
    ]
    (project / "operations/wallet.graphql").write_text("".join(documents))
    return project


def variables(address: str) -> dict[str, str]:
    """Environment variables with the gateway's address and the token of a customer with three promotions."""
    customer = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": "919800000143"}
    body = {"key": OAUTH_KEY, "secret": OAUTH_SECRET, "customer": customer}
    response = httpx.post(f"{address}{TOKEN_PATH}", json=body, timeout=60)
    return {"GATEWAY": address, "TOKEN": response.json()["data"]["accessToken"]}


@pytest.fixture(scope="module")
def installed(project: Path) -> Path:
    """The project with its packages of npm."""
    run(project, "npm", "ci")
    return project


@needs_node
def test_relay_and_apollo_client_normalise_lists_and_pages(installed: Path, address: str) -> None:
    run(installed, "npm", "run", "relay")
    run(installed, "npm", "test", **variables(address))


@needs_node
def test_the_clients_of_the_docs_have_correct_types(installed: Path) -> None:
    page = (ROOT / "docs/front-ends.md").read_text()
    snippets = dict(re.findall(r"^## ([\w ]+)\n\n```ts\n(.*?)```", page, re.M | re.S))
    assert list(snippets) == ["Apollo Client", "urql", "Relay"]
    (installed / "docs").mkdir()
    for name, code in snippets.items():
        (installed / "docs" / f"{name}.ts").write_text(code)
    run(installed, "npm", "run", "check")


def test_ariadne_codegen_generates_a_typed_client(project: Path, address: str) -> None:
    run(project, sys.executable, "-m", "venv", "environment")
    python = "environment/bin/python"
    run(project, python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", "requirements.txt")
    run(project, "environment/bin/ariadne-codegen", "--config", "ariadne.toml")
    (project / "program.py").write_text(PROGRAM)
    # The generated class of an object with two fragments inherits the same field twice, which mypy refuses.
    check = ["--strict", "--follow-imports=silent", "--python-executable", python]
    run(project, sys.executable, "-m", "mypy", *check, "program.py")
    assert run(project, python, "program.py", **variables(address)).splitlines() == [
        "Birthday week 902.867",
        "Bring a friend 365.552 252.491",
    ]
