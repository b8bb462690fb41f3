"""Documents of one shape share an operation, and nobody can tell it from one of their own."""

import asyncio
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, GraphQLSyntaxError, Lexer, Source, TokenKind
from hypothesis import event, given
from hypothesis import strategies as st

from gateway.commands.sample_data import DEMO
from gateway.errors import LimitExceeded
from gateway.graphql.limits import MAX_CHARACTERS
from gateway.graphql.operations import Operations
from gateway.graphql.shapes import moved, shape_of
from loaders.store import Store
from tests.helpers.gateway import Gateway, new_tenant
from tests.helpers.graphql import field, result_text

# The resolvers of the schema below use no context.
CONTEXT: Any = SimpleNamespace(loaders=SimpleNamespace(organization=DEMO))


@pytest.mark.parametrize(
    ("document", "other", "same"),
    [
        pytest.param('{ a(x: "1") }', '{ a(x: "2") }', True, id="another string"),
        pytest.param('{ a(x: "1") }', '{ a(x: "") }', True, id="an empty string"),
        pytest.param('{ a(x: "1") }', '{ a(x: "é") }', True, id="a letter beyond ASCII"),
        pytest.param('{ a(x: ["1", "1"]) }', '{ a(x: ["2", "2"]) }', True, id="both equal"),
        pytest.param('{ a(x: ["1", "1"]) }', '{ a(x: ["1", "2"]) }', False, id="no longer equal"),
        pytest.param('{ a(x: ["1", "2"]) }', '{ a(x: ["2", "2"]) }', False, id="now equal"),
        pytest.param('{ a(x: "1") }', '{  a(x: "1") }', False, id="another space"),
        pytest.param('{ a(x: "1") }', "{ a(x: 1) }", False, id="a number"),
        pytest.param('{ a(x: "0") }', "{ a(x: 0) }", False, id="a number like the place of the string"),
        pytest.param("{ a(x: 1) }", "{ a(x: 2) }", False, id="another number"),
        pytest.param("{ a(x: A) }", "{ a(x: B) }", False, id="another value of an enum"),
        pytest.param('{ a(x: "1") }', '{ b(x: "1") }', False, id="another field"),
        pytest.param('{ a(x: "1") }', '{ a(x: "1") b }', False, id="one more field"),
        pytest.param('{ a(x: "b") }', "{ a(x: b) }", False, id="a name like the string"),
        pytest.param("{ a b }", "{ ab }", False, id="two names or one"),
        pytest.param("{ a # b\n}", "{ a # c\n}", False, id="another comment"),
    ],
)
def test_the_shape_of_a_document(document: str, other: str, same: bool) -> None:
    assert (shape_of(document).digest == shape_of(other).digest) == same


@pytest.mark.parametrize(
    "document",
    [
        r'{ a(x: "\"") }',
        r'{ a(x: "\u0031") }',
        '{ a(x: """1""") }',
        '{ a(x: "1") # "\n }',
        '{ a(x: "# 1") }',
        '{ a(x: "1\n") }',
        '{ a(x: "\x00") }',
        '{ a(x: "\ud800") }',
        '{ a(x: "1) }',
    ],
    ids=["quotation mark", "escape", "block", "comment", "number sign", "line", "NUL", "surrogate", "end"],
)
def test_a_document_whose_shape_is_all_of_it(document: str) -> None:
    digest = hashlib.sha256(document.encode("utf-8", "surrogatepass")).digest()
    assert shape_of(document) == (digest, [])


PARTS = ['"', '""', '"""', "\\", "#", "\n", "\r", " ", "a", "1", "$", "é", "\u200d", "{", "}"]
PIECES = st.sampled_from(PARTS) | st.sampled_from(['"a"', '"b"', " "])


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(st.text("# é'", max_size=3)))
def test_the_strings_of_a_shape_are_those_of_the_lexer(document: str, texts: list[str]) -> None:
    shape = shape_of(document)
    tokens = lexed(document)
    event(f"tokens: {tokens is not None}, strings: {len(shape.strings)}")
    if tokens is None or not shape.strings:
        return
    assert shape.strings == [value for kind, value in tokens if kind is TokenKind.STRING]
    # With other strings, it has another shape, or the same other tokens.
    parts = document.split('"')
    others = [*texts, *shape.strings][: len(shape.strings)]
    parts[1::2] = others
    other = '"'.join(parts)
    if shape_of(other).digest == shape.digest:
        replaced = iter(others)
        expected = [(kind, next(replaced) if kind is TokenKind.STRING else value) for kind, value in tokens]
        assert lexed(other) == expected


def lexed(document: str) -> list[tuple[TokenKind, str | None]] | None:
    """The kinds and the values of all tokens; None if they are not GraphQL's."""
    lexer = Lexer(Source(document))
    tokens: list[tuple[TokenKind, str | None]] = []
    try:
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            tokens.append((token.kind, token.value))
    except GraphQLSyntaxError:
        return None
    return tokens


@pytest.mark.parametrize("end", [" ", "\n", "\r", "\r\n", "\n\n\u2028"], ids=repr)
def test_the_locations_of_an_error_in_a_document_of_the_same_shape(end: str) -> None:
    first = f'{{ a(x: "1", y: "") {{ b }}{end} c(x: "22", y: "1"){end} {{ d }} }}'
    other = f'{{ a(x: "", y: "333") {{ b }}{end} c(x: "4444444", y: ""){end} {{ d }} }}'
    error, expected = (
        GraphQLError("", source=Source(text), positions=[text.index(one) for one in "abcd"])
        for text in (first, other)
    )
    assert moved(error, {"1": "", "": "333", "22": "4444444"}) == expected.locations
    assert moved(GraphQLError(""), {}) is None


