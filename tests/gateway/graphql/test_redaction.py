"""Errors about wrong input name the expected and the found kind of value, and never quote the input."""

from typing import Any

import pytest

from gateway.commands.sample_data import MOBILE
from tests.conftest import Logged
from tests.helpers.gateway import Gateway
from tests.helpers.graphql import field

SECRET = "919078300000"
SOURCES = (
    "Allowed values: INSTORE, FACEBOOK, WEB_ENGAGE, WECHAT, MARTJACK, TMALL, TAOBAO, JD, ECOMMERCE, WEBSITE, "
    "LINE, MOBILE_APP."
)


def with_source(value: str, declared: str = "") -> str:
    return f"query Q{declared} {{ {field().replace('INSTORE', value)} }}"


# A query with a wrong value in it, its variables, the code, and the whole message.
WRONG_VALUES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        with_source(f"SHOP{SECRET}"),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Argument 'source': the value is not in the enum 'CustomerSource'. {SOURCES}",
    ),
    (
        with_source("instore"),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Argument 'source': the value is not in the enum 'CustomerSource'. {SOURCES}",
    ),
    (
        f"{{ {field(name='PHONE')} }}",
        {},
        "GRAPHQL_VALIDATION_FAILED",
        "Argument 'identifierName': the value is not in the enum 'CustomerIdentifierName'. "
        "Allowed values: MOBILE, ID, EXTERNAL_ID.",
    ),
    (
        with_source("$s", "($s: CustomerSource! = SHOP)"),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Default value of variable '$s': the value is not in the enum 'CustomerSource'. {SOURCES}",
    ),
    (
        f"query ($n: CustomerIdentifierName!) {{ {field(name='$n')} }}",
        {"n": "mobile"},
        "BAD_USER_INPUT",
        "Variable '$n': the value is not in the enum 'CustomerIdentifierName'. "
        "Allowed values: MOBILE, ID, EXTERNAL_ID.",
    ),
    (
        f'{{ __typename @skip(if: "{SECRET}") }}',
        {},
        "GRAPHQL_VALIDATION_FAILED",
        "Argument 'if': expected a value of type 'Boolean!', found a string.",
    ),
    (
        f"query ($v: String!) {{ {field(value='V').replace(chr(34) + 'V' + chr(34), '$v')} }}",
        {"v": int(SECRET)},
        "BAD_USER_INPUT",
        "Variable '$v': expected a value of type 'String!', found a number.",
    ),
    (
        with_source(f'"{SECRET}"'),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Argument 'source': expected a value of type 'CustomerSource!', found a string. {SOURCES}",
    ),
    (
        with_source(f"[{{a: {SECRET}}}]"),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Argument 'source': expected a value of type 'CustomerSource!', found a list. {SOURCES}",
    ),
    (
        with_source("null"),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        f"Argument 'source': expected a value of type 'CustomerSource!', found null. {SOURCES}",
    ),
    (
        f"{{ {field().replace(f'{chr(34)}{MOBILE}{chr(34)}', SECRET)} }}",
        {},
        "GRAPHQL_VALIDATION_FAILED",
        "Argument 'identifierValue': expected a value of type 'String!', found an int.",
    ),
    (
        with_source("$s", f'($s: CustomerSource! = "{SECRET}")'),
        {},
        "GRAPHQL_VALIDATION_FAILED",
        "Default value of variable '$s': expected a value of type 'CustomerSource!', found a string. "
        f"{SOURCES}",
    ),
    (
        with_source("$s", "($s: CustomerSource!)"),
        {"s": SECRET},
        "BAD_USER_INPUT",
        f"Variable '$s': the value is not in the enum 'CustomerSource'. {SOURCES}",
    ),
    (
        with_source("$s", "($s: CustomerSource!)"),
        {"s": [SECRET]},
        "BAD_USER_INPUT",
        f"Variable '$s': expected a value of type 'CustomerSource!', found a list. {SOURCES}",
    ),
    (
        with_source("$s", "($s: CustomerSource!)"),
        {},
        "BAD_USER_INPUT",
        f"Variable '$s': expected a value of type 'CustomerSource!', found nothing. {SOURCES}",
    ),
    (
        with_source("$s", "($s: CustomerSource!)"),
        {"s": None},
        "BAD_USER_INPUT",
        f"Variable '$s': expected a value of type 'CustomerSource!', found null. {SOURCES}",
    ),
    (
        with_source("$s", "($s: CustomerSource!)"),
        {"s": 919078.5},
        "BAD_USER_INPUT",
        f"Variable '$s': expected a value of type 'CustomerSource!', found a number. {SOURCES}",
    ),
    (
        "query ($x: String) { __typename }",
        {"x": SECRET},
        "GRAPHQL_VALIDATION_FAILED",
        "Variable '$x' is never used.",
    ),
    (
        with_source("$s", "($s: String)"),
        {"s": SECRET},
        "GRAPHQL_VALIDATION_FAILED",
        "Variable '$s' of type 'String' used in position expecting type 'CustomerSource!'.",
    ),
    (
        with_source("$s", "($s: CustomerSource! @nowhere)"),
        {"s": SECRET},
        "GRAPHQL_VALIDATION_FAILED",
        "Unknown directive '@nowhere'.",
    ),
    (f'{{ "{SECRET}" }}', {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found String."),
    (f'{{ a(b: "{SECRET}', {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Unterminated string."),
    (f"{{ {SECRET} }}", {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found Int."),
    (f"{{ {SECRET}x }}", {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Invalid number, expected digit."),
    (f'{{ """{SECRET}""" }}', {}, "GRAPHQL_PARSE_FAILED", "Syntax Error: Expected Name, found BlockString."),
]


@pytest.mark.parametrize(("query", "variables", "code", "message"), WRONG_VALUES)
async def test_a_wrong_value_is_described_not_quoted(
    gateway: Gateway,
    logged: Logged,
    query: str,
    variables: dict[str, Any],
    code: str,
    message: str,
) -> None:
    await gateway.warm()
    response = await gateway.graphql(query, variables)
    assert "9190783" not in response.text + logged()
    [error] = response.json()["errors"]
    assert error["message"] == message
    assert error["extensions"] == {"code": code, "errorCode": 400}
    assert gateway.commands.names == []
