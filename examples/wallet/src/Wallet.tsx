import { useState } from "react";
import { useClient, useQuery } from "urql";
import { graphql } from "./gql";
import { PointsChart } from "./PointsChart";
import { PromotionCard } from "./PromotionCard";

const PAGE = 12;

// One operation for the whole screen, whatever promotions there are. The token names the customer. Each component
// has a fragment with the fields that it shows, and gets only these.
const WALLET = graphql(`
  query Wallet($first: Int!, $after: String) {
    customer {
      id
      earnedPromotions(first: $first, after: $after) {
        edges {
          node {
            id
            ...PointsChart
            ...PromotionCard
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`);

export function Wallet() {
  const client = useClient();
  const [{ data, fetching }, ask] = useQuery({ query: WALLET, variables: { first: PAGE } });
  const [next, setNext] = useState<"fetching" | "failed">();

  if (!data?.customer) {
    return fetching ? <Loading /> : <Failure askAgain={() => ask({ requestPolicy: "network-only" })} />;
  }

  const { edges, pageInfo } = data.customer.earnedPromotions;
  if (edges.length === 0) return <Empty />;

  // The cache joins the next page to those that are shown. If the next page fails, they stay.
  async function showMore() {
    setNext("fetching");
    const { error } = await client.query(WALLET, { first: PAGE, after: pageInfo.endCursor });
    setNext(error && "failed");
  }

  return (
    <>
      <PointsChart promotions={edges.map(({ node }) => node)} />
      <div className="cards">
        {edges.map(({ node }) => (
          <PromotionCard key={node.id} summary={node} />
        ))}
      </div>
      {next === "failed" && (
        <p role="alert" className="note">
          More promotions cannot be shown just now.
        </p>
      )}
      {pageInfo.hasNextPage && (
        <button disabled={next === "fetching"} onClick={() => void showMore()}>
          {next === "fetching" ? "Loading…" : "Show more"}
        </button>
      )}
    </>
  );
}

function Loading() {
  return (
    <div role="status" className="loading">
      <span className="hidden">Loading</span>
      <div className="card" />
      <div className="cards">
        <div className="card" />
        <div className="card" />
        <div className="card" />
      </div>
    </div>
  );
}

function Empty() {
  return (
    <section className="message">
      <h3>Nothing earned yet</h3>
      <p>Points, coins, rewards and badges appear here as soon as a promotion gives you some.</p>
    </section>
  );
}

function Failure({ askAgain }: { askAgain: () => void }) {
  return (
    <section role="alert" className="message">
      <h3>Your wallet cannot be shown just now</h3>
      <p>What you have earned is safe. Try again in a moment.</p>
      <button className="primary" onClick={askAgain}>
        Try again
      </button>
    </section>
  );
}
