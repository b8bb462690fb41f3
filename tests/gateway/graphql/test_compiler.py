"""Operations are compiled or left to graphql-core's executor, and have the same results in both cases."""

import asyncio
from enum import Enum
from itertools import groupby, product
from types import SimpleNamespace
from typing import Annotated, Any, cast

import pytest
import strawberry

from gateway.commands.sample_data import DEMO
from gateway.graphql import plan
from gateway.graphql.operations import Operations
from gateway.graphql.plan_variants import MAX_PLANS
from tests.helpers.gateway import FULL_SUMMARY
from tests.helpers.graphql import SCHEMA, SUMMARY, plan_of, result_text

# The resolvers of the schemas below use no context.
CONTEXT: Any = SimpleNamespace(loaders=SimpleNamespace(organization=DEMO))
COMPILED = [
    f"{{ {SUMMARY} {{ {FULL_SUMMARY} }} }}",
    f"{{ a: {SUMMARY} {{ ...F }} b: {SUMMARY} {{ __typename ... {{ orgId }} }} }} "
    "fragment F on CustomerPromotionActionSummary { points { __typename } }",
    "{ __typename }",
    "query ($ids: [ID!]) { customer { id promotionActionSummaries(promotionIds: $ids) { "
    f"id promotion {{ identifier name }} {FULL_SUMMARY} }} }} }}",
    "query ($first: Int, $after: String) { customer(source: LINE) { "
    "earnedPromotions(first: $first, after: $after) "
    f"{{ edges {{ cursor node {{ {FULL_SUMMARY} }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}",
    f"query ($p: ID!) {{ {SUMMARY.replace('promotionId: 1', 'promotionId: $p')} {{ orgId }} }}",
    f"{{ {SUMMARY} @skip(if: false) {{ orgId @include(if: true) }} }}",
]
LEFT_TO_THE_EXECUTOR = [
    "{ __schema { queryType { name } } }",
    '{ __type(name: "Query") { name } }',
]


@pytest.mark.parametrize("query", COMPILED)
def test_an_operation_is_compiled(query: str) -> None:
    operation = Operations(SCHEMA, compiled=True).prepare(query, None)
    assert operation.errors == []
    assert plan_of(operation) is not None
    assert plan_of(Operations(SCHEMA, compiled=False).prepare(query, None)) is None


@pytest.mark.parametrize("query", LEFT_TO_THE_EXECUTOR)
def test_an_introspection_is_left_to_the_executor(query: str) -> None:
    operation = Operations(SCHEMA, compiled=True).prepare(query, None)
    assert operation.errors == []
    assert plan_of(operation) is None


@pytest.mark.parametrize("on", [True, False])
async def test_a_combination_of_conditions_is_compiled_once(on: bool) -> None:
    selection = "name failsAt @include(if: $on) ...F @skip(if: $on)"
    query = f"query ($on: Boolean!) {{ a: whole(failsAt: 7) {{ {selection} }} }} "
    query += "fragment F on Part { number }"
    compiled, plain = Operations(PARTS, compiled=True), Operations(PARTS, compiled=False)
    operation = compiled.prepare(query, None)
    expected = await plain.execute(plain.prepare(query, None), {"on": on}, CONTEXT)
    assert result_text(await compiled.execute(operation, {"on": on}, CONTEXT)) == result_text(expected)
    first = plan_of(operation, on=on)
    assert first is not None
    assert plan_of(operation, on=on) is first


