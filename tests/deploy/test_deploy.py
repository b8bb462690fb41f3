"""The image and the manifests agree with the code, and the steps of the image make a gateway that runs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import httpx
import pytest

from gateway.health import LIVE, READY
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, environment, free_port, wait_until_served
from tests.helpers.repository import ROOT

DEPLOY = ROOT / "deploy"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
KUBERNETES = (DEPLOY / "kubernetes.yaml").read_text()


def locked(path: Path) -> set[str]:
    """The packages of a lock, each with its version and hashes."""
    return set(path.read_text().replace(" \\\n", "").splitlines())


def test_the_image_installs_what_is_tested_and_no_database() -> None:
    shipped = locked(DEPLOY / "requirements.lock")
    assert shipped < locked(ROOT / "requirements.lock")
    names = {re.split("[=; ]", line)[0] for line in shipped}
    assert {re.split(r"[\[<>=]", needed)[0] for needed in PROJECT["dependencies"]} <= names
    assert "secantusdb" not in names


def test_only_the_embedded_database_is_bound_to_older_versions_of_python() -> None:
    assert PROJECT["requires-python"] == ">=3.11"
    needed = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    assert [requirement for requirement in needed if "python_version" in requirement] == [
        "secantusdb==0.7.0b3; python_version < '3.14'"
    ]


def test_the_build_context_has_exactly_the_copied_files() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.M)
    kept = re.findall(r"^!(.*)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), re.M)
    # gateway/pages is inside gateway.
    assert sorted({name for names in copied for name in names.split()} - {"gateway/pages"}) == kept


def test_the_image_that_is_built_and_run_is_this_version() -> None:
    built = re.findall(r"docker build .* -t (\S+)", (ROOT / "docs/deploy.md").read_text() + DOCKERFILE)
    assert len(built) == 2
    assert {*built, *re.findall(r"image: (.*)", KUBERNETES)} == {f"promo-gateway:{PROJECT['version']}"}


def test_no_pod_gets_the_variables_of_services() -> None:
    assert KUBERNETES.count("enableServiceLinks: false") == KUBERNETES.count("    spec:\n") == 2


def test_the_manifest_uses_both_probes() -> None:
    assert set(re.findall(r"path: (/health/\w+)", KUBERNETES)) == {LIVE, READY}


def test_the_grace_period_is_longer_than_the_shutdown() -> None:
    [drain] = re.findall(r'GATEWAY_SHUTDOWN_SECONDS: "(\d+)"', KUBERNETES)
    [sleep] = re.findall(r"sleep:\n +seconds: (\d+)", KUBERNETES)
    [grace] = re.findall(r"terminationGracePeriodSeconds: (\d+)", KUBERNETES)
    assert int(grace) > int(drain) + int(sleep)


def linter(name: str) -> str | None:
    """The path of a linter, beside this process's Python or on the search path; None if it is missing."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("hadolint", ["Dockerfile"]),
        ("check-jsonschema", ["--builtin-schema", "vendor.compose-spec", "compose.yaml"]),
        ("kubernetes-validate", ["--strict", "kubernetes.yaml"]),
    ],
)
def test_a_linter_finds_nothing(name: str, arguments: list[str]) -> None:
    program = linter(name)
    if program is None:
        pytest.skip(f"{name} is not installed; .ci/run installs it.")
    completed = subprocess.run(
        [program, *arguments], cwd=DEPLOY, capture_output=True, text=True, timeout=120, check=False
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr


def make(source: Path, target: Path) -> None:
    """Run the steps of the Dockerfile's `build` stage in `source`, with the gateway installed in `target`."""
    [stage] = re.findall(r"AS build\n(.*?)\nFROM", DOCKERFILE.replace("\\\n", ""), re.S)
    variables = {**os.environ, "PATH": f"{target / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for line in stage.splitlines():
        instruction, _, arguments = line.partition(" ")
        if instruction == "RUN":
            command = arguments.replace("/opt/promo-gateway", str(target))
            command = command.replace("python -m venv", f"{sys.executable} -m venv")
            subprocess.run(command, shell=True, cwd=source, env=variables, timeout=1_800, check=True)
        elif instruction == "COPY" and not arguments.startswith("--from"):
            *copied, where = arguments.split()
            for name in copied:
                if (ROOT / name).is_dir():
                    modules = shutil.ignore_patterns("node_modules")
                    shutil.copytree(ROOT / name, source / where, ignore=modules)
                else:
                    shutil.copy(ROOT / name, source / where)


@pytest.mark.slow
def test_the_image_s_steps_make_a_gateway_that_runs(tmp_path: Path, settings: Settings) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    make(source, target)
    subprocess.run([target / "bin/pip", "check"], timeout=120, check=True)
    port = free_port()
    with subprocess.Popen(
        [target / "bin/promo-gateway", "serve", "--port", str(port)],
        cwd=tmp_path,
        env=environment(settings),
        stderr=subprocess.DEVNULL,
    ) as served:
        wait_until_served(port)
        url = f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}"
        assert httpx.get(url, params=DOCUMENTED, headers=DEMO_HEADER, timeout=60).json()["warnings"] == []
        [check] = re.findall(r"^ +CMD (\[.*\])$", DOCKERFILE, re.M)
        command = [str(target / "bin/python"), *json.loads(check)[1:]]
        subprocess.run(command, env={"GATEWAY_PORT": str(port)}, timeout=60, check=True)
        served.send_signal(signal.SIGTERM)
        assert served.wait(timeout=60) == 0
