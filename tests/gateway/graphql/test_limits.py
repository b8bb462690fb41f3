"""The limits of GraphQL documents: what each limit counts, and the message of a refusal."""

import sys
from collections import Counter
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest
from graphql import GraphQLError, Source, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded, OperationUnknown
from gateway.graphql import limits
from gateway.graphql.limits import DocumentSource, Limits
from gateway.graphql.operations import Operations
from tests.helpers.graphql import SCHEMA, SUMMARY, plan_of

DEEP = "{ a { ...F } } fragment F on T { ... { b { ...G } } } fragment G on T { c { d } }"
TWICE = "{ s { x y } s { x } } "

# A document, a limit, and the exact amount that the document has.
COUNTED = [
    ("{ a }", "characters", 5),
    ("query Q($v: Int) { a: b(c: $v, d: [E, true]) }", "names", 11),
    ("{ ...F ... { a } } fragment F on T { b }", "fragments", 2),
    ("query @a { b @c ... @d { e } }", "directives", 3),
    ('{ a(b: "@ @ @") } # @', "directives", 0),
    ("query ($a: Int, $b: Int) { c } query D($a: Int) { c }", "variables", 3),
    ("{ a }", "depth", 1),
    ("{ a { b } c { d { e } } }", "depth", 3),
    (DEEP, "depth", 4),
    ("{ __schema { types { fields { args { name } } } } a { b } }", "depth", 2),
    ("{ a: b c: d { e: f } g }", "aliases", 3),
    ("{ ...F ...F } fragment F on T { a: b ...G } fragment G on T { c: d }", "aliases", 4),
    ("query A { a: b } query B { a: b }", "aliases", 2),
    ("{ a b c: a ... { a d } ...F } fragment F on T { a e }", "root fields", 5),
    ("{ a b c { d e } }", "repeated fields", 0),
    ("{ a a: b a }", "repeated fields", 2),
    (TWICE, "repeated fields", 2),
    ("{ s { x } ...F ...F } fragment F on T { s { y } }", "repeated fields", 4),
    ("{ a } fragment F on T { b b }", "repeated fields", 1),
    (
        '{ a: __type(name: "A") { name } b: __type(name: "B") { name } c { types { d } } }',
        "introspection fields",
        4,
    ),
    (
        "{ __schema { types { name fields { args { name } } } } }",
        "introspection fields",
        2 + 26 * (2 + 5 * (1 + 2)),
    ),
    (
        "{ __schema { ...F ...F } } fragment F on T { directives { a { ofType { b c d } } } }",
        "introspection fields",
        39,
    ),
    ("{ ...F } fragment F on T { __schema { a: types { b } c: types { d } } }", "introspection fields", 55),
    (get_introspection_query(), "introspection fields", 5058),
]
SETTINGS = ("tokens", "depth", "aliases")


