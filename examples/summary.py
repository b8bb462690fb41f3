# /// script
# requires-python = ">=3.11"
# dependencies = ["gql[httpx]>=4.4,<5"]
# ///
"""Print what a customer earned from a promotion, with the gql client.

Run it while `make demo` runs: `uv run examples/summary.py [MOBILE [PROMOTION]]`.
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
    """A token for this back end. A long-running program gets a new one after `ttlSeconds`."""
    body = httpx.post(f"{GATEWAY}/v3/oauth/token/generate", json={"key": KEY, "secret": SECRET}).json()
    if body["errors"]:
        raise SystemExit(body["errors"][0]["message"])
    return str(body["data"]["accessToken"])


def main(mobile: str = "919078345795", promotion: str = "2000065") -> None:
    """Request the summary, and print a line for each amount."""
    transport = HTTPXTransport(f"{GATEWAY}/graphql", headers={"Authorization": f"Bearer {token()}"})
    request = GraphQLRequest(QUERY, variable_values={"mobile": mobile, "promotion": promotion})
    try:
        with Client(transport=transport) as session:
            data = session.execute(request)
    except TransportQueryError as error:
        codes = [each["extensions"]["code"] for each in error.errors or []]
        raise SystemExit(f"Error: {', '.join(codes)}") from error
    summary = data["customerPromotionActionSummary"]
    # Amounts are strings, because floating-point numbers are not exact.
    for row in summary["points"]:
        print(row["pointsCategory"], Decimal(row["totalPointsIssued"]), row["numberOfTimesIssued"], "times")
    for currency in summary["alternateCurrencies"]:
        name = currency["alternateCurrencyName"]
        for row in currency["alternateCurrencySubDetails"]:
            print(name, row["alternateCurrencyType"], Decimal(row["totalIssued"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
