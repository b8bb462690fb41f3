"""The workloads: the requests that wrk sends, and the expected responses."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bench.seed import Tenant
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.rest.action_summary import ACTION_SUMMARY_PATH

HOST = "127.0.0.1"

_ROWS = "numberOfTimesIssued lastIssuedOn"
POINTS = f"points {{ pointsCategory totalPointsIssued {_ROWS} }}"
FULL = (
    f"orgId programId customerId promotionId promotionIdentifier {POINTS} "
    "alternateCurrencies { alternateCurrencyName alternateCurrencySubDetails "
    f"{{ alternateCurrencyType totalIssued {_ROWS} }} }} "
    f"rewards {{ rewardSeriesId {_ROWS} }} badges {{ badgeSeriesId {_ROWS} }} warnings {{ code message }}"
)


class SummaryRequest(NamedTuple):
    """One summary: the numbers of a tenant's customer and promotion."""

    tenant: Tenant
    customer: int
    promotion: int


@dataclass(frozen=True)
class Request:
    """One HTTP request to `path`, a POST if it has a body."""

    path: str
    headers: dict[str, str]
    body: str = ""

    def text(self) -> str:
        """The request as it is sent."""
        headers = {"Host": HOST, **self.headers}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body.encode()))}
        lines = [f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", self.body])


@dataclass(frozen=True)
class Workload:
    """A form of a request for `summaries` summaries.

    `expected` makes the expected response from the REST responses for each of them.
    """

    name: str
    server: str
    summaries: int
    request: Callable[[list[SummaryRequest]], Request]
    expected: Callable[[list[dict[str, Any]]], Any]


def rest(summaries: list[SummaryRequest]) -> Request:
    [one] = summaries
    parameters = {
        "source": "INSTORE",
        "identifierName": "mobile",
        "identifierValue": one.tenant.mobile(one.customer),
        "programId": one.tenant.program,
        "promotionId": one.tenant.promotion(one.promotion).promotion_id,
    }
    return Request(f"{ACTION_SUMMARY_PATH}?{urlencode(parameters)}", one.tenant.headers)


def graphql(summaries: list[SummaryRequest], fields: str) -> Request:
    """One document for all requests of this width; the variables name the customers and promotions."""
    declared, aliases, variables = [], [], {}
    for n, one in enumerate(summaries):
        declared.append(f"$value{n}: String!, $promotion{n}: ID!")
        aliases.append(
            f"s{n}: customerPromotionActionSummary(source: INSTORE, identifierName: MOBILE, identifierValue: "
            f'$value{n}, programId: "{one.tenant.program}", promotionId: $promotion{n}) {{ ...Full }}'
        )
        variables[f"value{n}"] = one.tenant.mobile(one.customer)
        variables[f"promotion{n}"] = str(one.tenant.promotion(one.promotion).promotion_id)
    query = (
        f"query ({', '.join(declared)}) {{ {' '.join(aliases)} }} "
        f"fragment Full on CustomerPromotionActionSummary {{ {fields} }}"
    )
    return Request(
        GRAPHQL_PATH,
        summaries[0].tenant.headers,
        json.dumps({"query": query, "variables": variables}),
    )


def as_graphql(body: dict[str, Any]) -> dict[str, Any]:
    """The GraphQL form of a full summary, from its REST body with decimals as strings."""
    ids = ("orgId", "programId", "customerId", "promotionId")
    warnings = [{"code": one["code"], "message": one["message"]} for one in body["warnings"]]
    return {**body, **{name: str(body[name]) for name in ids}, "warnings": warnings}


def _data(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"data": {f"s{n}": summary for n, summary in enumerate(summaries)}}


def full(width: int, name: str) -> Workload:
    """`width` full summaries, an alias for each."""
    return Workload(
        name,
        "gateway",
        width,
        lambda summaries: graphql(summaries, FULL),
        lambda bodies: _data([as_graphql(one) for one in bodies]),
    )


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("raw", "raw", 1, rest, lambda bodies: bodies[0]),
        Workload("rest", "gateway", 1, rest, lambda bodies: bodies[0]),
        full(1, "graphql"),
        Workload(
            "points",
            "gateway",
            1,
            lambda summaries: graphql(summaries, POINTS),
            lambda bodies: _data([{"points": bodies[0]["points"]}]),
        ),
        full(20, "aliases"),
    )
}


def random_requests(workload: Workload, tenants: list[Tenant], count: int) -> list[list[SummaryRequest]]:
    """The summaries of `count` requests; each request is about random customers of one tenant.

    The customers of a request are different, their promotions are random, and every run has the same choice.
    """
    dice = random.Random(f"{workload.name} {len(tenants)}")
    requests = []
    for _ in range(count):
        one = dice.choice(tenants)
        chosen = dice.sample(range(one.customers), workload.summaries)
        requests.append(
            [SummaryRequest(one, customer, dice.randrange(one.promotions)) for customer in chosen]
        )
    return requests
