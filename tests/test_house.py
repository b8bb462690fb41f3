"""The rules that no tool checks: imports between the rooms, and documents that match the code."""

import ast
import json
import os
import re
import tomllib
from graphlib import TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLObjectType,
    is_specified_scalar_type,
)

from gateway.commands.environment import describe_settings
from resolvers.schema import create_schema
from tests.helpers.repository import ROOT

MODULES = sorted(path for room in ("gateway", "resolvers", "loaders") for path in (ROOT / room).rglob("*.py"))
# The other rooms and the packages that a room must not import.
FORBIDDEN = {
    "loaders": {"gateway", "resolvers", "starlette", "uvicorn", "strawberry", "graphql", "msgspec"},
    "resolvers": {"gateway", "starlette", "uvicorn", "motor", "pymongo", "bson"},
    "gateway": {"motor", "pymongo", "bson", "aiodataloader"},
}
DRIVER = {"motor", "pymongo", "bson"}
DRIVER_MODULES = {"loaders/store.py", "loaders/driver.py"}
# Folders of git and of installed packages.
NOT_OURS = {".git", ".venv", "node_modules"}


def our_files() -> list[Path]:
    """The files of the repository; a folder that another process deletes meanwhile is no error."""
    found: list[Path] = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = set(folders) - NOT_OURS
        found += [Path(folder, file) for file in files]
    return sorted(found)


OURS = our_files()
LOCKS = [path for path in OURS if path.name in {"requirements.lock", "package-lock.json"}]
DOCUMENTS = [path for path in OURS if path.suffix == ".md"]
STANDARD_NAMES = {"types", "http", "json", "logging", "email", "calendar", "token", "secrets"}


