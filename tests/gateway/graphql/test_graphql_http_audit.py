"""`promo-gateway serve` passes every audit of the package graphql-http."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.conftest import Start
from tests.helpers.gateway import DEMO_HEADER, environment, free_port, wait_until_served

AUDIT = Path(__file__).parent / "graphql_http_audit"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("node") and shutil.which("npm")), reason="The audit needs Node and npm."
    ),
]


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """A copy of the audit outside of the sources, with its installed packages."""
    directory = tmp_path / "audit"
    shutil.copytree(AUDIT, directory, ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["npm", "ci", "--silent"], cwd=directory, check=True, timeout=1_800)
    return directory


def test_every_audit_passes(settings: Settings, start: Start, audit: Path) -> None:
    port = free_port()
    # Some audits need introspection.
    start("serve", "--port", str(port), variables=environment(settings, GATEWAY_INTROSPECTION="on"))
    wait_until_served(port)
    url = f"http://127.0.0.1:{port}/graphql"
    command = ["node", "audit.mjs", url, DEMO_HEADER["Authorization"]]
    audited = subprocess.run(command, cwd=audit, check=True, capture_output=True, text=True, timeout=1_800)
    results = json.loads(audited.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    # The number of audits in this version of graphql-http.
    assert len(results) == 61
