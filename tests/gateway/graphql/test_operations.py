"""Operations are prepared once, and have the same answer compiled and executed by graphql-core."""

import gc
import re
import sys
import tracemalloc
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from graphql import GraphQLSyntaxError
from hypothesis import event, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.commands.sample_data import PROGRAM
from gateway.errors import LimitExceeded, OperationUnknown
from gateway.graphql.limits import Limits
from gateway.graphql.operation import TOKEN_BYTES, Operation
from gateway.graphql.operations import REMEMBERED_BYTES, Operations
from loaders import Dispatchers, Loaders
from loaders.enums import Benefit, IssuanceType
from loaders.ledger import Issuance
from loaders.store import Store
from resolvers.context import Context
from tests.helpers.gateway import FULL_SUMMARY, Tenant, new_tenant
from tests.helpers.graphql import SCHEMA, SUMMARY, field, plan_of, result_text

SINCE = date(2025, 6, 12)


@dataclass(frozen=True)
class World:
    """A tenant with some benefits, and the dispatchers and the customer of the token of each reader."""

    tenant: Tenant
    readers: dict[str, tuple[Dispatchers, int | None]]

    def context(self, reader: str) -> Context:
        dispatchers, only = self.readers[reader]
        return Context(Loaders(dispatchers, self.tenant.organization, SINCE, only))


@pytest.fixture(scope="module")
async def world(store: Store) -> World:
    tenant = await new_tenant(store)
    on = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    coins = Issuance(
        "c", 1, 1, Benefit.ALTERNATE_CURRENCY, on, "Coin", IssuanceType.PROMISED, Decimal("0.0005")
    )
    reward = Issuance("r", 1, 1, Benefit.REWARD, on, "7")
    await tenant.issue([tenant.points("p", "2.5", on), coins, reward, tenant.badge("b", 1, "9")])
    closed = Store("mongodb://127.0.0.1:1", "nothing")
    await closed.close()
    without_totals = Dispatchers(store)
    without_totals.totals = Dispatchers(closed).totals
    return World(
        tenant,
        {
            "healthy": (Dispatchers(store), None),
            "without totals": (without_totals, None),
            "without anything": (Dispatchers(closed), None),
            "somebody else": (Dispatchers(store), 2),
        },
    )


LEAVES = {
    "points": ["pointsCategory", "totalPointsIssued", "numberOfTimesIssued", "lastIssuedOn"],
    "rewards": ["rewardSeriesId", "numberOfTimesIssued", "lastIssuedOn"],
    "badges": ["badgeSeriesId", "numberOfTimesIssued", "lastIssuedOn"],
    "warnings": ["code", "message"],
    "alternateCurrencySubDetails": ["alternateCurrencyType", "totalIssued", "lastIssuedOn"],
    "promotion": ["id", "identifier", "name", "programId"],
    "pageInfo": ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"],
    "edges": ["cursor", "node"],
    "earnedPromotions": ["edges", "pageInfo"],
    "customer": ["id", "promotionActionSummaries", "earnedPromotions"],
}
# Fields that have the type of another field.
SAME = {"node": "summary", "promotionActionSummaries": "summary"}
TYPES = {
    "points": "PointsSummary",
    "rewards": "RewardSummary",
    "badges": "BadgeSummary",
    "warnings": "Warning",
    "alternateCurrencies": "AlternateCurrencySummary",
    "alternateCurrencySubDetails": "AlternateCurrencySubDetail",
    "summary": "CustomerPromotionActionSummary",
    "promotion": "Promotion",
    "pageInfo": "PageInfo",
    "edges": "CustomerPromotionActionSummaryEdge",
    "earnedPromotions": "CustomerPromotionActionSummaryConnection",
    "customer": "Customer",
}
# The type of each argument, and its values: each as a literal and as the value of a variable.
VALUES: dict[str, tuple[str, list[tuple[str, object]]]] = {
    "source": ("CustomerSource!", [("INSTORE", "INSTORE"), ("LINE", 5)]),
    "identifierName": ("CustomerIdentifierName!", [("MOBILE", "MOBILE"), ("ID", "ID")]),
    "identifierValue": (
        "String!",
        [('"919000000001"', "919000000001"), ('"x"', ""), ('""', None)],
    ),
    "programId": ("ID!", [("1", 1), ('"1"', "1"), ('"2"', "x")]),
    "promotionId": ("ID", [("1", "1"), ("1", 1), ("404", None), ("null", True)]),
    "promotionIdentifier": ("String", [('"one"', "one"), ('"two"', "two"), ("null", None)]),
}
CUSTOMER_VALUES = {name: (type_.rstrip("!"), values) for name, (type_, values) in list(VALUES.items())[:3]}
# The first list is passed nearly always and the second nearly never, so that most lists can be read.
LIST_VALUES: dict[str, tuple[str, list[tuple[str, object]]]] = {
    "programId": ("ID", [("null", None), ("1", "1"), ("2", "x")]),
    "promotionIds": ("[ID!]", [("[1, 404, 1]", ["1", "x", "404"]), ("1", 1), ("[]", []), ("null", None)]),
    "promotionIdentifiers": ("[String!]", [("null", None), ('["one", ""]', ["one", "two"])]),
}
PAGE_VALUES: dict[str, tuple[str, list[tuple[str, object]]]] = {
    "programId": ("ID", [("null", "1"), ("2", "x")]),
    "first": ("Int", [("1", 5), ("0", -1), ("null", None)]),
    "after": ("String", [("null", None), ('"x"', "MTox")]),
}
ASYNC_FIELDS = {"promotionActionSummaries": LIST_VALUES, "earnedPromotions": PAGE_VALUES}


