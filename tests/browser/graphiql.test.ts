/** GraphiQL as a developer uses it: run, complete, read and copy operations. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page } from "playwright-core";
import { expect, test } from "vitest";

import { DEMO, onPage, screenshot, SERVED } from "./browser";

const HEADERS = { Authorization: "Basic ZGVtby50aWxsOmZlMDFjZTJhN2ZiYWM4ZmFmYWVkN2M5ODJhMDRlMjI5" };

/** Waits until GraphiQL and its editors are ready. Before that it ignores clicks. */
async function loaded(page: Page) {
  for (const part of ["query-editor", "editor-tool", "response"]) {
    await page.locator(`.graphiql-${part} .view-lines`).first().waitFor({ state: "attached" });
  }
}

/** Runs the operation in the tab `title`, and returns the body of the response. */
async function run(page: Page, title: string) {
  await page.getByRole("tab", { name: title }).click();
  const answered = page.waitForResponse((response) => response.url().endsWith("/graphql"));
  await page.getByRole("button", { name: /Execute query/ }).click();
  return (await answered).json();
}

function shown(page: Page) {
  return page.locator(".graphiql-response .view-lines");
}

/** Copies with the menu item `title`, and returns the text, which the dialog and the clipboard agree on. */
async function copy(page: Page, title: string): Promise<string> {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: /Copy as/ }).click();
  await page.getByRole("menuitem", { name: title }).click();
  const text = await page.locator("dialog pre").innerText();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(text);
  await page.getByRole("button", { name: "Close", exact: true }).click();
  return text;
}

test("each tab's operation runs and its data is shown", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    const full = await run(page, "FullSummary");
    expect(full.data.customerPromotionActionSummary.points[0].totalPointsIssued).toBe("600.000");
    await shown(page).getByText("021a1876-17d9-4d7a-bd2c-e74a65298398").waitFor();
    await screenshot(page, "graphiql-light");

    const points = await run(page, "PointsOnly");
    expect(Object.keys(points.data.customerPromotionActionSummary)).toEqual(["points"]);
    await shown(page).getByText("REGULAR_POINTS").waitFor();

    const wallet = await run(page, "Wallet");
    expect(Object.keys(wallet.data)).toEqual(["spring", "summer", "autumn"]);
    await shown(page).getByText("demo-promotion-2000073").waitFor();

    const wrong = await run(page, "ErrorsAndWarnings");
    expect(wrong.errors.map(({ extensions }: any) => extensions.errorCode)).toEqual([8015, 8874]);
    expect(wrong.data.nothingEarned.warnings[0].code).toBe(8116);
    await shown(page).getByText("CUSTOMER_NOT_FOUND").waitFor();
  });
});

test("the page is as high as the window", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    expect(await page.evaluate("document.documentElement.scrollHeight - innerHeight")).toBe(0);
  });
});

test("fields of the schema are completed", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await page.getByRole("button", { name: "New tab" }).click();
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("{ customerPro");
    await page.keyboard.press("Control+Space");
    const suggested = page.locator(".suggest-widget .monaco-list-row");
    await suggested.filter({ hasText: "customerPromotionActionSummary" }).waitFor();
    await screenshot(page, "graphiql-completion");
  });
});

test("the schema is documented and can be explored", async () => {
  await onPage(
    `${DEMO}/graphql`,
    async (page) => {
      await loaded(page);
      await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
      await page.getByRole("link", { name: "Query" }).click();
      await page.getByText("What a customer earned from a promotion. Null").waitFor();
      await screenshot(page, "graphiql-documentation-dark");
      await page.getByRole("button", { name: "Show GraphiQL Explorer" }).click();
      await page.locator(".graphiql-explorer-root").getByText("badgeSeriesId").waitFor();
      await screenshot(page, "graphiql-explorer-dark");
    },
    { colorScheme: "dark" },
  );
});

test("the copied REST call returns the same data", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    const { data } = await run(page, "FullSummary");
    const url = await copy(page, "Copy as REST GET");
    const body = await (await fetch(url, { headers: HEADERS })).json();
    const { customerPromotionActionSummary: summary } = data;
    expect(body.promotionIdentifier).toBe(summary.promotionIdentifier);
    expect(body.badges).toEqual(summary.badges);
    expect(body.rewards).toEqual(summary.rewards);
    expect(body.points.map((row: any) => row.totalPointsIssued.toFixed(3))).toEqual(
      summary.points.map((row: any) => row.totalPointsIssued),
    );
  });
});

test("the menu says why an operation cannot be copied as a REST call", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await page.getByRole("tab", { name: "Wallet" }).click();
    await page.getByRole("button", { name: /Copy as/ }).click();
    const item = page.getByRole("menuitem", { name: "Copy as REST GET" });
    await item.getByText("A REST call returns one field. This operation has 3.").waitFor();
    expect(await item.getAttribute("aria-disabled")).toBe("true");
    await screenshot(page, "graphiql-copy-menu");
  });
});

test("the copied command and code return the same data", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    const answer = await run(page, "Wallet");
    const command = await copy(page, "Copy as curl");
    expect(JSON.parse(execFileSync("bash", ["-c", command], { encoding: "utf8" }))).toEqual(answer);

    const file = join(mkdtempSync(join(tmpdir(), "copied-")), "wallet.ts");
    writeFileSync(file, await copy(page, "Copy as TypeScript"));
    const { fetchWallet } = await import(file);
    const variables = {
      source: "INSTORE",
      identifierName: "MOBILE",
      identifierValue: "919800000000",
      programId: "2568",
    };
    expect(await fetchWallet(variables, HEADERS)).toEqual(answer);
  });
});

test("a password is asked for and never stored", async () => {
  await onPage(`${SERVED}/graphql`, async (page) => {
    await page.getByLabel("Name of the POS client").fill("demo.till");
    await page.getByLabel("Password, or its MD5 digest").fill("demo");
    await page.getByRole("button", { name: "Open GraphiQL" }).click();
    await loaded(page);
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
    await shown(page).getByText("600.000").first().waitFor();
    const stored: string = await page.evaluate(
      "JSON.stringify([{ ...sessionStorage }, { ...localStorage }])",
    );
    expect(stored).toContain("PointsOnly");
    expect(stored).not.toContain(HEADERS.Authorization.slice(-8));

    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });
});

test("a token can be used instead of a password", async () => {
  const { data } = await (
    await fetch(`${SERVED}/v3/oauth/token/generate`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ key: "demo-key", secret: "demo-secret" }),
    })
  ).json();
  await onPage(`${SERVED}/graphql`, async (page) => {
    await page.getByLabel("a token").check();
    await page.getByLabel("Token", { exact: true }).fill(data.accessToken);
    await page.getByRole("button", { name: "Open GraphiQL" }).click();
    await loaded(page);
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
  });
});

test("a reload keeps what was written", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await page.getByRole("tab", { name: "Wallet" }).click();
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("query Mine { __typename }");
    await page.getByRole("tab", { name: "Mine" }).waitFor();
    // GraphiQL stores it some time after the last key.
    await expect
      .poll(() =>
        page.evaluate(() => [sessionStorage["graphiql:tabState"], sessionStorage["graphiql:query"]]),
      )
      .toEqual(Array(2).fill(expect.stringContaining("__typename }")));
    await page.reload();
    await loaded(page);
    expect((await run(page, "Mine")).data).toEqual({ __typename: "Query" });
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
  });
});
