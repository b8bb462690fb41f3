/** Shared by the tests of both clients: the address, the token of a customer with three promotions, the expected ids. */
export const uri = `${process.env.GATEWAY}/graphql`;
export const headers = { authorization: `Bearer ${process.env.TOKEN}` };
export const ids = ["2000069", "2000068", "2000067"];
export const UNKNOWN = "1";

/** The keys of a normalised cache that has the customer, these promotions, and the customer's summary of each. */
export function keys(...promotions) {
  const summaries = promotions.map((id) => `CustomerPromotionActionSummary:387730143:${id}`);
  return ["Customer:387730143", ...summaries, ...promotions.map((id) => `Promotion:${id}`)].sort();
}
