/** The index and the sign-in page: accessible on every screen; the index's cards, commands and health. */
import { execFileSync } from "node:child_process";

import { expect, test } from "vitest";

import { expectAccessible } from "./accessibility";
import { DEMO, onPage, onScreens, screenshot, SERVED } from "./browser";

const PAGES = { index: `${DEMO}/`, "sign-in": `${SERVED}/graphql` };

for (const [name, url] of Object.entries(PAGES)) {
  onScreens(`${name} is accessible and fits`, url, async (page, { screen, viewport, colorScheme }) => {
    await page.getByRole("heading", { level: 1 }).waitFor();
    await screenshot(page, `${name}-${screen}`);
    await expectAccessible(page);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);
    const color = await page.evaluate("getComputedStyle(document.querySelector('body *')).color");
    const [red] = String(color).match(/\d+/g)!.map(Number);
    expect(red! > 128).toBe(colorScheme === "dark");
  });
}

test("the whole card of GraphiQL is a link", async () => {
  await onPage(`${DEMO}/`, async (page) => {
    const card = page.getByRole("listitem").filter({ hasText: "GraphiQL" });
    const { width, height } = (await card.boundingBox())!;
    await card.click({ position: { x: width - 8, y: height - 8 } });
    await page.locator(".graphiql-tab", { hasText: "FullSummary" }).waitFor();
  });
});

test("the demo's index links to the pages, the schema and the wallet", async () => {
  await onPage(`${DEMO}/`, async (page) => {
    const links = page.getByRole("list").getByRole("link");
    expect(await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")))).toEqual([
      "/graphql",
      "/schema.graphql",
      "/docs",
      "/openapi.json",
      "/health/ready",
      "http://127.0.0.1:5180/",
    ]);
  });
});

test.each([
  ["REST", "points"],
  ["GraphQL", "data"],
])("the copied command of %s works as it is", async (api, key) => {
  await onPage(`${DEMO}/`, async (page) => {
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy", description: `Over ${api}` }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const command = await page.evaluate(() => navigator.clipboard.readText());
    const body = execFileSync("bash", ["-c", command], { encoding: "utf8" });
    expect(Object.keys(JSON.parse(body))).toContain(key);
    expect(body).toContain("600.000");
  });
});

const HEALTH: [number, string, string][] = [
  [200, "ready", "This gateway is ready for requests."],
  [503, "draining", "This gateway is shutting down."],
  [503, "overloaded", "This gateway is processing as many requests as it can."],
  [503, "database unavailable", "The database does not respond, so requests fail."],
  [503, "database not set up", "The database lacks collections or indexes. Run promo-gateway init-db."],
];

test.each(HEALTH)("the health %i %s is described in words", async (status, health, text) => {
  await onPage(
    `${DEMO}/`,
    async (page) => {
      await page.route("**/health/ready", (route) => route.fulfill({ status, json: { status: health } }));
      await page.reload();
      await page.getByText(text).waitFor();
    },
    { expected: status === 200 ? [] : [expect.stringContaining("status of 503")] },
  );
});
