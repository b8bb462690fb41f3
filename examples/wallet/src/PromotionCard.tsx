import { shown, thousandths } from "./amounts";
import { type FragmentType, graphql, unmask } from "./gql";

const PROMOTION_CARD = graphql(`
  fragment PromotionCard on CustomerPromotionActionSummary {
    promotion {
      id
      name
    }
    points {
      pointsCategory
      totalPointsIssued
      lastIssuedOn
    }
    alternateCurrencies {
      alternateCurrencyName
      alternateCurrencySubDetails {
        alternateCurrencyType
        totalIssued
        lastIssuedOn
      }
    }
    rewards {
      rewardSeriesId
      numberOfTimesIssued
    }
    badges {
      badgeSeriesId
      numberOfTimesIssued
    }
  }
`);

const HOW = {
  REGULAR: "",
  PROMISED: "promised",
  EXTERNAL_TRIGGER_BASED: "pending",
  REGULAR_POINTS: "",
  PROMISED_POINTS: "promised",
  EXTERNAL_TRIGGER_BASED_POINTS: "pending",
};

export function PromotionCard({ summary }: { summary: FragmentType<typeof PROMOTION_CARD> }) {
  const { promotion, points, alternateCurrencies, rewards, badges } = unmask(PROMOTION_CARD, summary);
  const amounts = [
    ...points.map((row) => ({
      unit: "points",
      how: HOW[row.pointsCategory],
      amount: row.totalPointsIssued,
      last: row.lastIssuedOn,
    })),
    ...alternateCurrencies.flatMap((currency) =>
      currency.alternateCurrencySubDetails.map((row) => ({
        unit: currency.alternateCurrencyName,
        how: HOW[row.alternateCurrencyType],
        amount: row.totalIssued,
        last: row.lastIssuedOn,
      })),
    ),
  ];

  return (
    <article className="card">
      <h3>{promotion.name}</h3>
      <ul className="amounts">
        {amounts.map(({ unit, how, amount, last }) => (
          <li key={`${unit} ${how}`}>
            <strong>{shown(thousandths(amount))}</strong> {unit}
            <small>
              {how && `${how}, `}
              <time dateTime={last}>{day(last)}</time>
            </small>
          </li>
        ))}
      </ul>
      <ul className="things">
        {rewards.map(({ rewardSeriesId, numberOfTimesIssued }) => (
          <li key={rewardSeriesId} className="reward">
            Reward {rewardSeriesId} <Times n={numberOfTimesIssued} />
          </li>
        ))}
        {badges.map(({ badgeSeriesId, numberOfTimesIssued }) => (
          <li key={badgeSeriesId} className="badge">
            Badge {badgeSeriesId.slice(-4)} <Times n={numberOfTimesIssued} />
          </li>
        ))}
      </ul>
    </article>
  );
}

const Times = ({ n }: { n: number }) => <strong>× {n}</strong>;

// The day in the organisation's time zone, whatever time zone the reader is in.
function day(time: string): string {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" }).format(new Date(time.slice(0, 10)));
}
