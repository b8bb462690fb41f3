"""A token for one customer reads only this customer; every other customer is unknown to the token."""

from operator import itemgetter
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.auth.credentials import authorization, md5_hex
from gateway.commands.sample_data import (
    CUSTOMER,
    CUSTOMER_WITHOUT_BENEFITS,
    DEMO,
    MOBILE,
    MOBILE_WITHOUT_BENEFITS,
    OAUTH_KEY,
    OAUTH_SECRET,
    PASSWORD,
)
from gateway.ingest import customer_changes
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from loaders import ledger
from loaders.clients import NO_RIGHTS, Account, add_account, put_group
from loaders.customers import CustomerIdentifier
from loaders.enums import ClientKind, IdentifierName, Resource, Right
from loaders.store import Store
from tests.conftest import Logged, OpenGateway
from tests.helpers.forged_tokens import bearer
from tests.helpers.gateway import (
    DOCUMENTED,
    PASSWORD_HASH,
    Gateway,
    Tenant,
    assert_rest_error,
    data_commands,
    new_tenant,
)

ONE = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": MOBILE}
OTHERS = {
    "another customer": {**DOCUMENTED, "identifierValue": MOBILE_WITHOUT_BENEFITS},
    "another customer by id": {
        **DOCUMENTED,
        "identifierName": "id",
        "identifierValue": str(CUSTOMER_WITHOUT_BENEFITS),
    },
    "nobody": {**DOCUMENTED, "identifierValue": "910000000000"},
}


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_a_customer_token_reads_its_customer_by_any_identifier(gateway: Gateway, api: str) -> None:
    headers = bearer(await gateway.token(**ONE))
    for name, value in (("mobile", MOBILE), ("id", str(CUSTOMER)), ("externalId", f"EXT-{CUSTOMER}")):
        parameters = {**DOCUMENTED, "identifierName": name, "identifierValue": value}
        assert (await gateway.ask(api, parameters, headers))["customerId"] == CUSTOMER


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_other_customers_are_unknown_with_the_same_answer_and_commands(
    gateway: Gateway, api: str
) -> None:
    headers = bearer(await gateway.token(**ONE))
    await gateway.ask(api, DOCUMENTED, headers)
    for parameters in OTHERS.values():
        gateway.commands.clear()
        assert await gateway.ask(api, parameters, headers) == {"error": 8015}
        # The two look-ups are sent side by side, each by a thread of its own.
        assert sorted(
            (
                {name: command.get(name) for name in ("find", "projection")}
                for command in gateway.commands.sent
            ),
            key=itemgetter("find"),
        ) == [
            {
                "find": "customer_identifiers",
                "projection": {"_id": False, "value": True, "customerId": True, "mergedIds": True},
            },
            {
                "find": "promotions",
                "projection": {
                    "_id": False,
                    "programId": True,
                    "promotionId": True,
                    "promotionIdentifier": True,
                    "name": True,
                },
            },
        ]


async def test_a_customer_token_names_its_customer_and_is_valid_for_at_most_900_seconds(
    gateway: Gateway, store: Store
) -> None:
    claims = jwt.decode(await gateway.token(**ONE), options={"verify_signature": False})
    assert (claims["token_use"], claims["customer_id"]) == ("customer", CUSTOMER)
    assert claims["exp"] - claims["iat"] == 300
    long = Account("long-lived", "Long", ClientKind.OAUTH, DEMO.id, "default", 3600, PASSWORD_HASH)
    await add_account(store, long)
    pair = {"key": "long-lived", "secret": _SECRET}
    for customer, seconds in (({}, 3600), ({"customer": ONE}, 900)):
        body = (await gateway.client.post(TOKEN_PATH, json={**pair, **customer})).json()
        claims = jwt.decode(body["data"]["accessToken"], options={"verify_signature": False})
        assert body["data"]["ttlSeconds"] == claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize(("rest_status", "status"), [("legacy", 200), ("semantic", 404)])
async def test_an_unknown_customer_is_8015_in_the_token_request(
    gateway_with: OpenGateway, rest_status: str, status: int
) -> None:
    pair = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
    async with gateway_with(rest_status=rest_status) as gateway:
        response = await gateway.client.post(
            TOKEN_PATH, json={**pair, "customer": {**ONE, "identifierValue": "0"}}
        )
        message = "Customer not found for the given identifiers"
        assert response.json() == {"data": None, "errors": [{"code": 8015, "message": message}]}
        assert response.status_code == status
        for customer, code in (
            ({}, 8001),
            ({**ONE, "source": "x"}, 8003),
            ({**ONE, "identifierValue": ""}, 8002),
            ({**ONE, "identifierName": "x"}, 8013),
        ):
            response = await gateway.client.post(TOKEN_PATH, json={**pair, "customer": customer})
            assert response.json()["errors"][0]["code"] == code


