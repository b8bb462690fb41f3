"""The wallet is installed, generated, type-checked, built, and driven in a browser."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET
from tests.helpers.gateway import Gateway
from tests.helpers.programs import run
from tests.helpers.repository import ROOT

MISSING = [program for program in ("node", "npm", "chromium") if not shutil.which(program)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"The wallet needs {' and '.join(MISSING)}: not installed."),
]
WALLET = ROOT / "examples" / "wallet"
FRONT_ENDS = (ROOT / "docs" / "front-ends.md").read_text()
OTHER_SECRET = "another-secret-of-the-back-end"


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the built pages. The build begins with codegen and the type check."""
    run(WALLET, "npm", "ci")
    run(WALLET, "npm", "run", "build", GATEWAY_SECRET=OTHER_SECRET)
    return WALLET / "dist"


@contextmanager
def back_end(gateway: str) -> Iterator[str]:
    """The address of a back end of the wallet that calls `gateway`."""
    with subprocess.Popen(
        ["node", "server.js"],
        cwd=WALLET,
        env={"PATH": os.environ["PATH"], "GATEWAY": gateway, "PORT": "0"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().rpartition(" ")[2].strip()
        finally:
            process.terminate()


def test_the_built_pages_contain_no_secret(built: Path) -> None:
    sent = b"".join(path.read_bytes() for path in built.rglob("*") if path.is_file())
    assert b"earnedPromotions" in sent
    for secret in (OAUTH_KEY, OAUTH_SECRET, OTHER_SECRET):
        assert secret.encode() not in sent


@pytest.mark.usefixtures("built")
async def test_every_trusted_document_is_answered_with_one_aggregation(gateway: Gateway) -> None:
    documents = json.loads((WALLET / "src/gql/persisted-documents.json").read_text())
    assert [re.findall(r"query (\w+)", document) for document in documents.values()] == [["Wallet"]]
    token = await gateway.token(source="INSTORE", identifierName="mobile", identifierValue=MOBILE)
    headers = {"Authorization": f"Bearer {token}"}
    # The gateway remembers the caller after this request.
    await gateway.graphql("{ __typename }", headers=headers)
    gateway.commands.clear()
    for name, document in documents.items():
        assert name == f"sha256:{sha256(document.encode()).hexdigest()}"
        body = (await gateway.graphql(document, {"first": 12}, headers)).json()
        assert "errors" not in body
        assert gateway.commands.names == ["find", "aggregate", "find"]


@pytest.mark.usefixtures("built")
def test_the_codegen_configuration_of_the_docs_generates_types_and_a_manifest(tmp_path: Path) -> None:
    configuration, query = re.findall(r"```ts\n(import .*?)```", FRONT_ENDS, re.S)[:2]
    (tmp_path / "codegen.ts").write_text(configuration)
    (tmp_path / "src").mkdir()
    (tmp_path / "src/points.ts").write_text(query)
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    (tmp_path / "node_modules").symlink_to(WALLET / "node_modules")
    run(tmp_path, "node_modules/.bin/graphql-codegen")
    assert "totalPointsIssued: string" in (tmp_path / "src/gql/graphql.ts").read_text()
    [document] = json.loads((tmp_path / "src/gql/persisted-documents.json").read_text()).values()
    assert document.startswith("query Points {")


@pytest.mark.usefixtures("built")
def test_the_wallet_in_a_browser(address: str) -> None:
    with back_end(address) as wallet:
        run(WALLET, "npm", "test", WALLET=wallet, CHROMIUM=shutil.which("chromium") or "")
