"""The gateway under test with a client for both of its APIs, and organisations for single tests."""

import asyncio
import json
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from argon2 import PasswordHasher
from pymongo import MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from gateway.app import create_app
from gateway.auth.credentials import authorization, md5_hex
from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET, PASSWORD, PROGRAM, PROMOTION, TILL
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from loaders import ledger
from loaders.clients import Account, add_account
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, ClientKind, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.organizations import Organization
from loaders.promotions import Promotion
from loaders.store import Store
from tests.helpers.repository import ROOT

DEMO_HEADER = {"Authorization": authorization(TILL, PASSWORD)}
# The documented request as REST parameters; `ask_graphql` turns them into GraphQL variables.
DOCUMENTED = {
    "source": "INSTORE",
    "identifierName": "mobile",
    "identifierValue": MOBILE,
    "programId": str(PROGRAM),
    "promotionId": str(PROMOTION.promotion_id),
}
PROMOTION_ONE = Promotion(1, 1, "one", "Promotion")
# The hasher of production takes 20 ms on purpose; this one is fast.
CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD_HASH = CHEAP_HASHER.hash(md5_hex(PASSWORD))

FULL_SUMMARY = """
    orgId programId customerId promotionId promotionIdentifier
    points { pointsCategory totalPointsIssued numberOfTimesIssued lastIssuedOn }
    alternateCurrencies { alternateCurrencyName alternateCurrencySubDetails {
        alternateCurrencyType totalIssued numberOfTimesIssued lastIssuedOn } }
    rewards { rewardSeriesId numberOfTimesIssued lastIssuedOn }
    badges { badgeSeriesId numberOfTimesIssued lastIssuedOn }
    warnings { code message }
"""
_DECLARATIONS = {
    "source": "CustomerSource!",
    "identifierName": "CustomerIdentifierName!",
    "identifierValue": "String!",
    "programId": "ID!",
    "promotionId": "ID",
    "promotionIdentifier": "String",
}
_IDENTIFIER_NAMES = {name.value: name.name for name in IdentifierName}


class Commands(CommandListener):
    """Records every command that the driver sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    @property
    def names(self) -> list[str]:
        return [next(iter(command)) for command in self.sent]

    def clear(self) -> None:
        self.sent.clear()

    def started(self, event: CommandStartedEvent) -> None:
        self.sent.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Nothing to record: a command counts when it is sent."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Nothing to record: a command counts when it is sent."""


@dataclass(frozen=True)
class Gateway:
    """A running gateway: a client for it, and the database commands it sends."""

    client: httpx.AsyncClient
    commands: Commands

    async def rest(
        self, parameters: Mapping[str, str], headers: Mapping[str, str] = DEMO_HEADER
    ) -> httpx.Response:
        return await self.client.get(ACTION_SUMMARY_PATH, params=dict(parameters), headers=dict(headers))

    async def graphql(
        self,
        query: str,
        variables: Mapping[str, object] | None = None,
        headers: Mapping[str, str] = DEMO_HEADER,
    ) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return await self.client.post("/graphql", json=body, headers=dict(headers))

    async def token(self, **customer: str) -> str:
        """A token of the demo's OAuth client, limited to a customer if one is given."""
        body = {"key": OAUTH_KEY, "secret": OAUTH_SECRET, **({"customer": customer} if customer else {})}
        response = await self.client.post(TOKEN_PATH, json=body)
        token: str = response.json()["data"]["accessToken"]
        return token

    async def warm(self) -> None:
        """Let the gateway remember the demo's caller, then clear the list of commands."""
        assert (await self.rest(DOCUMENTED)).status_code == 200
        self.commands.clear()

    async def ask(
        self, api: str, parameters: Mapping[str, str], headers: Mapping[str, str] = DEMO_HEADER
    ) -> dict[str, Any]:
        """The full summary or the error code, in the same form for both APIs."""
        return await (self.ask_rest if api == "rest" else self.ask_graphql)(parameters, headers)

    async def ask_rest(
        self, parameters: Mapping[str, str], headers: Mapping[str, str] = DEMO_HEADER
    ) -> dict[str, Any]:
        body = json.loads((await self.rest(parameters, headers)).content, parse_float=Decimal)
        if "errors" in body:
            return {"error": body["errors"][0]["code"]}
        for warning in body["warnings"]:
            assert warning.pop("status") is False
        assert isinstance(body, dict)
        return body

    async def ask_graphql(
        self, parameters: Mapping[str, str], headers: Mapping[str, str] = DEMO_HEADER
    ) -> dict[str, Any]:
        variables = dict(parameters)
        if "identifierName" in variables:
            variables["identifierName"] = _IDENTIFIER_NAMES[variables["identifierName"]]
        declared = ", ".join(f"${name}: {type_}" for name, type_ in _DECLARATIONS.items())
        passed = ", ".join(f"{name}: ${name}" for name in _DECLARATIONS)
        query = (
            f"query ({declared}) {{ summary: customerPromotionActionSummary({passed}) {{ {FULL_SUMMARY} }} }}"
        )
        body = (await self.graphql(query, variables, headers)).json()
        if "errors" in body:
            return {"error": body["errors"][0]["extensions"]["errorCode"]}
        return _as_rest(body["data"]["summary"])


def _as_rest(summary: dict[str, Any]) -> dict[str, Any]:
    for field in ("orgId", "programId", "customerId", "promotionId"):
        summary[field] = int(summary[field])
    for row in summary["points"]:
        row["totalPointsIssued"] = Decimal(row["totalPointsIssued"])
    for currency in summary["alternateCurrencies"]:
        for row in currency["alternateCurrencySubDetails"]:
            row["totalIssued"] = Decimal(row["totalIssued"])
    return summary


