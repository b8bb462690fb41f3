/** An amount as the gateway sends it, "600.000", in whole thousandths, which add up exactly. */
export const thousandths = (amount: string) => BigInt(amount.replace(".", ""));

/** Thousandths as people read them. */
export function shown(thousandths: bigint): string {
  const digits = String(thousandths).padStart(4, "0");
  const amount = `${digits.slice(0, -3)}.${digits.slice(-3)}` as `${number}`;
  return new Intl.NumberFormat("en", { maximumFractionDigits: 3 }).format(amount);
}
