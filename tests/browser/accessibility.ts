import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Asserts that axe finds no violation on this page, of any severity. */
export async function expectAccessible(page: Page): Promise<void> {
  // The debugger evaluates the script, because the page's content security policy would block it.
  await page.evaluate(AXE);
  const found = (await page.evaluate("axe.run()")) as AxeResults;
  expect(found.violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
}
