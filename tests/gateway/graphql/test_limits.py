"""The limits: what counts, how often, and in what words it is refused."""

import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, Source, TokenKind, get_introspection_query, parse
from graphql.language import Lexer
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import LimitExceeded, OperationUnknown
from gateway.graphql import limits
from gateway.graphql.limits import Limits
from gateway.graphql.operations import Operations
from tests.helpers.graphql import SCHEMA, SUMMARY

DEEP = "{ a { ...F } } fragment F on T { ... { b { ...G } } } fragment G on T { c { d } }"
TWICE = "{ s { x y } s { x } } "

# A document, the limit that it meets, and how much of it there is.
COUNTED = [
    ("{ a }", "characters", 5),
    ('{ a(b: "{ c }", d: """ " \\""" """) # e f g\n }', "tokens", 11),
    ("{ ...F ... on T { a } }", "tokens", 10),
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
    ("{ a b c: a ... { a d } ...F } fragment F on T { a e }", "root_fields", 5),
    ("{ a b c { d e } }", "repeated_fields", 0),
    ("{ a a: b a }", "repeated_fields", 2),
    (TWICE, "repeated_fields", 2),
    ("{ s { x } ...F ...F } fragment F on T { s { y } }", "repeated_fields", 4),
    ("{ a } fragment F on T { b b }", "repeated_fields", 1),
    ("{ __schema { types { name } } }", "introspections", 1),
    (
        "{ a: __schema { t: types { name } } ...F } fragment F on T { b: c __type { ...G } }",
        "introspections",
        3,
    ),
    (get_introspection_query(), "introspections", 1),
]


def check(given: Limits, document: str) -> None:
    given.check_text(document)
    given.check_document(parse(document))


@pytest.mark.parametrize(("document", "limit", "got"), COUNTED)
def test_a_limit_is_what_is_still_allowed(document: str, limit: str, got: int) -> None:
    check(Limits(**{limit: got}), document)
    if got:
        with pytest.raises(LimitExceeded) as raised:
            check(Limits(**{limit: got - 1}), document)
        words = limit.replace("_", " ")
        assert str(raised.value) == f"The limit of {words} is {got - 1}; this request has {got}."


def test_every_limit_of_a_document_is_counted() -> None:
    of_a_request = {"summaries"}
    assert {limit for _, limit, _ in COUNTED} | of_a_request == set(Limits.__slots__)


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
        Limits().check_document(parse(document))
    assert raised.value.message == message


def nested(fragments: int, spreads: int) -> str:
    """Fragments that each spread the next one some times, and the last of them a field."""
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
        Limits(repeated_fields=2**100).check_document(parsed)
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
    assert first.plan is not None
    assert [operations.prepare(document, None) is first for _ in range(3)] == [True] * 3
    assert (operations.misses, operations.hits) == (1, 3)


def test_what_doubles_fifty_times_is_counted_exactly() -> None:
    with pytest.raises(LimitExceeded) as raised:
        Operations(SCHEMA, compiled=True, limits=Limits()).prepare(nested(50, 2), None)
    assert str(raised.value) == "The limit of repeated fields is 100; this request has 562949953421311."


# Pieces of a document, some of them only the beginning of something.
PIECES = [
    *'{}()[]!$&:=@|,# \n\r\t\ufeff"\\é',
    *(
        "...",
        "a",
        "_b1",
        "1",
        "-2.5e+3",
        '"s # {"',
        '"\\""',
        '""',
        '"""',
        '"""b " \\""" """',
        "# c {\n",
        "on",
    ),
]


@given(document=st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_tokens_are_those_of_the_parser(document: str) -> None:
    counted = sum(bool(token) for token in limits._TOKENS.findall(document))
    lexer = Lexer(Source(document))
    found = 0
    try:
        while lexer.advance().kind is not TokenKind.EOF:
            found += 1
    except GraphQLSyntaxError:
        # The parser gets no further.
        assert counted > found
    else:
        assert counted == found


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
def test_summaries_are_counted_by_what_they_ask(summaries: int, variables: dict[str, object]) -> None:
    operations = Operations(SCHEMA, compiled=True)
    field = SUMMARY.replace('"919000000001"', "$%s")
    operation = operations.prepare(
        f'query ($a: String!, $b: String = "2") {{ x: {field % "a"} {{ orgId }} __typename '
        f"y: {field % 'b'} {{ orgId }} z: {field % 'a'} {{ customerId }} }}",
        None,
    )
    assert operation.errors == []
    assert operations.summaries(operation, variables) == summaries


def test_directives_decide_what_is_asked() -> None:
    operations = Operations(SCHEMA, compiled=True)
    document = f"query ($on: Boolean!) {{ ... @include(if: $on) {{ {SUMMARY} {{ orgId }} }} }}"
    operation = operations.prepare(document, None)
    assert [operations.summaries(operation, {"on": on}) for on in (True, False)] == [1, 0]


def test_an_operation_without_a_name_is_not_one_of_several() -> None:
    with pytest.raises(OperationUnknown):
        Operations(SCHEMA, compiled=True).prepare("query A { __typename } query B { __typename }", None)