def imports(path: Path) -> set[str]:
    """The modules that a file imports, by their full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide which room they reach"
            found.add(node.module or "")
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_run_from_gateway_to_resolvers_to_loaders(path: Path) -> None:
    packages = {module.partition(".")[0] for module in imports(path)}
    room = path.relative_to(ROOT).parts[0]
    assert packages & FORBIDDEN[room] <= (DRIVER if name(path) in DRIVER_MODULES else set())
    assert "secantus" not in packages


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_short_says_why_it_exists_and_has_a_name_of_its_own(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in STANDARD_NAMES


ROOMS = {"graphql", "rest", "auth", "ingest", "middleware", "telemetry", "pages", "commands"}
BESIDE_THE_ROOMS = {
    *("__init__", "__main__", "app", "errors", "health", "http_headers", "json_format", "server", "settings")
}
# The private attributes of libraries that the product reads, each with its reason.
PRIVATE_ATTRIBUTES = {
    "_schema": "Strawberry does not hand out graphql-core's schema, which the compiler works on.",
    "_raw_info": "Strawberry's info does not hand out the selection below a field as graphql-core has it.",
}
# Private in name only: the public methods of named tuples.
NAMED_TUPLE_METHODS = {"_replace", "_asdict"}


def test_the_gateway_has_these_rooms_and_at_most_nine_modules_beside_them() -> None:
    entries = [path for path in (ROOT / "gateway").iterdir() if path.name != "__pycache__"]
    assert {path.name for path in entries if path.is_dir()} == ROOMS
    assert {path.stem for path in entries if path.is_file()} == BESIDE_THE_ROOMS


def folder(module: str) -> str:
    """The room of a module, or the module itself if it is beside the rooms."""
    top, _, rest = module.partition(".")
    return f"gateway.{rest.partition('.')[0]}" if top == "gateway" and rest else top


def test_no_circle_of_imports_between_folders() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        module = name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        ours = {one for one in imports(path) if one.partition(".")[0] in FORBIDDEN}
        graph.setdefault(folder(module), set()).update(folder(one) for one in ours)
    for one, needs in graph.items():
        needs.discard(one)
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_commands_import_commands(path: Path) -> None:
    """Production code never imports the demo, its data or its database."""
    if not name(path).startswith(("gateway/commands/", "gateway/__main__")):
        assert not [module for module in imports(path) if module.startswith("gateway.commands")]


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if name(path).startswith(("gateway/auth/", "gateway/ingest/"))],
    ids=name,
)
def test_auth_and_ingest_have_no_endpoint(path: Path) -> None:
    assert imports(path).isdisjoint({"starlette.responses", "starlette.routing", "starlette.exceptions"})


def private_attributes(path: Path) -> set[str]:
    """The private attributes and modules of libraries that a module uses."""
    found = {module for module in imports(path) if "._" in module}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            of = node.value
            if not (isinstance(of, ast.Name) and of.id in ("self", "cls", "other")):
                found.add(node.attr)
    return found


def test_the_private_attributes_of_libraries_that_are_used_are_listed() -> None:
    assert {
        one for path in MODULES for one in private_attributes(path)
    } - NAMED_TUPLE_METHODS == PRIVATE_ATTRIBUTES.keys()
    assert len(PRIVATE_ATTRIBUTES) <= 4


def test_the_printed_schema_is_the_schema() -> None:
    assert (ROOT / "schema.graphql").read_text() == create_schema().as_str() + "\n"


def described(type_: GraphQLNamedType) -> dict[str, str | None]:
    found = {type_.name: type_.description}
    if isinstance(type_, GraphQLObjectType):
        for field_name, field in type_.fields.items():
            found[f"{type_.name}.{field_name}"] = field.description
            for argument_name, argument in field.args.items():
                found[f"{type_.name}.{field_name}({argument_name})"] = argument.description
    if isinstance(type_, GraphQLEnumType):
        for value_name, value in type_.values.items():
            found[f"{type_.name}.{value_name}"] = value.description
    return found


def test_every_element_of_the_schema_is_described() -> None:
    types = create_schema()._schema.type_map.values()
    own = [
        type_ for type_ in types if not type_.name.startswith("__") and not is_specified_scalar_type(type_)
    ]
    assert len(own) == 19
    descriptions = {element: text for type_ in own for element, text in described(type_).items()}
    assert [element for element, text in descriptions.items() if not text] == []


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(GATEWAY_\w+)` \| (`.*?`|none) \| (.*?) \|$",
        (ROOT / "docs/settings.md").read_text(),
        re.MULTILINE,
    )
    assert rows == [
        (variable, f"`{default}`".replace("`none`", "none"), description)
        for variable, default, description in describe_settings()
    ]


def test_the_measurements_in_the_documentation_are_those_of_the_bench() -> None:
    results = json.loads((ROOT / "docs/bench/load.json").read_text())
    benchmarks, scaling = ((ROOT / f"docs/{page}.md").read_text() for page in ("benchmarks", "scaling"))

    def line(database: str, workload: str, tenants: int, connections: int) -> dict[str, Any]:
        [found] = [
            line
            for line in results[database]["results"]
            if (line["workload"], line["tenants"], line["connections"]) == (workload, tenants, connections)
        ]
        return dict(found)

    def row(*cells: str) -> str:
        return f"| {' | '.join(cells)} |\n"

    databases = {"embedded": "embedded", "fast": "stand-in"}
    cases = list(product((1, 100), (1, 32)))
    for (workload, shown), (database, name) in product(
        {"rest": "REST", "graphql": "GraphQL, full summary"}.items(), databases.items()
    ):
        ratios = [line(database, workload, *case)["to_raw"]["cpu"] for case in cases]
        assert row(shown, name, *(f"{ratio:.2f}" for ratio in ratios)) in benchmarks
        costs = [line(database, workload, *case)["figures"]["cpu"] for case in cases]
        assert row(shown, name, *(f"{1000 / cost:,.0f}" for cost in costs)) in scaling


def test_the_attacks_in_the_documentation_are_those_of_the_bench() -> None:
    results = json.loads((ROOT / "docs/bench/attacks.json").read_text())["clients"]
    table = "".join(
        f"| {name} | {one['before']:.0f} | {one['peak']:.0f} | {one['settled']:.0f} | "
        f"{one['p99_ratio']:.1f} | {one['late']:.0f} | {one['live']:.0f} |\n"
        for name, one in results.items()
    )
    assert table in (ROOT / "docs/on-call.md").read_text()


def test_the_changelog_begins_with_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first
    assert first[1] == version


@pytest.mark.parametrize("lock", LOCKS, ids=name)
def test_a_lock_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    if lock.suffix == ".json":
        packages = json.loads(text)["packages"].values()
        # `funding` has addresses for donations, not of a registry.
        text = json.dumps([{**package, "funding": None} for package in packages])
    assert "://" not in text


def link_works(document: Path, target: str, anchor: str) -> bool:
    """Whether the target of a link exists and has the heading of the anchor, if the link has one."""
    path = document.parent / target if target else document
    if not path.exists() or not anchor:
        return path.exists()
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]*))?\)", document.read_text())
    assert [link for link in links if not link_works(document, *link)] == []