@dataclass
class Drawn:
    """The parts of an operation that are drawn so far: fragments, declarations and values of variables."""

    draw: st.DrawFn
    fragments: list[str]
    declared: list[str]
    variables: dict[str, object]

    def selection(self, of: str) -> str:
        """A selection set on the type of the field `of`, with aliases, fragments and repetitions."""
        of = SAME.get(of, of)
        if of == "summary":
            choices = ["id", "orgId", "customerId", "promotionIdentifier", "promotion", "points"]
            choices += ["alternateCurrencies"]
            choices += ["rewards", "badges", "warnings"]
        elif of == "alternateCurrencies":
            choices = ["alternateCurrencyName", "alternateCurrencySubDetails"]
        else:
            choices = LEAVES[of]
        picked = self.draw(st.lists(st.sampled_from([*choices, "__typename"]), min_size=1, max_size=4))
        parts = []
        for n, name in enumerate(picked):
            alias = self.draw(st.sampled_from(["", "", f"x{n}: ", f"{name}{n}: "]))
            below = self.selection(name) if SAME.get(name, name) in TYPES else ""
            passed = ""
            if name in ASYNC_FIELDS:
                # Two fields with different arguments cannot be merged.
                alias, passed = f"y{n}: ", f"({self.arguments(ASYNC_FIELDS[name])})"
            # Without an alias, fields of the same name are merged.
            parts.append(f"{alias}{name}{passed} {below}")
        leaf = choices[0] if choices[0] not in TYPES else "__typename"
        match self.draw(st.sampled_from(["plain"] * 8 + ["inline", "typed", "spread"] * 2 + ["directive"])):
            case "inline":
                parts.append(f"... {{ {leaf} }}")
            case "typed":
                parts.insert(0, f"... on {TYPES[of]} {{ first: {leaf} }}")
            case "spread":
                name = f"F{len(self.fragments)}"
                self.fragments.append(f"fragment {name} on {TYPES[of]} {{ {' '.join(parts)} }}")
                parts = [f"...{name}"]
            case "directive":
                self.declared.append(
                    f"$d{len(self.declared)}: Boolean = {self.draw(st.sampled_from(['true', 'false']))}"
                )
                parts.append(f"seen: {leaf} @include(if: $d{len(self.declared) - 1})")
        return f"{{ {' '.join(parts)} }}"

    def arguments(self, named: dict[str, tuple[str, list[tuple[str, object]]]]) -> str:
        passed = []
        for name, (type_, values) in named.items():
            literal, value = self.draw(st.sampled_from([values[0]] * 8 + values))
            match self.draw(st.sampled_from(["literal"] * 5 + ["variable"] * 4 + ["default", "missing"])):
                case "literal":
                    passed.append(f"{name}: {literal}")
                case "variable" | "default" | "missing" as how:
                    variable = f"v{len(self.declared)}"
                    default = f" = {literal}" if how == "default" and literal != "null" else ""
                    self.declared.append(f"${variable}: {type_.rstrip('!') if default else type_}{default}")
                    passed.append(f"{name}: ${variable}")
                    if how == "variable" or (how == "default" and self.draw(st.booleans())):
                        self.variables[variable] = value
        return ", ".join(passed)


