"""A document is validated once for all documents of its shape."""

from functools import cache
from typing import Any

import pytest
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLFormattedError,
    get_named_type,
    is_enum_type,
    parse,
    validate,
)
from hypothesis import given
from hypothesis import strategies as st

from gateway.graphql import validation
from gateway.graphql.large_documents import run
from gateway.graphql.limits import Limits
from gateway.graphql.shapes import shape_of
from gateway.graphql.validation import Validator
from tests.helpers.graphql import SCHEMA

GRAPHQL_SCHEMA = SCHEMA._schema


def validator() -> Validator:
    return Validator(GRAPHQL_SCHEMA, Limits(), introspection=True)


def errors(checked: Validator, document: str) -> list[GraphQLError]:
    return run(checked.validate(parse(document), shape_of(document), large=False))


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that graphql-core validates."""
    documents: list[str] = []

    def note(schema: Any, document: DocumentNode, *arguments: Any, **options: Any) -> list[GraphQLError]:
        assert document.loc is not None
        documents.append(document.loc.source.body)
        return validate(schema, document, *arguments, **options)

    monkeypatch.setattr(validation, "validate", note)
    return documents


def test_documents_with_other_strings_are_validated_once(validated: list[str]) -> None:
    checked = validator()
    documents = [f'{{ __type(name: "{name}") {{ name }} }}' for name in ("Query", "Customer", "Query")]
    assert [errors(checked, document) for document in documents] == [[], [], []]
    assert validated == documents[:1]


def test_documents_with_errors_are_validated_each_time(validated: list[str]) -> None:
    checked = validator()
    documents = [f'{{ __type(unknown: "{name}") {{ name }} }}' for name in "ab"]
    assert [len(errors(checked, document)) for document in documents] == [2, 2]
    assert validated == documents


NAMES = st.sampled_from(['"a"', '"b"', '"""a"""', '""', "1", "A", "null", "$name"])


def found_by(checked: Validator, text: str) -> list[GraphQLFormattedError]:
    return [error.formatted for error in errors(checked, text)]


@cache
def found_by_a_new_validator(text: str) -> list[GraphQLFormattedError]:
    """The errors that a new validator finds; cached, because they are the same for every new validator."""
    return found_by(validator(), text)


@pytest.mark.slow
@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6))
def test_a_validator_that_remembers_shapes_finds_the_errors_of_a_new_one(
    names: list[tuple[str, str]],
) -> None:
    checked = validator()
    for first, second in names:
        # Two fields with the same key are an error if their arguments differ.
        fields = f"a: __type(name: {first}) {{ name }} a: __type(name: {second}) {{ kind }}"
        text = f"query Q($name: String!) {{ {fields} }}"
        assert found_by(checked, text) == found_by_a_new_validator(text)


def test_an_input_type_that_takes_strings_takes_every_string() -> None:
    arguments = [
        argument
        for type_ in GRAPHQL_SCHEMA.type_map.values()
        for field in getattr(type_, "fields", {}).values()
        for argument in getattr(field, "args", {}).values()
    ] + [argument for directive in GRAPHQL_SCHEMA.directives for argument in directive.args.values()]
    types = {get_named_type(argument.type) for argument in arguments}
    assert {one.name for one in types if not is_enum_type(one)} == {"Boolean", "ID", "Int", "String"}


def test_the_shape_that_was_used_least_recently_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, validated: list[str]
) -> None:
    monkeypatch.setattr(validation, "REMEMBERED_SHAPES", 2)
    checked = validator()
    first, second, third = (f"{{ a{n}: __typename }}" for n in range(3))
    for document in (first, second, third, third, second, first):
        assert errors(checked, document) == []
    assert validated == [first, second, third, first]
