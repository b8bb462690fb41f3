/** An amount such as "600.000" as a number of thousandths, which can be added exactly. */
export const thousandths = (amount: string) => BigInt(amount.replace(".", ""));

/** A number of thousandths as text for people. */
export function shown(thousandths: bigint): string {
  const digits = String(thousandths).padStart(4, "0");
  const amount = `${digits.slice(0, -3)}.${digits.slice(-3)}` as `${number}`;
  return new Intl.NumberFormat("en", { maximumFractionDigits: 3 }).format(amount);
}
