"""Documents that differ only in the texts of their strings have one shape, which is validated once."""

from typing import Any

import pytest
from graphql import DocumentNode, GraphQLError, get_named_type, is_enum_type, parse, validate
from hypothesis import given
from hypothesis import strategies as st

from gateway.graphql import validation
from gateway.graphql.limits import Limits
from gateway.graphql.validation import Validator, shape_of
from tests.helpers.graphql import SCHEMA

GRAPHQL_SCHEMA = SCHEMA._schema


def validator() -> Validator:
    return Validator(GRAPHQL_SCHEMA, Limits(), introspection=True)


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[DocumentNode]:
    """The documents that graphql-core validates."""
    documents: list[DocumentNode] = []

    def note(schema: Any, document: DocumentNode, *arguments: Any, **options: Any) -> list[GraphQLError]:
        documents.append(document)
        return validate(schema, document, *arguments, **options)

    monkeypatch.setattr(validation, "validate", note)
    return documents


def test_documents_with_other_strings_are_validated_once(validated: list[DocumentNode]) -> None:
    checked = validator()
    documents = [parse(f'{{ __type(name: "{name}") {{ name }} }}') for name in ("Query", "Customer", "Query")]
    assert [checked.validate(document) for document in documents] == [[], [], []]
    assert validated == documents[:1]


def test_documents_with_errors_are_validated_each_time(validated: list[DocumentNode]) -> None:
    checked = validator()
    documents = [parse(f'{{ __type(unknown: "{name}") {{ name }} }}') for name in "ab"]
    assert [len(checked.validate(document)) for document in documents] == [2, 2]
    assert validated == documents


@pytest.mark.parametrize(
    ("document", "other", "same"),
    [
        pytest.param('{ a(x: "1") }', '{ a(x: "2") }', True, id="another string"),
        pytest.param('{ a(x: "1") }', '{ a(x: "") }', True, id="an empty string"),
        pytest.param('{ a(x: "1") }', '{\n  a(x: "1"), # first\n}', True, id="spaces and comments"),
        pytest.param('{ a(x: ["1", "1"]) }', '{ a(x: ["2", "2"]) }', True, id="both equal"),
        pytest.param('{ a(x: ["1", "1"]) }', '{ a(x: ["1", "2"]) }', False, id="no longer equal"),
        pytest.param('{ a(x: ["1", "1"]) }', '{ a(x: ["1", """1"""]) }', False, id="a block string"),
        pytest.param('{ a(x: "1") }', "{ a(x: 1) }", False, id="a number"),
        pytest.param("{ a(x: 1) }", "{ a(x: 2) }", False, id="another number"),
        pytest.param("{ a(x: A) }", "{ a(x: B) }", False, id="another value of an enum"),
        pytest.param('{ a(x: "1") }', '{ b(x: "1") }', False, id="another field"),
        pytest.param('{ a(x: "1") }', '{ a(x: "1") b }', False, id="one more field"),
        pytest.param('{ a(x: "b") }', "{ a(x: b) }", False, id="a name like the string"),
        pytest.param("{ a b }", "{ ab }", False, id="two names or one"),
    ],
)
def test_documents_have_the_same_shape_if_only_their_strings_differ(
    document: str, other: str, same: bool
) -> None:
    assert (shape_of(parse(document)) == shape_of(parse(other))) == same


NAMES = st.sampled_from(['"a"', '"b"', '"""a"""', '""', "1", "A", "null", "$name"])


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=6))
def test_a_validator_that_remembers_shapes_finds_the_errors_of_a_new_one(
    names: list[tuple[str, str]],
) -> None:
    checked = validator()
    for first, second in names:
        # Two fields with the same key are an error if their arguments differ.
        fields = f"a: __type(name: {first}) {{ name }} a: __type(name: {second}) {{ kind }}"
        text = f"query Q($name: String!) {{ {fields} }}"
        found, expected = (
            [error.formatted for error in one.validate(parse(text))] for one in (checked, validator())
        )
        assert found == expected


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
    monkeypatch: pytest.MonkeyPatch, validated: list[DocumentNode]
) -> None:
    monkeypatch.setattr(validation, "REMEMBERED_SHAPES", 2)
    checked = validator()
    first, second, third = (parse(f"{{ a{n}: __typename }}") for n in range(3))
    for document in (first, second, third, third, second, first):
        assert checked.validate(document) == []
    assert validated == [first, second, third, first]
