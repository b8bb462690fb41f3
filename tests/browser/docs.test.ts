/** The REST documentation shows the gateway's OpenAPI document and sends requests to this gateway. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { DEMO, onPage, screenshot, SERVED } from "./browser";

/** Executes the summary with the parameters that are filled in, and returns the body of the response. */
async function trySummary(page: Page) {
  const operation = page.locator(".opblock", { hasText: "/actionSummary" });
  await operation.locator(".opblock-summary-control").click();
  const answered = page.waitForResponse((response) => response.url().includes("/actionSummary?"));
  await operation.getByRole("button", { name: "Execute" }).click();
  const body = await (await answered).json();
  await operation
    .locator(".live-responses-table")
    .getByText("021a1876-17d9-4d7a-bd2c-e74a65298398")
    .first()
    .waitFor();
  return body;
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`the demo's page sends a request with the demo's credentials: ${colorScheme}`, async () => {
    await onPage(
      `${DEMO}/docs`,
      async (page) => {
        await page.getByRole("heading", { name: "promo-gateway" }).waitFor();
        await screenshot(page, `docs-${colorScheme}`);
        expect((await trySummary(page)).points[0].numberOfTimesIssued).toBe(6);
        await screenshot(page, `docs-answer-${colorScheme}`);
      },
      { colorScheme },
    );
  });
}

test("a password is sent as its MD5 digest", async () => {
  await onPage(`${SERVED}/docs`, async (page) => {
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.getByLabel("auth-basic-username").fill("demo.till");
    await page.getByLabel("auth-basic-password").fill("demo");
    await page.getByRole("button", { name: "Apply credentials" }).first().click();
    await page.getByRole("button", { name: "Close" }).last().click();
    expect((await trySummary(page)).customerId).toBe(387729100);
  });
});
