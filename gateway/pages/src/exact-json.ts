/** JSON whose numbers stay as they are written. JavaScript reads 600.000 as 600. */

/** The part of `JSON` that TypeScript does not know yet. Browsers have had it since 2023 (Chrome) to 2025. */
interface SourceTextAccess {
  rawJSON?: (text: string) => unknown;
  parse: (
    text: string,
    reviver: (key: string, value: unknown, context?: { source?: string }) => unknown,
  ) => unknown;
}

const { rawJSON, parse } = JSON as SourceTextAccess;

/** Parses JSON. The result is only for `JSON.stringify`. */
export function parseExactly(text: string): unknown {
  return parse(text, (_, value, context) =>
    rawJSON && typeof value === "number" && context?.source ? rawJSON(context.source) : value,
  );
}
