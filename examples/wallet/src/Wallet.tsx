import { useQuery } from "urql";
import { graphql } from "./gql";
import { PointsChart } from "./PointsChart";
import { PromotionCard } from "./PromotionCard";

// One operation for the whole screen. The database answers it with one aggregation, however many promotions
// it has. Each component has a fragment with the fields that it shows, and gets only these.
const WALLET = graphql(`
  query Wallet($mobile: String!) {
    summer: customerPromotionActionSummary(
      source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: "2568", promotionId: "2000065"
    ) { warnings { code } ...PointsChart ...PromotionCard }
    breakfast: customerPromotionActionSummary(
      source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: "2568", promotionId: "2000066"
    ) { warnings { code } ...PointsChart ...PromotionCard }
    coins: customerPromotionActionSummary(
      source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: "2568", promotionId: "2000067"
    ) { warnings { code } ...PointsChart ...PromotionCard }
    friends: customerPromotionActionSummary(
      source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: "2568", promotionId: "2000068"
    ) { warnings { code } ...PointsChart ...PromotionCard }
    birthday: customerPromotionActionSummary(
      source: INSTORE, identifierName: MOBILE, identifierValue: $mobile, programId: "2568", promotionId: "2000069"
    ) { warnings { code } ...PointsChart ...PromotionCard }
  }
`);

const TITLES = {
  summer: "Summer sale",
  breakfast: "Weekend breakfast",
  coins: "Double coins",
  friends: "Bring a friend",
  birthday: "Birthday week",
};

const NOTHING_EARNED = 8116;

export function Wallet({ mobile }: { mobile: string }) {
  const [{ data, error }, ask] = useQuery({ query: WALLET, variables: { mobile } });
  const askAgain = () => ask({ requestPolicy: "network-only" });

  if (!data && !error) return <Loading />;

  const names = Object.keys(TITLES) as (keyof typeof TITLES)[];
  const promotions = names.map((name) => ({ title: TITLES[name], summary: data?.[name] }));
  const read = promotions.flatMap(({ title, summary }) => (summary ? [{ title, summary }] : []));
  if (read.length === 0) return <Failure askAgain={askAgain} />;

  const earned = read.filter(({ summary }) => summary.warnings.every(({ code }) => code !== NOTHING_EARNED));
  const unread = promotions.filter(({ summary }) => !summary);
  const open = read.filter((promotion) => !earned.includes(promotion));
  return (
    <>
      {earned.length === 0 ? <Empty /> : <PointsChart promotions={earned} />}
      <div className="cards">
        {earned.map(({ title, summary }) => (
          <PromotionCard key={title} title={title} summary={summary} />
        ))}
      </div>
      {open.length > 0 && <p className="note">Still to be earned from: {listed(open)}.</p>}
      {unread.length > 0 && <p className="note">Cannot be shown just now: {listed(unread)}.</p>}
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

const listed = (promotions: { title: string }[]) => promotions.map(({ title }) => title).join(", ");