@strawberry.type
class Thing:
    name: str

    @strawberry.field
    def fails(self) -> int:
        raise ValueError(self.name)

    @strawberry.field
    async def later(self, info: strawberry.Info, text: str) -> "Thing":
        return Thing(name=text)


@strawberry.type
class Things:
    @strawberry.field
    async def thing(
        self,
        info: strawberry.Info,
        text: str | None = "default",
        id: strawberry.ID | None = None,
        texts: list[str] | None = None,
        number: int = 1,
    ) -> Thing | None:
        return Thing(name=repr((text, id, texts, number)))


SCHEMA = strawberry.Schema(Things)
SHARED = [
    '{ thing(text: "1") { name } }',
    '{ thing(text: "1", id: "1", texts: null) { name fails } }',
    '{ a: thing(text: "1") { name } b: thing(text: "1") { fails } c: thing(id: "2") { name } }',
    'query ($id: ID = 5, $n: Int!) { a: thing(text: "1", id: $id) { name } b: thing(number: $n) { fails } }',
    'fragment F on Things { thing(text: "1") { fails } } '
    "query Q($n: Int!) { ...F a: thing(number: $n) { name } }",
]
NOT_SHARED = [
    '{ thing(texts: ["1", "2"]) { name } }',
    '{ thing(texts: "1") { name fails } }',
    '{ thing(texts: ["1"], text: "1") { name } }',
    '{ thing(text: "1") { name } thing(text: "1") { fails } }',
    '{ thing(text: "1") { later(text: "2") { name } } }',
    '{ thing(text: "1") { name } __type(name: "Thing") { name } }',
    '{ thing(text: """1""") { name fails } }',
    r'{ thing(text: "\u0031") { name fails } }',
    '{ thing(text: "1") { name } } # "',
    'query ($text: String = "1") { thing(text: $text) { name fails } }',
    'query ($text: String!) { thing(texts: [$text, "1"]) { name } }',
    'query ($on: Boolean = true) { thing(text: "1") { name @include(if: $on) fails } }',
    'query Q { thing(text: "1") { fails } } query R { thing(text: "2") { name } }',
    '{ thing(text: "1") { name } } fragment F on Things { thing(text: "2") { name } }',
    '{ thing(number: "1") { name } }',
    '{ thing(text: "1") { nothing } }',
    "{ thing(number: 1) { name } }",
]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("document", "shared"), [(one, True) for one in SHARED] + [(one, False) for one in NOT_SHARED]
)
@pytest.mark.parametrize("texts", [("", "longer"), ("other", "1"), ("same", "same"), ("2", "1")])
async def test_a_document_with_other_strings(
    document: str, texts: tuple[str, str], shared: bool, compiled: bool
) -> None:
    operations = Operations(SCHEMA, compiled=compiled)
    name = "Q" if "query Q" in document else None
    assert operations.prepare(document, name).text is None
    first, second = texts
    other = document.replace('"1"', '"\0"').replace('"2"', f'"{second}"').replace("\0", first)
    operation = operations.prepare(other, name)
    same_shape = "2" not in document or first != second
    assert (operation.text is not None) == (shared and compiled and same_shape)
    new = Operations(SCHEMA, compiled=False)
    expected = new.prepare(other, name)
    assert [error.formatted for error in operation.errors] == [error.formatted for error in expected.errors]
    if not expected.errors:
        for variables in ({"n": 2, "text": "given"}, {"n": "none"}, {}):
            answer = await operations.execute(operation, variables, CONTEXT)
            assert result_text(answer) == result_text(await new.execute(expected, variables, CONTEXT))
            counted, of_new = (
                one.count_summaries(each, variables)
                for one, each in ((operations, operation), (new, expected))
            )
            assert counted == of_new


async def test_organisations_share_an_operation_but_no_strings(gateway: Gateway, store: Store) -> None:
    tenants = [await new_tenant(store, mobile=f"91900000000{n}", customer_id=n) for n in (1, 2, 3)]
    pairs = [(tenant, other) for tenant in tenants for other in tenants] * 2
    promotion = 'promotionIdentifier: "one"'
    documents = [
        f"{{ {field('a', value=other.mobile, program='1', promotion=promotion)} }}" for _, other in pairs
    ]
    answers = await asyncio.gather(
        *(
            gateway.graphql(one, None, tenant.headers)
            for one, (tenant, _) in zip(documents, pairs, strict=True)
        )
    )
    found = [answer.json()["data"]["a"] for answer in answers]
    assert found == [
        {"customerId": str(tenant.customer_id)} if tenant is other else None for tenant, other in pairs
    ]


async def test_documents_of_a_shape_have_one_place_in_the_cache() -> None:
    operations = Operations(SCHEMA, compiled=True)
    first = operations.prepare(SHARED[0], None)
    answers = [
        await operations.execute(
            operations.prepare(f'{{ thing(text: "{n}") {{ name }} }}', None), {}, CONTEXT
        )
        for n in range(9)
    ]
    assert [answer.data for answer in answers] == [
        {"thing": {"name": repr((str(n), None, None, 1))}} for n in range(9)
    ]
    assert operations.prepare(SHARED[0], None) is first
    assert (operations.misses, operations.hits) == (1, 10)
    assert operations._remembered.currsize == first.size


@pytest.mark.parametrize("text", ["0", "1" * MAX_CHARACTERS], ids=["by one character", "by a whole string"])
def test_a_document_of_a_known_shape_can_be_too_long(text: str) -> None:
    operations = Operations(SCHEMA, compiled=True)
    longest = '{ thing(text: "") { name } }'.ljust(MAX_CHARACTERS)
    operations.prepare(longest, None)
    with pytest.raises(LimitExceeded, match="The limit of characters is 100000"):
        operations.prepare(longest.replace('""', f'"{text}"'), None)
