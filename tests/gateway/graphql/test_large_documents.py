"""A large new document is prepared in steps between which other requests run; the result is the same."""

import asyncio
from collections.abc import Generator
from itertools import product
from types import SimpleNamespace

import pytest
from graphql import GraphQLError, GraphQLSyntaxError
from graphql.execution.values import VariableValues

from gateway.commands.sample_data import MOBILE, PROMOTION
from gateway.errors import LimitExceeded
from gateway.graphql import large_documents, wide_operations
from gateway.graphql.compiler import FIELDS_OF_A_STEP
from gateway.graphql.large_documents import MAX_SMALL_NAMES, is_large, run_fairly
from gateway.graphql.limits import MAX_CHARACTERS
from gateway.graphql.operations import Operations
from gateway.graphql.plan_variants import MAX_PLANS
from tests.conftest import OpenGateway
from tests.helpers.gateway import FULL_SUMMARY, assert_graphql_refusal
from tests.helpers.graphql import SCHEMA, field

SMALL = f"{{ {' '.join(field(f'a{n}', FULL_SUMMARY) for n in range(25))} }}"
LARGE = f"{{ {' '.join(field(f'a{n}', FULL_SUMMARY) for n in range(100))} }}"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the seconds that `run_fairly` leaves to other requests after each step."""
    seconds: list[float] = []

    async def note(pause: float) -> None:
        seconds.append(pause)
        await asyncio.sleep(0)

    monkeypatch.setattr(large_documents, "sleep", note)
    return seconds


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (SMALL, False),
        (LARGE, True),
        ("a " * MAX_SMALL_NAMES, False),
        ("a " * (MAX_SMALL_NAMES + 1), True),
        ("a" * MAX_CHARACTERS, False),
        ("a " * MAX_CHARACTERS, False),
    ],
    ids=["small", "large", "most names", "one more", "one name", "too long"],
)
def test_a_document_of_many_names_is_large(document: str, expected: bool) -> None:
    assert is_large(document) is expected


# After parsing, after the two steps of validation, and between the steps of the compilation.
LARGE_PAUSES = 3 + 100 // FIELDS_OF_A_STEP - 1


@pytest.mark.parametrize(("query", "expected"), [(SMALL, 0), (LARGE, LARGE_PAUSES)], ids=["small", "large"])
async def test_only_a_large_document_is_prepared_in_steps_and_once(
    pauses: list[float], query: str, expected: int
) -> None:
    prepared = Operations(SCHEMA, compiled=True)
    first = await prepared.prepare_fairly(query, None, 1)
    assert first.plans is not None
    assert await prepared.prepare_fairly(query, None, 1) is first
    assert len(pauses) == expected


async def test_a_large_document_of_a_known_shape_is_prepared_at_once(pauses: list[float]) -> None:
    prepared = Operations(SCHEMA, compiled=True)
    first = prepared.prepare(LARGE, None)
    other = LARGE.replace(MOBILE, "91")
    operation = await prepared.prepare_fairly(other, None, 1)
    assert (operation.plans, operation.text) == (first.plans, other)
    assert (prepared.misses, pauses) == (1, [])


async def test_other_requests_have_as_much_time_as_a_step_took(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0, 3, 10, 14, 20])
    # In this module only: other tasks and threads read the clock too.
    monkeypatch.setattr(large_documents, "time", SimpleNamespace(perf_counter=lambda: next(times)))

    def steps() -> Generator[None, None, str]:
        yield
        yield
        return "result"

    assert await run_fairly(steps()) == "result"
    assert pauses == [3, 4]


async def test_requests_for_the_same_document_prepare_it_once(pauses: list[float]) -> None:
    prepared = Operations(SCHEMA, compiled=True)
    first, *others = await asyncio.gather(*(prepared.prepare_fairly(LARGE, None, 1) for _ in range(20)))
    assert all(other is first for other in others)
    assert (prepared.misses, prepared.hits) == (1, 19)
    assert len(pauses) == LARGE_PAUSES


# Cases may add root fields to this large document.
HALF = f"{{ {' '.join(field(f'a{n}', FULL_SUMMARY) for n in range(50))} }}"
UNUSED_VARIABLES = " ".join(f"$v{n}: Int" for n in range(30))
UNKNOWN_FIELDS = " ".join(f"unknown{n}" for n in range(40))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{ a0: ", "{ a0: nothing a1: "),
        ("{ a0: ", "query ($unused: Int) { a0: "),
        ('identifierValue: "', 'nothing: $undeclared, identifierValue: "'),
        ("{ a0: ", "query ($wrong: String) { b: __typename @include(if: $wrong) a0: "),
        ("{ a0: ", f"query ({UNUSED_VARIABLES}) {{ {UNKNOWN_FIELDS} a0: "),
        ("a7: ", "b: __typename @nothing a7: "),
        ("a9: ", "a8: __typename a9: "),
        ("points {", "points @include(if: 1) { nothing"),
        ("a49: ", "..."),
        ("a49: ", "a49: ("),
        ("a49: ", "a49: a100: b"),
        ("a49: ", f"{' '.join(f'a{n}: __typename' for n in range(100, 200))} a49: "),
    ],
)
async def test_a_large_document_has_the_same_errors_in_steps_as_at_once(
    pauses: list[float], old: str, new: str
) -> None:
    query = HALF.replace(old, new)
    assert query != HALF
    assert is_large(query)
    expected = _at_once(query)
    assert expected
    assert await _fairly(query) == expected


async def test_in_steps_the_errors_of_variables_precede_those_of_a_fragment(pauses: list[float]) -> None:
    query = HALF.replace("{ a0: ", "fragment F on Query { nothing } query ($unused: Int) { ...F a0: ")
    unknown, unused = _at_once(query)
    assert await _fairly(query) == [unused, unknown]


Errors = list[str]


def _at_once(query: str) -> Errors:
    try:
        return _texts(Operations(SCHEMA, compiled=True).prepare(query, None).errors)
    except (GraphQLSyntaxError, LimitExceeded) as error:
        return _raised(error)


async def _fairly(query: str) -> Errors:
    try:
        return _texts((await Operations(SCHEMA, compiled=True).prepare_fairly(query, None, 1)).errors)
    except (GraphQLSyntaxError, LimitExceeded) as error:
        return _raised(error)


def _raised(error: GraphQLError | LimitExceeded) -> Errors:
    return [f"raised {error!r}"]


def _texts(errors: list[GraphQLError]) -> Errors:
    return [str(error.formatted) for error in errors]


CUSTOMER = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{MOBILE}"'
LIST = (
    f'promotionActionSummaries(promotionIds: ["{PROMOTION.promotion_id}"]) {{ points {{ pointsCategory }} }}'
)
LISTS = " ".join(f"a{n}: {LIST}" for n in range(49))


def conditional(*names: str) -> str:
    """A large document with a field for each condition."""
    declared = " ".join(f"${name}: Boolean!" for name in names)
    fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in names)
    return f"query ({declared}) {{ {fields} {HALF[1:]}"


@pytest.mark.parametrize(
    "query",
    [HALF, f"{{ customer({CUSTOMER}) {{ {LISTS} }} }}"],
    ids=["50 fields of the query", "a customer with 49 fields"],
)
async def test_the_plan_of_each_combination_of_conditions_is_compiled_once_in_steps(
    gateway_with: OpenGateway, pauses: list[float], query: str
) -> None:
    document = f"query ($on: Boolean!) {query.replace('points {', 'points @include(if: $on) {')}"
    steps = 50 // FIELDS_OF_A_STEP - 1
    counts: list[int] = []
    async with gateway_with() as gateway:
        for on in (True, True, False, False):
            assert "errors" not in (await gateway.graphql(document, {"on": on})).json()
            counts.append(len(pauses))
    assert [count - counts[0] for count in counts] == [0, 0, steps, steps]


async def test_concurrent_requests_compile_a_plan_once() -> None:
    operation = Operations(SCHEMA, compiled=True).prepare(conditional("on"), None)
    assert operation.plans is not None
    values = VariableValues({}, {"on": True})
    first, *others = await asyncio.gather(*(operation.plans.get_fairly(values) for _ in range(20)))
    assert first is not None
    assert all(other is first for other in others)


async def test_concurrent_combinations_compile_no_more_plans_than_are_kept() -> None:
    names = [f"c{n}" for n in range(5)]
    operation = Operations(SCHEMA, compiled=True).prepare(conditional(*names), None)
    assert operation.plans is not None
    combinations = [dict(zip(names, on, strict=True)) for on in product([True, False], repeat=len(names))]
    plans = await asyncio.gather(
        *(operation.plans.get_fairly(VariableValues({}, one), may_replace=False) for one in combinations)
    )
    assert [plan is not None for plan in plans] == [True] * MAX_PLANS + [False] * (32 - MAX_PLANS)


async def test_a_large_document_beyond_the_queue_is_refused(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide_operations, "MAX_QUEUED_PER_ORGANIZATION", 0)
    async with gateway_with() as gateway:
        await gateway.warm()
        refused = await gateway.graphql(LARGE.replace("a99: ", "a99: nothing a100: "))
        assert_graphql_refusal(refused, 503, "SERVICE_UNAVAILABLE", 503, "Service Unavailable")
        assert refused.headers["retry-after"] == "1"
        answer = await gateway.graphql(SMALL.replace("a24: ", "a24: nothing a25: "))
        assert answer.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
