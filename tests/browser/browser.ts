/** Opens pages in a Chromium that reaches only the gateway, and fails if they log an error. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, inject, test } from "vitest";

/** The demo, whose pages have credentials, and a gateway whose pages ask for them, with the same data. */
export const { DEMO, SERVED } = process.env as { DEMO: string; SERVED: string };

const SCREENSHOTS = join(import.meta.dirname, "screenshots");
let browser: Browser;

beforeAll(async () => {
  browser = await chromium.connect(inject("browser"));
});

afterAll(() => browser.close());

interface Options extends BrowserContextOptions {
  /** The errors that the page is expected to log. */
  expected?: string[];
}

/** Runs `use` on the page at `url`. The page must contact no other host and log only expected errors. */
export async function onPage(
  url: string,
  use: (page: Page) => Promise<void>,
  { expected = [], ...options }: Options = {},
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      problems.push(message.text());
    }
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => {
    if (/^https?:/.test(request.url()) && !request.url().startsWith(new URL(url).origin)) {
      problems.push(`requested ${request.url()}`);
    }
  });
  try {
    await page.goto(url);
    await use(page);
  } finally {
    // A request that a test passes on is not answered any more.
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await context.close();
  }
  expect(problems).toEqual(expected);
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

const WIDTHS = { wide: 1440, medium: 768, narrow: 360 };

interface Screen {
  /** For the name of a screenshot. */
  screen: string;
  viewport: { width: number; height: number };
  colorScheme: "light" | "dark";
}

/** A test on the page at `url` for each width, light and dark. */
export function onScreens(
  name: string,
  url: string,
  use: (page: Page, screen: Screen) => Promise<void>,
): void {
  for (const [size, width] of Object.entries(WIDTHS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const viewport = { width, height: 800 };
      test(`${name}: ${width} px, ${colorScheme}`, async () => {
        await onPage(url, (page) => use(page, { screen: `${size}-${colorScheme}`, viewport, colorScheme }), {
          viewport,
          colorScheme,
        });
      });
    }
  }
}