def data_commands(gateway: Gateway) -> list[str]:
    """The collections of the commands that were sent, without those that authenticate the caller.

    Adjacent commands of the same kind may have been sent concurrently, so they are sorted by collection.
    """
    authentication = {"api_clients", "organizations", "access_groups"}
    sent = [next(iter(command.items())) for command in gateway.commands.sent]
    data = [(name, collection) for name, collection in sent if collection not in authentication]
    groups = groupby(data, key=lambda command: command[0])
    return [collection for _, group in groups for _, collection in sorted(group)]


@asynccontextmanager
async def open_gateway(settings: Settings, **options: Any) -> AsyncIterator[Gateway]:
    """A running gateway; `options` are those of `create_app`."""
    commands = Commands()
    app = create_app(settings, listeners=[commands], **options)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        commands.clear()
        yield Gateway(client, commands)


def assert_rest_error(response: httpx.Response, status: int, code: int, message: str) -> None:
    assert response.json() == {"errors": [{"status": False, "code": code, "message": message}]}
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers["x-cap-request-id"]) == 32


def assert_graphql_refusal(
    response: httpx.Response, status: int, code: str, error_code: int, message: str, reason: str = ""
) -> None:
    extensions = {"code": code, "errorCode": error_code, **({"reason": reason} if reason else {})}
    assert response.json() == {"errors": [{"message": message, "extensions": extensions}]}
    assert response.status_code == status


@dataclass(frozen=True)
class Tenant:
    """An organisation for a single test, with a POS client, a promotion and a customer."""

    store: Store
    organization: Organization
    promotion: Promotion
    customer_id: int
    mobile: str
    headers: Mapping[str, str]

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "source": "INSTORE",
            "identifierName": "mobile",
            "identifierValue": self.mobile,
            "programId": str(self.promotion.program_id),
            "promotionId": str(self.promotion.promotion_id),
        }

    async def issue(self, issuances: Iterable[Issuance]) -> None:
        await ledger.add_issuances(self.store, self.organization.id, issuances)

    def badge(self, event_id: str, customer_id: int, series_id: str) -> Issuance:
        promotion_id, issued_on = self.promotion.promotion_id, datetime(2026, 1, 1, tzinfo=UTC)
        return Issuance(event_id, customer_id, promotion_id, Benefit.BADGE, issued_on, item=series_id)

    def points(self, event_id: str, amount: str, issued_on: datetime) -> Issuance:
        return Issuance(
            event_id,
            self.customer_id,
            self.promotion.promotion_id,
            Benefit.POINTS,
            issued_on,
            type=IssuanceType.REGULAR,
            amount=Decimal(amount),
        )


async def new_tenant(
    store: Store,
    *,
    organization_id: int | None = None,
    time_zone: str = "UTC",
    customer_id: int = 1,
    mobile: str = "919000000001",
    promotion: Promotion = PROMOTION_ONE,
) -> Tenant:
    """Create an organisation for a single test.

    Its customer and its promotion have the same ids as those of other organisations, on purpose.
    """
    organization = Organization(organization_id or uuid.uuid4().int >> 65, "Tenant", ZoneInfo(time_zone))
    till = f"till-{organization.id}"
    account = Account(till, till, ClientKind.TILL, organization.id, "default", 0, PASSWORD_HASH)
    identifier = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, mobile)
    await asyncio.gather(
        ledger.put_organizations(store, [organization]),
        add_account(store, account),
        ledger.put_promotions(store, organization.id, [promotion]),
        ledger.put_identifiers(store, organization.id, [(identifier, customer_id)]),
    )
    header = {"Authorization": authorization(till, PASSWORD)}
    return Tenant(store, organization, promotion, customer_id, mobile, header)


def make_unreadable(settings: Settings, tenant: Tenant, event_id: str) -> None:
    """Add a copy of this issuance with a type that the schema of the database forbids."""
    with MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as client:
        issuances = client[settings.database]["issuances"]
        issued = issuances.find_one({"_id": f"{tenant.organization.id}:{event_id}"}) or {}
        copied = {**issued, "_id": f"{issued['_id']}#2", "type": "UNHEARD_OF"}
        issuances.insert_one(copied, bypass_document_validation=True)


def changed(settings: Settings, **changes: object) -> Settings:
    """These settings with some changes."""
    return Settings(**{**settings.model_dump(exclude_unset=True), **changes})


# As in pyproject.toml: PyMongo can leave a socket to the garbage collector.
WARNINGS = "error,ignore:unclosed <socket.socket:ResourceWarning"


def environment(settings: Settings, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": WARNINGS,
        "GATEWAY_MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "GATEWAY_DATABASE": settings.database,
        "GATEWAY_DRIVER": settings.driver,
        "GATEWAY_DEADLINE_MS": str(settings.deadline_ms),
        **more,
    }


# Bound sockets that do not listen: a process can listen on their ports, but gets none of them by chance.
_RESERVED: list[socket.socket] = []


def free_port() -> int:
    """A port for a process that a test starts; it stays reserved until the tests end."""
    reserved = socket.socket()
    _RESERVED.append(reserved)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    port: int = reserved.getsockname()[1]
    return port


def customized(directory: Path, program: str) -> dict[str, str]:
    """The variables with which each Python process runs `program`, a file in `directory`, at its start."""
    (directory / "sitecustomize.py").write_text(program)
    return {"PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"}


def wait_until_served(port: int) -> None:
    # On a busy machine, the start of several workers takes half a minute.
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