def test_documents_have_no_directives_but_include_and_skip() -> None:
    """The compiler relies on this: it treats every Boolean variable as a condition."""
    operations = {"QUERY", "FIELD", "FRAGMENT_DEFINITION", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"}
    places = {one.name: {place.name for place in one.locations} for one in SCHEMA._schema.directives}
    assert [name for name, found in places.items() if found & operations] == ["include", "skip"]


def test_a_further_combination_displaces_the_one_that_was_used_least_recently() -> None:
    names = "abcd"
    declared = " ".join(f"${name}: Boolean! = true" for name in names)
    fields = " ".join(f"{name}: name @include(if: ${name})" for name in names)
    query = f"query ({declared}) {{ whole(failsAt: 7) {{ number {fields} }} }}"
    operation = Operations(PARTS, compiled=True).prepare(query, None)
    combinations = [dict(zip(names, values, strict=True)) for values in product([True, False], repeat=4)]
    first, second = (plan_of(operation, **one) for one in combinations[:2])
    for one in combinations[2:]:
        assert plan_of(operation, **one) is not None
        assert plan_of(operation, **combinations[0]) is first
    assert plan_of(operation, **combinations[1]) is not second
    assert operation.plans is not None
    assert len(operation.plans._plans) == MAX_PLANS


@strawberry.type
class Part:
    name: str
    fails_at: int = -1
    note: str | None = None

    @strawberry.field
    def number(self) -> int:
        if self.fails_at == 0:
            raise ValueError("number")
        return self.fails_at

    @strawberry.field
    def parts(self) -> list["Part"]:
        return [Part(name="inner", fails_at=self.fails_at - n) for n in range(1, 4)]

    @strawberry.field
    async def later(self) -> int:
        return 1

    @strawberry.field
    def repeated(self, times: int) -> str:
        return self.name * times


@strawberry.enum
class Colour(Enum):
    RED = "red"


@strawberry.type
class Owner:
    name: str

    @strawberry.field
    async def parts(
        self, info: strawberry.Info, ids: list[strawberry.ID] | None = strawberry.UNSET
    ) -> list[Part | None]:
        """A number gives a part, the text "null" gives None, and any other id an error at its position."""
        if not ids:
            return None if ids is None else []  # type: ignore[return-value]
        parts: Any = [
            Part(name=self.name, fails_at=int(one))
            if one.isdigit()
            else None
            if one == "null"
            else KeyError(one)
            for one in ids
        ]
        return cast("list[Part | None]", parts)

    @strawberry.field
    async def first(self, info: strawberry.Info, first: int = 2, fails: bool = False) -> Part:
        if fails:
            raise ValueError("first")
        return Part(name=f"{self.name} {first}", fails_at=first)

    @strawberry.field
    async def perhaps(self, info: strawberry.Info) -> Part | None:
        return None

    @strawberry.field
    async def all(self, info: strawberry.Info) -> list[Part]:
        return []

    @strawberry.field
    async def owners(self, info: strawberry.Info) -> list["Owner | None"]:
        return [self]

    @strawberry.field
    async def itself(self, info: strawberry.Info) -> "Owner":
        return self


@strawberry.type
class Parts:
    @strawberry.field
    async def owner(self, info: strawberry.Info, name: str | None = None) -> Owner | None:
        return Owner(name=name)  # type: ignore[arg-type]

    @strawberry.field
    async def whole(self, info: strawberry.Info, fails_at: int) -> Part | None:
        return Part(name=None if fails_at == 9 else "outer", fails_at=fails_at) if fails_at else None  # type: ignore[arg-type]

    @strawberry.field
    async def coloured(
        self,
        info: strawberry.Info,
        in_: Annotated[Colour, strawberry.argument(name="in")],
        id: strawberry.ID | None = strawberry.UNSET,
    ) -> Part | None:
        return Part(name=f"{in_!r} {id!r}")

    @strawberry.field
    async def listed(self, info: strawberry.Info, numbers: list[int]) -> Part | None:
        return Part(name=repr(numbers))

    @strawberry.field
    async def perhaps(self, info: strawberry.Info, number: strawberry.Maybe[int]) -> Part | None:
        return Part(name=repr(number))

    @strawberry.field
    async def known(self, info: strawberry.Info, id: strawberry.relay.GlobalID) -> Part | None:
        return Part(name=id.type_name)

    @strawberry.field
    async def renamed(self, i: strawberry.Info) -> Part | None:
        return Part(name=i.field_name)

    @strawberry.field
    async def below(self, info: strawberry.Info, parent: strawberry.Parent[None]) -> Part | None:
        return Part(name=repr(parent))

    @strawberry.field
    async def apart(self) -> Part | None:
        return Part(name="apart")


PARTS = strawberry.Schema(Parts)


@pytest.mark.parametrize(
    ("selection", "is_compiled"),
    [
        ("name number", True),
        ("parts { name number parts { number } }", True),
        ("failsAt x: name y: parts { __typename z: number }", True),
        ("note", True),
        ("later", False),
        ("repeated(times: 2)", False),
    ],
)
@pytest.mark.parametrize("fails_at", [0, 1, 2, 3, 5, 9])
async def test_any_schema_compiles_or_is_left_to_the_executor(
    selection: str, is_compiled: bool, fails_at: int
) -> None:
    """The values of `fails_at` cause nulls and failures at every depth."""
    query = f"{{ a: whole(failsAt: {fails_at}) {{ {selection} }} b: whole(failsAt: 7) {{ name }} }}"
    compiled, plain = Operations(PARTS, compiled=True), Operations(PARTS, compiled=False)
    operation = compiled.prepare(query, None)
    assert (plan_of(operation) is not None) == is_compiled
    expected = await plain.execute(plain.prepare(query, None), {}, CONTEXT)
    assert result_text(await compiled.execute(operation, {}, CONTEXT)) == result_text(expected)


@pytest.mark.parametrize(
    ("root", "is_compiled"),
    [
        ("coloured(in: RED)", True),
        ('coloured(in: $colour, id: "1")', True),
        ("coloured(in: $colour, id: null)", True),
        ("coloured(in: $colour, id: $missing)", True),
        ("listed(numbers: [1, 2])", True),
        ("listed(numbers: 1)", True),
        ("perhaps(number: 1)", False),
        ('known(id: "UGFydDox")', False),
        ("renamed", False),
        ("below", False),
        ("apart", False),
    ],
)
async def test_a_resolver_gets_its_arguments_as_it_does_from_strawberry(root: str, is_compiled: bool) -> None:
    unused = "a: coloured(in: $colour, id: $missing) { name }"
    query = f"query ($colour: Colour!, $missing: ID) {{ {root} {{ name }} {unused} }}"
    compiled, plain = Operations(PARTS, compiled=True), Operations(PARTS, compiled=False)
    operation, expected = compiled.prepare(query, None), plain.prepare(query, None)
    assert (operation.errors, plan_of(operation) is not None) == ([], is_compiled)
    for variables in ({"colour": "RED"}, {"colour": "BLUE"}, {}):
        answer = await compiled.execute(operation, variables, CONTEXT)
        assert result_text(answer) == result_text(await plain.execute(expected, variables, CONTEXT))


@pytest.mark.parametrize("turn_seconds", [0, 3600], ids=["a turn after each field", "one turn"])
@pytest.mark.parametrize("name", ["owner", None])
@pytest.mark.parametrize(
    ("selection", "is_compiled"),
    [
        ("name parts(ids: [1]) { name } first { name }", True),
        ('parts(ids: [1, "null", "x", 2]) { name x: __typename } first { number }', True),
        ("parts(ids: [0, 5, 0]) { name number }", True),
        ("parts(ids: $ids) { number parts { number } } a: parts(ids: $ids) { name note }", True),
        ("parts(ids: []) { name }", True),
        ("parts(ids: null) { name }", True),
        ("parts { name }", True),
        ("first(fails: true) { name }", True),
        ("parts(ids: [0]) { number } first(fails: true) { name } name", True),
        ("first(first: 0) { number }", True),
        ("first(first: 3) { parts { number } } second: first(first: $first) { failsAt }", True),
        ("itself { itself { name parts(ids: [0]) { number } } first(fails: true) { name } }", True),
        ("perhaps { name }", False),
        ("all { name }", False),
        ("owners { name }", True),
        ("owners { first { name } }", False),
    ],
)
async def test_async_fields_below_the_query_are_compiled_or_left_to_the_executor(
    selection: str, is_compiled: bool, name: str | None, turn_seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cases include lists with nulls and errors, and failures that make the whole field null."""
    monkeypatch.setattr(plan, "TURN_SECONDS", turn_seconds)
    named = "null" if name is None else f'"{name}"'
    used = "parts(ids: $ids) { failsAt } first(first: $first) { failsAt }"
    query = (
        "query ($ids: [ID!], $first: Int! = 4) { "
        f"a: owner(name: {named}) {{ {selection} }} b: owner(name: {named}) {{ {used} }} }}"
    )
    compiled, plain = Operations(PARTS, compiled=True), Operations(PARTS, compiled=False)
    operation, expected = compiled.prepare(query, None), plain.prepare(query, None)
    assert (operation.errors, plan_of(operation) is not None) == ([], is_compiled)
    given: tuple[dict[str, Any], ...] = (
        {"ids": ["0", "x", "1"]},
        {"ids": []},
        {"ids": None, "first": 0},
        {"ids": "2"},
    )
    for variables in given:
        answer = await compiled.execute(operation, variables, CONTEXT)
        assert result_text(answer) == result_text(await plain.execute(expected, variables, CONTEXT))


async def test_errors_are_in_the_order_of_their_fields() -> None:
    query = (
        '{ b: owner(name: "b") { name y: parts(ids: ["p", "q"]) { name } x: parts(ids: ["r"]) { name } } }'
    )
    for is_compiled in (True, False):
        operations = Operations(PARTS, compiled=is_compiled)
        result = await operations.execute(operations.prepare(query, None), {}, CONTEXT)
        paths = [error.path for error in result.errors or []]
        assert paths == [["b", "y", 0], ["b", "y", 1], ["b", "x", 0]]


TURNS: list[str] = []


@strawberry.type
class Item:
    @strawberry.field
    def number(self) -> int:
        TURNS.append("field")
        return 1


@strawberry.type
class Items:
    @strawberry.field
    async def item(self, info: strawberry.Info) -> Item | None:
        return Item()


async def test_other_tasks_have_a_turn_between_the_fields_of_an_operation_that_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "TURN_SECONDS", 0)

    async def take_turns() -> None:
        while True:
            TURNS.append("turn")
            await asyncio.sleep(0)

    operations = Operations(strawberry.Schema(Items), compiled=True)
    operation = operations.prepare(f"{{ {' '.join(f'f{n}: item {{ number }}' for n in range(12))} }}", None)
    assert plan_of(operation) is not None
    other = asyncio.create_task(take_turns())
    await asyncio.sleep(0)
    TURNS.clear()
    await operations.execute(operation, {}, CONTEXT)
    other.cancel()
    assert [len(list(run)) for name, run in groupby(TURNS) if name == "field"] == [1] * 12