@st.composite
def operations(draw: st.DrawFn, *, customers: bool = True) -> tuple[str, dict[str, object]]:
    """A document and its variables; without `customers`, most of its strings are arguments of summaries."""
    drawn = Drawn(draw, [], [], {})
    roots = [
        f"a{n}: customer({drawn.arguments(CUSTOMER_VALUES)}) {drawn.selection('customer')}"
        if customers and draw(st.booleans())
        else f"a{n}: customerPromotionActionSummary({drawn.arguments(VALUES)}) {drawn.selection('summary')}"
        for n in range(draw(st.integers(1, 3)))
    ]
    extra = draw(st.sampled_from([None] * 6 + ["__typename"] * 3 + ["__schema { queryType { name } }"]))
    if extra is not None:
        roots.insert(0, extra)
    declared = f"({', '.join(drawn.declared)})" if drawn.declared else ""
    return f"query Q{declared} {{ {' '.join(roots)} }} {' '.join(drawn.fragments)}", drawn.variables


READERS = st.sampled_from(["healthy"] * 5 + ["without totals", "without anything", "somebody else"])


@pytest.mark.slow
@examples(max_examples=120)
@given(drawn=operations(), reader=READERS)
async def test_a_compiled_operation_gives_the_answer_of_the_executor(
    world: World, drawn: tuple[str, dict[str, object]], reader: str
) -> None:
    query, variables = drawn
    compiled, plain = Operations(SCHEMA, compiled=True), Operations(SCHEMA, compiled=False)
    operation, expected = compiled.prepare(query, None), plain.prepare(query, None)
    event(f"valid: {not expected.errors}, compiled: {plan_of(operation) is not None}")
    await assert_same_answer((compiled, operation), (plain, expected), variables, world, reader)


@pytest.mark.slow
@examples(max_examples=120)
@given(
    drawn=operations(customers=False),
    reader=READERS,
    before=st.text("xé 1", min_size=1, max_size=3),
)
async def test_an_operation_of_another_document_answers_what_the_executor_answers(
    world: World, drawn: tuple[str, dict[str, object]], reader: str, before: str
) -> None:
    """Also if the strings have other lengths, and variables or fragments come behind them."""
    query, variables = drawn
    compiled, plain = Operations(SCHEMA, compiled=True), Operations(SCHEMA, compiled=False)
    compiled.prepare(re.sub('"([^"]*)"', rf'"{before}\1"', query), None)
    operation, expected = compiled.prepare(query, None), plain.prepare(query, None)
    event(f"shared: {operation.text is not None}")
    await assert_same_answer((compiled, operation), (plain, expected), variables, world, reader)
    if not expected.errors:
        counted, of_new = (
            one.count_summaries(one.prepare(query, None), variables) for one in (compiled, plain)
        )
        assert counted == of_new


async def assert_same_answer(
    prepared: tuple[Operations, Operation],
    expected: tuple[Operations, Operation],
    variables: dict[str, object],
    world: World,
    reader: str,
) -> None:
    """A document that was prepared in two ways has the same errors, or gives the reader the same answer."""
    errors, others = ([error.formatted for error in one.errors] for _, one in (prepared, expected))
    assert errors == others
    if not errors:
        answer = await outcome(*prepared, variables, world.context(reader))
        assert answer == await outcome(*expected, variables, world.context(reader))


async def outcome(
    operations: Operations, operation: Operation, variables: dict[str, object], context: Context
) -> str:
    """The answer to an operation as a text, or the message of the limit that it exceeds."""
    try:
        answer = await operations.execute(operation, variables, context)
    except LimitExceeded as error:
        return str(error)
    event(f"errors: {len(answer.errors or [])}")
    # The customer and the promotion are looked up together, and without a database either can fail first.
    return re.sub(r"InvalidOperation, \w+", "InvalidOperation", result_text(answer))


