"""The wheel has the files that the code reads, and none of the sources that the pages are bundled from."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.test_house import ROOT

PAGES = Path("gateway/pages")


@pytest.mark.external
def test_the_wheel_has_the_files_that_the_code_reads(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        files = {Path(name) for name in archive.namelist()}
    read = [Path("gateway/rest/openapi.json")]
    for folder in ("operations", "templates"):
        read += [path.relative_to(ROOT) for path in (ROOT / PAGES / folder).iterdir()]
    # Beside them only code, the bundle if it was made, and the description of the package.
    others = {
        path
        for path in files
        if path.suffix != ".py" and PAGES / "dist" not in path.parents and ".dist-info" not in path.parts[0]
    }
    assert others == set(read)