async def test_a_customer_token_cannot_request_tokens_or_send_events(gateway: Gateway, store: Store) -> None:
    headers = bearer(await gateway.token(**ONE))
    response = await gateway.client.post(TOKEN_PATH, json={}, headers=headers)
    assert response.json()["errors"][0]["message"] == "Object missing required field `key`."
    await put_group(store, "everything", dict.fromkeys(Resource, Right.WRITE))
    account = Account("everything", "x", ClientKind.OAUTH, DEMO.id, "everything", 300, PASSWORD_HASH)
    await add_account(store, account)
    body = {"key": "everything", "secret": _SECRET, "customer": ONE}
    token = (await gateway.client.post(TOKEN_PATH, json=body)).json()["data"]["accessToken"]
    response = await gateway.client.post(EVENTS_PATH, json={}, headers=bearer(token))
    assert_rest_error(response, 403, 4000, "Not authorized. Access is denied!")


RIGHTS = st.sampled_from(Right)
IDENTIFIERS = st.sampled_from(["919000000001", "919000000002", "919000000003"])


@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    customer_right=RIGHTS,
    promotion_right=RIGHTS,
    bound=st.sampled_from(["a POS client", None]) | IDENTIFIERS,
    requests=st.lists(st.tuples(st.sampled_from(["here", "there"]), IDENTIFIERS), min_size=1, max_size=4),
)
async def test_no_caller_sees_another_organisation_or_another_customer(
    gateway: Gateway,
    store: Store,
    logged: Logged,
    customer_right: Right,
    promotion_right: Right,
    bound: str | None,
    requests: list[tuple[str, str]],
) -> None:
    """Two organisations use the same ids; each caller sees only its own data, for any requests."""
    logged()
    tenants = {place: await new_tenant(store) for place in ("here", "there")}
    for tenant in tenants.values():
        await _prepare(store, tenant, customer_right, promotion_right)
    text = ""
    for place, value in requests:
        tenant = tenants[place]
        body: dict[str, Any] = {"key": f"app-{tenant.organization.id}", "secret": _SECRET}
        if bound not in (None, "a POS client"):
            body["customer"] = {**ONE, "identifierValue": bound}
        gateway.commands.clear()
        generated = (await gateway.client.post(TOKEN_PATH, json=body)).json()
        text += str(generated)
        if "customer" in body and Right.NONE in (customer_right, promotion_right):
            message = "Not authorized. Access is denied!"
            assert generated == {"data": None, "errors": [{"code": 4000, "message": message}]}
            assert data_commands(gateway) == []
            continue
        if bound == "919000000003":  # In neither organisation.
            assert generated["errors"][0]["code"] == 8015
            continue
        headers = bearer(generated["data"]["accessToken"])
        if bound == "a POS client":
            headers = {"Authorization": authorization(f"asks-{tenant.organization.id}", PASSWORD)}
        parameters = {**tenant.parameters, "identifierValue": value}
        for api in ("rest", "graphql"):
            gateway.commands.clear()
            answer = await gateway.ask(api, parameters, headers)
            rest_parameters = {**parameters, "programId": "404"} if api == "rest" else parameters
            text += str(answer) + (await gateway.rest(rest_parameters, headers)).text
            if Right.NONE in (customer_right, promotion_right):
                assert answer == {"error": 4000}
                assert data_commands(gateway) == []
            elif value == "919000000003" or bound not in (None, "a POS client", value):
                assert answer == {"error": 8015}
            else:
                assert answer["orgId"] == tenant.organization.id
                assert answer["badges"][0]["badgeSeriesId"] == f"{tenant.organization.id}-{value}"
    lines = logged()
    for place, tenant in tenants.items():
        if place not in {where for where, _ in requests}:
            assert str(tenant.organization.id) not in text + lines
    assert '"event":"request"' in lines
    assert "91900000000" not in lines


# The secret of `PASSWORD_HASH`.
_SECRET = md5_hex(PASSWORD)