def test_an_operation_is_prepared_once() -> None:
    prepared = Operations(SCHEMA, compiled=True)
    documents = ("query A { a: __typename } query B { b: __typename }", "{ nothing }")
    for query, name in [(documents[0], "A"), (documents[0], "B"), (documents[1], None)] * 3:
        first = prepared.prepare(query, name)
        assert prepared.prepare(query, name) is first
    assert (prepared.misses, prepared.hits) == (3, 15)


def test_a_failed_preparation_is_not_remembered() -> None:
    prepared = Operations(SCHEMA, compiled=True)
    for _ in range(2):
        with pytest.raises(GraphQLSyntaxError):
            prepared.prepare("{", None)
        with pytest.raises(OperationUnknown):
            prepared.prepare("query A { __typename }", "B")
    assert (prepared.misses, prepared.hits) == (4, 0)


def test_the_memory_of_operations_is_bounded() -> None:
    prepared = Operations(SCHEMA, compiled=True)
    # Each document has 7,008 tokens, including the end of the document, and one error.
    first, second, third = (f"{{ a{n}: __typename(a: [{'1 ' * 6_996}]) }}" for n in range(3))
    operations = [prepared.prepare(query, None) for query in (first, second, first, third, second)]
    # The third document displaces the second, which was used least recently.
    assert (prepared.misses, prepared.hits) == (4, 1)
    [error] = operations[0].errors
    size = (7_008 + 1) * TOKEN_BYTES + 3 * sys.getsizeof(first) + sys.getsizeof(error.message)
    assert prepared._remembered.currsize == 2 * size <= REMEMBERED_BYTES < 3 * size


def summaries(count: int, selection: str) -> str:
    return " ".join(field(f"a{n}", selection, value=str(n)) for n in range(count))


DOCUMENTS = {
    "one summary": f"{{ {summaries(1, FULL_SUMMARY)} }}",
    "50 summaries": f"{{ {summaries(50, FULL_SUMMARY)} }}",
    "100 summaries of a fragment": (
        f"{{ {summaries(100, '...F')} }} fragment F on CustomerPromotionActionSummary {{ {FULL_SUMMARY} }}"
    ),
    "unknown fields": f"{{ {' '.join(f'f{n}' for n in range(100))} }}",
    "errors that quote a long name": (
        f"query {'n' * 90_000}({' '.join(f'$a{n}: Int' for n in range(50))}) {{ __typename }}"
    ),
    "a long string": f"{{ {field(value='🎉' * 40_000)} }}",
}


# Threads of the driver can allocate memory during the measurement.
NOT_THE_DRIVER = [tracemalloc.Filter(False, f"*/{package}/*") for package in ("bson", "pymongo")]


@pytest.mark.parametrize("query", DOCUMENTS.values(), ids=DOCUMENTS)
def test_an_operation_takes_no_more_memory_than_estimated(query: str) -> None:
    prepared = Operations(SCHEMA, compiled=True)
    prepared.prepare(query, None)
    prepared._remembered.clear()
    gc.collect()
    tracemalloc.start()
    try:
        # Another text of the same shape, because the first text is there already, and Python's cache of
        # attributes keeps names that a validation looks up.
        prepared.prepare(query.replace(str(PROGRAM), "9999"), None)
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    taken = sum(trace.size for trace in snapshot.filter_traces(NOT_THE_DRIVER).traces)
    assert 0.2 * prepared._remembered.currsize < taken < prepared._remembered.currsize


def test_an_operation_that_is_larger_than_the_cache_is_not_remembered() -> None:
    prepared = Operations(SCHEMA, compiled=True, limits=Limits(tokens=10**9))
    for _ in range(2):
        prepared.prepare(f"{{ __typename(a: [{'1 ' * 20_000}]) }}", None)
    assert (prepared.misses, prepared._remembered.currsize) == (2, 0)


def test_a_document_that_leaves_the_cache_leaves_no_garbage() -> None:
    prepared = Operations(SCHEMA, compiled=True)
    prepared.prepare(f"{{ {SUMMARY} {{ orgId }} }}", None)
    gc.collect()
    gc.disable()
    try:
        prepared._remembered.clear()
        assert gc.collect() <= 5
    finally:
        gc.enable()
