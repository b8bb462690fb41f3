# /// script
# requires-python = ">=3.11"
# dependencies = ["gql[httpx]>=4.4,<5"]
# ///
"""Print everything that a customer earned, page by page, with the gql client.

Run it while `make demo` runs: `uv run examples/summary.py [MOBILE]`.
"""

import os
import sys
from decimal import Decimal
from typing import Any

import httpx
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport

GATEWAY = os.environ.get("GATEWAY", "http://127.0.0.1:8000")
KEY = os.environ.get("GATEWAY_KEY", "demo-key")
SECRET = os.environ.get("GATEWAY_SECRET", "demo-secret")

QUERY = """
query Earned($mobile: String!, $after: String) {
  customer(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile) {
    earnedPromotions(first: 20, after: $after) {
      edges { node {
        promotion { name }
        points { pointsCategory totalPointsIssued numberOfTimesIssued }
        alternateCurrencies {
          alternateCurrencyName
          alternateCurrencySubDetails { alternateCurrencyType totalIssued }
        }
      } }
      pageInfo { hasNextPage endCursor }
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


def main(mobile: str = "919078345795") -> None:
    """Request page after page, and print a line for each amount."""
    transport = HTTPXTransport(f"{GATEWAY}/graphql", headers={"Authorization": f"Bearer {token()}"})
    after, more = None, True
    try:
        with Client(transport=transport) as session:
            while more:
                request = GraphQLRequest(QUERY, variable_values={"mobile": mobile, "after": after})
                page = session.execute(request)["customer"]["earnedPromotions"]
                for edge in page["edges"]:
                    show(edge["node"])
                after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    except TransportQueryError as error:
        codes = [each["extensions"]["code"] for each in error.errors or []]
        raise SystemExit(f"Error: {', '.join(codes)}") from error


def show(summary: dict[str, Any]) -> None:
    """Print a promotion and its amounts, which are strings because floating-point numbers are not exact."""
    print(summary["promotion"]["name"])
    for row in summary["points"]:
        print(
            " ", row["pointsCategory"], Decimal(row["totalPointsIssued"]), row["numberOfTimesIssued"], "times"
        )
    for currency in summary["alternateCurrencies"]:
        name = currency["alternateCurrencyName"]
        for row in currency["alternateCurrencySubDetails"]:
            print(" ", name, row["alternateCurrencyType"], Decimal(row["totalIssued"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
