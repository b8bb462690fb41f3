"""docs/from-rest.md agrees with the requests, fields and errors of both APIs."""

import re
from collections.abc import Iterator

from graphql import GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type

from gateway.commands.sample_data import MOBILE
from gateway.errors import ERRORS
from resolvers.errors import IdentifierNameInvalid, SourceInvalid, SourceMissing
from resolvers.schema import create_schema
from tests.helpers.curl import curl
from tests.helpers.gateway import Gateway
from tests.helpers.repository import ROOT

GUIDE = (ROOT / "docs" / "from-rest.md").read_text()
TYPES = create_schema()._schema.type_map
# GraphQL's validation rejects requests with these errors before they are executed.
REJECTED_BY_VALIDATION = {SourceMissing, SourceInvalid, IdentifierNameInvalid}


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading."""
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.M)
    return [line.replace("`", "").split(" | ") for line in lines[1:]]


async def test_both_apis_answer_as_the_guide_prints(gateway: Gateway) -> None:
    [(call, body)] = re.findall(r"```sh\n(curl .*?)```\n```json\n(.*?)\n```", GUIDE, re.S)
    assert (await curl(gateway, call)).text == body
    [(query, answer)] = re.findall(r"```graphql\n(query Summary.*?)```.*?```json\n(.*?)\n```", GUIDE, re.S)
    variables = {"customer": "EXT-387729100", "program": "2568", "promotion": "2000065"}
    assert (await gateway.graphql(query, variables)).text == answer


async def test_the_list_of_the_guide_sends_one_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    [query] = re.findall(r"```graphql\n(query Wallet\(\$mobile: String!, .*?)```", GUIDE, re.S)
    variables = {"mobile": MOBILE, "promotionIds": ["2000065", "2000066"]}
    body = (await gateway.graphql(query, variables)).json()
    summaries = body["data"]["customer"]["promotionActionSummaries"]
    assert [(one["promotion"]["name"], len(one["points"])) for one in summaries] == [
        ("Summer", 2),
        ("Weekend breakfast", 0),
    ]
    assert gateway.commands.names == ["find", "find", "aggregate"]


async def test_the_aliases_of_the_guide_send_one_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    [query] = re.findall(r"```graphql\n(fragment Earned.*?)```", GUIDE, re.S)
    body = (await gateway.graphql(query, {"mobile": MOBILE})).json()
    assert [len(summary["points"]) for summary in body["data"].values()] == [2, 0]
    assert gateway.commands.names == ["find", "find", "aggregate"]


def fields(type_: GraphQLObjectType, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field that is not an object, by its path in a response."""
    for name, field in type_.fields.items():
        named = get_named_type(field.type)
        if isinstance(named, GraphQLObjectType):
            assert isinstance(field.type, GraphQLNonNull)
            is_list = isinstance(field.type.of_type, GraphQLList)
            yield from fields(named, f"{path}{name}{'[]' if is_list else ''}.")
        else:
            yield path + name, str(field.type)


def test_the_guide_has_every_field_with_its_type() -> None:
    summary = TYPES["CustomerPromotionActionSummary"]
    assert isinstance(summary, GraphQLObjectType)
    listed = [(path, type_) for path, _, type_ in rows("Fields") if type_ != "not present"]
    assert listed == list(fields(summary))


def test_the_guide_has_every_argument() -> None:
    query = TYPES["Query"]
    assert isinstance(query, GraphQLObjectType)
    arguments = query.fields["customerPromotionActionSummary"].args
    assert [name for name, *_ in rows("Parameters")] == list(arguments)


def test_the_guide_has_every_error_with_its_codes() -> None:
    rejected = "GRAPHQL_VALIDATION_FAILED or BAD_USER_INPUT"
    expected = {
        (spec.code, rejected if error in REJECTED_BY_VALIDATION else spec.graphql_code)
        for error, spec in ERRORS.items()
    }
    listed = {(int(code), graphql_code) for code, _, graphql_code in rows("Errors")}
    assert listed == expected | {(8116, "none")}
    messages = {message for _, message, *_ in rows("Errors")}
    assert {spec.message for spec in ERRORS.values() if spec.message} <= messages
