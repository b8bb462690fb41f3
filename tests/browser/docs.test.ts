/** The REST documentation shows the gateway's OpenAPI document and sends requests to this gateway. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { expectAccessible } from "./accessibility";
import { DEMO, onPage, onScreens, screenshot, SERVED } from "./browser";

const PATHS = { summary: "/actionSummary", token: "/oauth/token/generate" };

function operation(page: Page, path: string) {
  return page.locator(".opblock").filter({ has: page.locator(`[data-path$="${path}"]`) });
}

async function open(page: Page, path: string) {
  await operation(page, path).locator(".opblock-summary-control").click();
  await operation(page, path).getByRole("button", { name: "Execute" }).waitFor();
}

/** Executes an operation with the values that are filled in, and returns the body of the response. */
async function execute(page: Page, path: string) {
  await open(page, path);
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname.endsWith(path));
  await operation(page, path).getByRole("button", { name: "Execute" }).click();
  const body = await (await answered).json();
  await operation(page, path).locator(".live-responses-table").waitFor();
  return body;
}

function width(page: Page) {
  return page.evaluate("document.documentElement.scrollWidth");
}

test("a password is sent as its MD5 digest", async () => {
  await onPage(`${SERVED}/docs`, async (page) => {
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.getByLabel("auth-basic-username").fill("demo.till");
    await page.getByLabel("auth-basic-password").fill("demo");
    await page.getByRole("button", { name: "Apply credentials" }).first().click();
    await page.getByRole("button", { name: "Close" }).last().click();
    expect((await execute(page, PATHS.summary)).customerId).toBe(387729100);
  });
});

test("the operations are in groups", async () => {
  await onPage(`${DEMO}/docs`, async (page) => {
    await page.getByRole("heading", { name: "promo-gateway" }).waitFor();
    const groups = page.locator(".opblock-tag-section");
    const sizes = () =>
      groups.evaluateAll((sections) =>
        sections.map((section) => [
          section.querySelector(".opblock-tag span")!.textContent,
          section.querySelectorAll(".opblock").length,
        ]),
      );
    await expect.poll(sizes).toEqual([
      ["Benefits", 1],
      ["Tokens", 2],
      ["Events", 1],
      ["Operation", 3],
    ]);
  });
});

test("the demo's token request is filled in", async () => {
  await onPage(`${DEMO}/docs`, async (page) => {
    expect((await execute(page, PATHS.token)).data.ttlSeconds).toBe(300);
    await operation(page, PATHS.token).locator(".live-responses-table").getByText("ttlSeconds").waitFor();
  });
});

test("examples and responses show amounts with three fraction digits", async () => {
  await onPage(`${DEMO}/docs`, async (page) => {
    await open(page, PATHS.summary);
    const example = operation(page, PATHS.summary).locator('[data-code="200"] .example');
    await example.getByText("5600.000").waitFor();
    await expect.poll(() => example.getByText("600.000", { exact: true }).count()).toBe(2);

    await operation(page, PATHS.summary).getByRole("button", { name: "Execute" }).click();
    const response = operation(page, PATHS.summary).locator(".live-responses-table");
    await response.getByText("5600.000").waitFor();
    await expect.poll(() => response.getByText("600.000", { exact: true }).count()).toBe(2);
  });
});

onScreens("the documentation is accessible and fits", `${DEMO}/docs`, async (page, { screen, viewport }) => {
  await page.getByRole("heading", { name: "promo-gateway" }).waitFor();
  await screenshot(page, `docs-${screen}`);
  await expectAccessible(page);
  expect(await width(page)).toBe(viewport.width);
  expect((await execute(page, PATHS.summary)).points[0].numberOfTimesIssued).toBe(6);
  await execute(page, PATHS.token);
  await screenshot(page, `docs-answer-${screen}`);
  await expectAccessible(page);
  expect(await width(page)).toBe(viewport.width);
});

test("an operation that is open has an address", async () => {
  await onPage(`${DEMO}/docs`, async (page) => {
    await open(page, PATHS.token);
    await page.waitForURL(/#/);
    const address = page.url();
    await page.goto("about:blank");
    await page.goto(address);
    await operation(page, PATHS.token).getByRole("button", { name: "Execute" }).waitFor();
  });
});

test("a document that is missing is reported in plain words", async () => {
  await onPage(
    `${DEMO}/`,
    async (page) => {
      await page.route("**/openapi.json", (route) => route.fulfill({ status: 503, body: "" }));
      await page.goto(`${DEMO}/docs`);
      await page.getByText("The documentation cannot be shown: /openapi.json has status 503.").waitFor();
    },
    { expected: [expect.stringContaining("status of 503")] },
  );
});
