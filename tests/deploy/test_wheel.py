"""The wheel has the files that the code reads, and none of the sources that the pages are bundled from."""

import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.helpers.repository import ROOT

PAGES = Path("gateway/pages")


def build(target: str, source: Path, directory: Path) -> Path:
    """The archive of this kind ("wheel" or "sdist") that is built from `source`."""
    options = ["--target", target, "--directory", str(directory)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *options], cwd=source, capture_output=True, check=True
    )
    [archive] = directory.iterdir()
    return archive


def files(wheel: Path) -> set[Path]:
    with ZipFile(wheel) as archive:
        return {Path(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from this folder."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.mark.external
def test_the_wheel_has_the_files_that_the_code_reads(wheel: Path) -> None:
    read = [Path("gateway/rest/openapi.json")]
    for folder in ("operations", "templates"):
        read += [path.relative_to(ROOT) for path in (ROOT / PAGES / folder).iterdir()]
    # The wheel also has code, the bundle if it was built, and the metadata of the package.
    others = {
        path
        for path in files(wheel)
        if path.suffix != ".py" and PAGES / "dist" not in path.parents and ".dist-info" not in path.parts[0]
    }
    assert others == set(read)


@pytest.mark.slow
def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    with tarfile.open(build("sdist", ROOT, tmp_path / "sdist")) as archive:
        archive.extractall(source, filter="data")
    [unpacked] = source.iterdir()
    assert files(build("wheel", unpacked, tmp_path / "wheel")) == files(wheel)
