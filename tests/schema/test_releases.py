"""A release never breaks the clients of the previous one, whose schema is last_release.graphql."""

from pathlib import Path

from graphql import build_schema, find_breaking_changes

from tests.helpers.repository import ROOT

LAST_RELEASE = Path(__file__).with_name("last_release.graphql")


def breaking(before: str) -> list[str]:
    """The changes from the schema `before` to today's schema that break clients."""
    schema = build_schema((ROOT / "schema.graphql").read_text())
    return [change.description for change in find_breaking_changes(build_schema(before), schema)]


def test_a_field_that_is_gone_breaks_clients() -> None:
    before = LAST_RELEASE.read_text() + "\nextend type Warning { gone: Int }\n"
    assert breaking(before) == ["Field Warning.gone was removed."]


def test_nothing_breaks_clients_of_the_last_release() -> None:
    assert breaking(LAST_RELEASE.read_text()) == []
