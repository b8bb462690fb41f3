"""The pages are type-checked, bundled, and driven in a browser by vitest and Playwright."""

import shutil
from pathlib import Path

import pytest

from gateway.settings import Settings
from tests.conftest import Start
from tests.helpers.gateway import environment, free_port, wait_until_served
from tests.helpers.programs import run
from tests.helpers.repository import ROOT

MISSING = [program for program in ("node", "npm", "chromium", "curl") if not shutil.which(program)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"The pages need {' and '.join(MISSING)}: not installed."),
]
PAGES = ROOT / "gateway" / "pages"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def bundled() -> None:
    """Check the types of the pages and of their tests, and bundle the pages as `make pages` does."""
    for directory in (PAGES, HERE):
        run(directory, "npm", "ci")
        run(directory, "npm", "run", "check")
    run(PAGES, "npm", "run", "build")


@pytest.mark.usefixtures("bundled")
def test_the_pages_in_a_browser(start: Start, settings: Settings) -> None:
    demo, served = free_port(), free_port()
    keys = ",".join(map(str, settings.signing_keys))
    variables = environment(settings, GATEWAY_SIGNING_KEYS=keys, GATEWAY_INTROSPECTION="on")
    start("demo", "--port", str(demo))
    start("serve", "--port", str(served), variables=variables)
    for port in (demo, served):
        wait_until_served(port)
    run(
        HERE,
        "npm",
        "test",
        CHROMIUM=shutil.which("chromium") or "",
        DEMO=f"http://127.0.0.1:{demo}",
        SERVED=f"http://127.0.0.1:{served}",
    )
