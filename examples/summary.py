# /// script
# requires-python = ">=3.11"
# dependencies = ["gql[httpx]>=4.4,<5"]
# ///
"""Print what a customer has earned from a promotion, asked with the gql client.

Beside `make demo`: `uv run examples/summary.py [MOBILE [PROMOTION]]`.
"""

import os
import sys
from decimal import Decimal

import httpx
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport

GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8000")
KEY = os.environ.get("GATEWAY_KEY", "demo-key")
SECRET = os.environ.get("GATEWAY_SECRET", "demo-secret")

QUERY = """
query Earned($mobile: String!, $promotion: ID!) {
  customerPromotionActionSummary(
    source: INSTORE, identifierName: MOBILE, identifierValue: $mobile
    programId: "2568", promotionId: $promotion
  ) {
    points { pointsCategory totalPointsIssued numberOfTimesIssued }
    alternateCurrencies {
      alternateCurrencyName
      alternateCurrencySubDetails { alternateCurrencyType totalIssued }
    }
  }
}
"""


def token() -> str:
    """A token of this back end's own; it expires after `ttlSeconds`, so a long-running one asks again."""
    answer = httpx.post(f"{GATEWAY}/v3/oauth/token/generate", json={"key": KEY, "secret": SECRET}).json()
    if answer["errors"]:
        raise SystemExit(answer["errors"][0]["message"])
    return str(answer["data"]["accessToken"])


def main(mobile: str = "919078345795", promotion: str = "2000065") -> None:
    """Ask, and print one line for each amount."""
    transport = HTTPXTransport(f"{GATEWAY}/graphql", headers={"Authorization": f"Bearer {token()}"})
    request = GraphQLRequest(QUERY, variable_values={"mobile": mobile, "promotion": promotion})
    try:
        with Client(transport=transport) as session:
            answer = session.execute(request)
    except TransportQueryError as refusal:
        codes = [error["extensions"]["code"] for error in refusal.errors or []]
        raise SystemExit(f"Refused: {', '.join(codes)}") from refusal
    summary = answer["customerPromotionActionSummary"]
    # Amounts are strings, so that they stay exact.
    for row in summary["points"]:
        print(row["pointsCategory"], Decimal(row["totalPointsIssued"]), row["numberOfTimesIssued"], "times")
    for currency in summary["alternateCurrencies"]:
        name = currency["alternateCurrencyName"]
        for row in currency["alternateCurrencySubDetails"]:
            print(name, row["alternateCurrencyType"], Decimal(row["totalIssued"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