async def _prepare(store: Store, tenant: Tenant, customer: Right, promotion: Right) -> None:
    """Add a POS client and an OAuth client with these rights, and two customers with a badge each."""
    group = f"group-{tenant.organization.id}"
    await put_group(store, group, {**NO_RIGHTS, Resource.CUSTOMER: customer, Resource.PROMOTION: promotion})
    app, till = f"app-{tenant.organization.id}", f"asks-{tenant.organization.id}"
    await add_account(
        store, Account(till, till, ClientKind.TILL, tenant.organization.id, group, 0, PASSWORD_HASH)
    )
    await add_account(
        store, Account(app, "App", ClientKind.OAUTH, tenant.organization.id, group, 300, PASSWORD_HASH)
    )
    values = ("919000000001", "919000000002")
    await ledger.put_identifiers(
        store,
        tenant.organization.id,
        [
            (CustomerIdentifier("INSTORE", IdentifierName.MOBILE, value), customer_id)
            for customer_id, value in enumerate(values, 1)
        ],
    )
    for customer_id, value in enumerate(values, 1):
        await tenant.issue([tenant.badge(f"e-{value}", customer_id, f"{tenant.organization.id}-{value}")])


NOT_FOUND = "Customer not found for the given identifiers"
BY_MOBILE = '(source: INSTORE, identifierName: MOBILE, identifierValue: "919000000001")'


@pytest.mark.parametrize("number", ["unknown now", "of a new customer"])
@pytest.mark.parametrize("arguments", ["", BY_MOBILE, "rest"])
async def test_a_customer_token_finds_nothing_once_its_customer_is_erased(
    gateway: Gateway, store: Store, number: str, arguments: str
) -> None:
    tenant = await new_tenant(store)
    organization_id = tenant.organization.id
    await _prepare(store, tenant, Right.READ, Right.READ)
    customer = {**ONE, "identifierValue": tenant.mobile}
    body = {"key": f"app-{organization_id}", "secret": _SECRET, "customer": customer}
    headers = bearer((await gateway.client.post(TOKEN_PATH, json=body)).json()["data"]["accessToken"])
    assert (await gateway.ask("rest", tenant.parameters, headers))["customerId"] == tenant.customer_id
    await customer_changes.erase(store, organization_id, tenant.customer_id)
    if number == "of a new customer":
        identifier = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, tenant.mobile)
        await ledger.put_identifiers(store, organization_id, [(identifier, 900)])
    if arguments == "rest":
        assert_rest_error(await gateway.rest(tenant.parameters, headers), 200, 8015, NOT_FOUND)
    else:
        response = await gateway.graphql(f"{{ customer{arguments} {{ id }} }}", headers=headers)
        [error] = response.json()["errors"]
        assert response.json()["data"] == {"customer": None}
        assert (error["message"], error["path"]) == (NOT_FOUND, ["customer"])
        assert error["extensions"] == {"code": "CUSTOMER_NOT_FOUND", "errorCode": 8015}


GROUPS = [
    ({Resource.CUSTOMER: Right.READ, Resource.PROMOTION: Right.READ}, True),
    ({Resource.CUSTOMER: Right.WRITE, Resource.PROMOTION: Right.WRITE}, True),
    ({Resource.CUSTOMER: Right.READ}, False),
    ({Resource.PROMOTION: Right.READ}, False),
    ({Resource.EVENT: Right.WRITE}, False),
    ({}, False),
]


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_the_group_must_give_read_on_customer_and_promotion(
    gateway_with: OpenGateway, store: Store, rest_status: str
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        for n, (given_rights, allowed) in enumerate(GROUPS):
            group = till = f"{rest_status}-{n}"
            await put_group(store, group, {**NO_RIGHTS, **given_rights})
            await add_account(store, Account(till, till, ClientKind.TILL, DEMO.id, group, 0, PASSWORD_HASH))
            headers = {"Authorization": authorization(till, PASSWORD)}
            gateway.commands.clear()
            rest = await gateway.rest(DOCUMENTED, headers)
            graphql = await gateway.graphql("{ __typename }", headers=headers)
            assert (rest.status_code, graphql.status_code) == ((200, 200) if allowed else (403, 403))
            if not allowed:
                message = "Not authorized. Access is denied!"
                assert rest.json() == {"errors": [{"status": False, "code": 4000, "message": message}]}
                extensions = {"code": "FORBIDDEN", "errorCode": 4000}
                assert graphql.json() == {"errors": [{"message": message, "extensions": extensions}]}
                assert data_commands(gateway) == []


async def test_a_client_of_a_missing_group_has_no_rights(gateway: Gateway, store: Store) -> None:
    await add_account(
        store, Account("groupless", "Till", ClientKind.TILL, DEMO.id, "no such group", 0, PASSWORD_HASH)
    )
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("groupless", PASSWORD)})
    assert response.status_code == 403