def check(document: str, limit: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse and check a document with `limit` set to `most`."""
    if limit in SETTINGS:
        given = Limits(**{limit: most})
    else:
        given = Limits()
        monkeypatch.setattr(limits, f"MAX_{limit.upper().replace(' ', '_')}", most)
    given.check(given.parse(document))


@pytest.mark.parametrize(("document", "limit", "count"), COUNTED)
def test_a_document_at_a_limit_is_accepted(
    document: str, limit: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(document, limit, count, monkeypatch)


@pytest.mark.parametrize(("document", "limit", "count"), [row for row in COUNTED if row[2]])
def test_a_document_above_a_limit_is_refused(
    document: str, limit: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LimitExceeded) as raised:
        check(document, limit, count - 1, monkeypatch)
    assert str(raised.value) == f"The limit of {limit} is {count - 1}; this request has {count}."


# A document, a limit of the parser, and the exact amount that the document has.
PARSED = [
    ('{ a(b: "{ c }", d: """ " \\""" """) # e f g\n }', "tokens", 11),
    ("{ ...F ... on T { a } }", "tokens", 10),
    ("{ a } # b\n# c {\n", "tokens", 3),
    ('# a\n{ b } # c "\n#', "comments", 3),
]


@pytest.mark.parametrize(("document", "limit", "count"), PARSED)
def test_the_parser_accepts_a_document_at_a_limit(
    document: str, limit: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(document, limit, count, monkeypatch)


@pytest.mark.parametrize(("document", "limit", "count"), PARSED)
def test_the_parser_stops_at_a_limit(
    document: str, limit: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LimitExceeded) as raised:
        check(document, limit, count - 1, monkeypatch)
    assert str(raised.value) == f"The limit of {limit} is {count - 1}; this request has more."


def test_every_limit_of_a_document_is_tested() -> None:
    of_a_request = {"SUMMARIES"}
    constants = {name.removeprefix("MAX_") for name in vars(limits) if name.startswith("MAX_")}
    settings = {name.upper() for name in Limits.__slots__}
    tested = {limit.upper().replace(" ", "_") for _, limit, _ in [*COUNTED, *PARSED]}
    assert tested | of_a_request == constants | settings


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{ ...A } fragment A on T { a { ...A } }", "Cannot spread fragment 'A' within itself."),
        (
            "{ a } fragment A on T { ...B } fragment B on T { ... { ...A } }",
            "Cannot spread fragment 'A' within itself.",
        ),
        (
            "{ ...A } fragment A on T { a a a } fragment A on T { b }",
            "There can be only one fragment named 'A'.",
        ),
    ],
)
def test_fragments_that_cannot_be_weighed_are_refused(document: str, message: str) -> None:
    with pytest.raises(GraphQLError) as raised:
        Limits().check(parse(document))
    assert raised.value.message == message


def nested(fragments: int, spreads: int) -> str:
    """A summary of nested fragments: each spreads the next one `spreads` times, and the last has a field."""
    spread = [" ".join([f"...F{n}"] * spreads) for n in range(1, fragments)]
    bodies = [*spread, "orgId"]
    return f"{{ {SUMMARY} {{ ...F0 }} }} " + " ".join(
        f"fragment F{n} on CustomerPromotionActionSummary {{ {body} }}" for n, body in enumerate(bodies)
    )


def calls(document: str) -> Counter[str]:
    """How often each function of `gateway.graphql.limits` is called for a document."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename == limits.__file__:
            counted[frame.f_code.co_name] += 1

    parsed = parse(document)
    sys.setprofile(count)
    try:
        with suppress(LimitExceeded):
            Limits().check(parsed)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("spreads", [1, 2, 4])
@pytest.mark.parametrize("fragments", [1, 25, 50])
def test_a_fragment_is_weighed_once(fragments: int, spreads: int) -> None:
    # Beside the fragments, the operation and the summary's own fields.
    assert calls(nested(fragments, spreads))["_weigh"] == fragments + 2


def test_an_operation_within_its_limits_is_remembered() -> None:
    operations = Operations(SCHEMA, compiled=True, limits=Limits(), introspection=False)
    document = nested(50, 1)
    first = operations.prepare(document, None)
    assert first.errors == []
    assert plan_of(first) is not None
    assert [operations.prepare(document, None) is first for _ in range(3)] == [True] * 3
    assert (operations.misses, operations.hits) == (1, 3)


def test_repeated_fields_are_counted_exactly() -> None:
    with pytest.raises(LimitExceeded) as raised:
        Operations(SCHEMA, compiled=True, limits=Limits()).prepare(nested(50, 2), None)
    assert str(raised.value) == "The limit of repeated fields is 100; this request has 562949953421311."


@pytest.mark.parametrize(
    ("summaries", "variables"),
    [
        (2, {"a": "1"}),
        (1, {"a": "2"}),
        (1, {"a": "1", "b": "1"}),
        (1, {"a": "1", "b": None}),
        (0, {"a": 5.5}),
    ],
)
def test_summaries_with_the_same_arguments_count_once(summaries: int, variables: dict[str, object]) -> None:
    operations = Operations(SCHEMA, compiled=True)
    field = SUMMARY.replace('"919000000001"', "$%s")
    operation = operations.prepare(
        f'query ($a: String!, $b: String = "2") {{ x: {field % "a"} {{ orgId }} __typename '
        f"y: {field % 'b'} {{ orgId }} z: {field % 'a'} {{ customerId }} }}",
        None,
    )
    assert operation.errors == []
    assert operations.count_summaries(operation, variables) == summaries


def test_a_skipped_summary_does_not_count() -> None:
    operations = Operations(SCHEMA, compiled=True)
    document = f"query ($on: Boolean!) {{ ... @include(if: $on) {{ {SUMMARY} {{ orgId }} }} }}"
    operation = operations.prepare(document, None)
    assert [operations.count_summaries(operation, {"on": on}) for on in (True, False)] == [1, 0]


def test_a_document_of_several_operations_needs_an_operation_name() -> None:
    with pytest.raises(OperationUnknown):
        Operations(SCHEMA, compiled=True).prepare("query A { __typename } query B { __typename }", None)


@given(st.text("\r\n\u2028é x", max_size=12))
def test_a_location_is_the_one_that_graphql_core_finds(text: str) -> None:
    for position in range(len(text) + 1):
        # No token begins within the end of a line.
        if text[position - 1 : position + 1] != "\r\n":
            assert DocumentSource(text).get_location(position) == Source(text).get_location(position)
