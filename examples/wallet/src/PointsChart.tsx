import { shown, thousandths } from "./amounts";
import { type FragmentType, graphql, unmask } from "./gql";
import type { PointsCategory } from "./gql/graphql";

const POINTS_CHART = graphql(`
  fragment PointsChart on CustomerPromotionActionSummary {
    promotion {
      id
      name
    }
    points {
      pointsCategory
      totalPointsIssued
    }
  }
`);

const CATEGORIES: Record<PointsCategory, string> = {
  REGULAR_POINTS: "earned",
  PROMISED_POINTS: "promised",
  EXTERNAL_TRIGGER_BASED_POINTS: "pending",
};

export function PointsChart({ promotions }: { promotions: FragmentType<typeof POINTS_CHART>[] }) {
  const bars = unmask(POINTS_CHART, promotions)
    .map(({ promotion, points }) => {
      const parts = points.map(({ pointsCategory, totalPointsIssued }) => ({
        category: CATEGORIES[pointsCategory],
        amount: thousandths(totalPointsIssued),
      }));
      return { ...promotion, parts, total: sum(parts) };
    })
    .filter(({ parts }) => parts.length > 0);
  if (bars.length === 0) return null;

  const longest = bars.reduce((most, { total }) => (total > most ? total : most), 1n);
  // Only for drawing. Amounts that are shown as text are never rounded.
  const percent = (amount: bigint) => Number((amount * 10_000n) / longest) / 100;

  return (
    <figure className="card chart">
      <figcaption>
        <h3>Points</h3>
        <dl className="legend">
          {Object.values(CATEGORIES).map((category) => (
            <div key={category} className={category}>
              <dt>{category}</dt>
              <dd>{shown(sum(bars.flatMap(({ parts }) => parts.filter((part) => part.category === category))))}</dd>
            </div>
          ))}
        </dl>
      </figcaption>
      <ul>
        {bars.map(({ id, name, parts, total }) => (
          <li key={id}>
            <span>{name}</span>
            <span>{shown(total)}</span>
            <svg role="img" aria-label={parts.map((part) => `${shown(part.amount)} ${part.category}`).join(", ")}>
              {parts.map(({ category, amount }, index) => (
                <rect
                  key={category}
                  className={category}
                  x={`${percent(sum(parts.slice(0, index)))}%`}
                  y="-10%"
                  width={`${percent(amount)}%`}
                  height="120%"
                />
              ))}
            </svg>
          </li>
        ))}
      </ul>
    </figure>
  );
}

const sum = (parts: { amount: bigint }[]) => parts.reduce((total, { amount }) => total + amount, 0n);
