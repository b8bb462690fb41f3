/** GraphiQL as a developer uses it: run, complete, read and copy operations. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Page, Request } from "playwright-core";
import { expect, test } from "vitest";

import { expectAccessible } from "./accessibility";
import { DEMO, onPage, onScreens, screenshot, SERVED } from "./browser";

const HEADERS = { Authorization: "Basic ZGVtby50aWxsOmZlMDFjZTJhN2ZiYWM4ZmFmYWVkN2M5ODJhMDRlMjI5" };

/** Waits until GraphiQL and its editors are ready. Before that it ignores clicks. */
async function loaded(page: Page) {
  for (const part of ["query-editor", "editor-tool", "response"]) {
    await page.locator(`.graphiql-${part} .view-lines`).first().waitFor({ state: "attached" });
  }
}

function tab(page: Page, title: string) {
  return page
    .getByRole("list", { name: "Select active operation" })
    .getByRole("button", { name: title, exact: true });
}

/** Runs the operation in the tab `title`, and returns the body of the response. */
async function run(page: Page, title: string) {
  await tab(page, title).click();
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
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(text);
  await page.getByRole("button", { name: "Close", exact: true }).click();
  const focused = page.getByRole("button", { name: /Copy as/ });
  await expect.poll(() => focused.evaluate((button) => button === document.activeElement)).toBe(true);
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
    expect(wallet.data.customer.promotionActionSummaries.length).toBe(3);
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
    await expect.poll(() => page.evaluate("document.documentElement.scrollHeight - innerHeight")).toBe(0);
  });
});

test("until the editors can be used, at most 1.0 MB is transferred", async () => {
  await onPage(`${DEMO}/`, async (page) => {
    // The workers of the editors, 270 KB, are loaded after that and are not among the page's requests.
    const finished: Request[] = [];
    page.on("requestfinished", (request) => {
      finished.push(request);
    });
    await page.goto(`${DEMO}/graphql`);
    await loaded(page);
    await page.waitForLoadState("networkidle");
    const sizes = await Promise.all(finished.map((request) => request.sizes()));
    const bytes = sizes.reduce((sum, { responseBodySize }) => sum + Math.max(0, responseBodySize), 0);
    expect(bytes).toBeGreaterThan(500_000);
    expect(bytes).toBeLessThanOrEqual(1_000_000);
  });
});

test("the command palette and the find widget open", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("F1");
    await page.keyboard.type("Line Comment");
    await page.locator(".quick-input-widget").getByRole("option", { name: /Toggle Line Comment/ }).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+F");
    await page.locator(".graphiql-query-editor .find-widget").getByRole("textbox", { name: "Find" }).waitFor();
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
      await page.getByText(/^The benefits that a customer earned from a promotion\./).waitFor();
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
    await tab(page, "ErrorsAndWarnings").click();
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
      promotionIds: ["2000073", "2000075", "2000077"],
    };
    expect(await fetchWallet(variables, HEADERS)).toEqual(answer);
  });
});

async function signIn(page: Page, password: string) {
  // On a busy machine, the check of a password can take longer than the gateway waits for it.
  await page.route("**/graphql", async (route) => {
    let response = await route.fetch();
    while (response.status() === 503) {
      response = await route.fetch();
    }
    await route.fulfill({ response });
  });
  await page.getByLabel("Name of the POS client").fill("demo.till");
  await page.getByLabel("Password, or its MD5 digest").fill(password);
  await page.getByRole("button", { name: "Open GraphiQL" }).click();
}

async function newToken(): Promise<string> {
  const response = await fetch(`${SERVED}/v3/oauth/token/generate`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: "demo-key", secret: "demo-secret" }),
  });
  return (await response.json()).data.accessToken;
}

function stored(page: Page): Promise<string> {
  return page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])");
}

test("a password is asked for and never stored", async () => {
  await onPage(`${SERVED}/graphql`, async (page) => {
    await signIn(page, "demo");
    await loaded(page);
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
    await shown(page).getByText("600.000").first().waitFor();
    await untilStored(page, "PointsOnly");
    expect(await stored(page)).not.toContain(HEADERS.Authorization.slice(-8));

    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });
});

test("wrong credentials are refused when they are given", async () => {
  const expected = ["Failed to load resource: the server responded with a status of 401 (Unauthorized)"];
  await onPage(
    `${SERVED}/graphql`,
    async (page) => {
      await signIn(page, "wrong");
      await page.getByRole("alert").getByText("The gateway does not accept these credentials.").waitFor();
      await signIn(page, "demo");
      await loaded(page);
    },
    { expected },
  );
});

test("the page says who is signed in, and can switch and sign out", async () => {
  await onPage(`${SERVED}/graphql`, async (page) => {
    await signIn(page, "demo");
    await page.getByRole("banner").getByText("Signed in as demo.till").waitFor();
    await loaded(page);

    await page.getByRole("button", { name: "Switch" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Signed in as demo.till").waitFor();

    await page.getByRole("button", { name: "Switch" }).click();
    await page.getByLabel("a token").check();
    await page.getByLabel("Token", { exact: true }).fill(await newToken());
    await page.getByRole("button", { name: "Open GraphiQL" }).click();
    await page.getByText("Signed in as Demo app").waitFor();
    await loaded(page);
    const request = page.waitForRequest("**/graphql");
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
    const headers = (await request).headers();
    expect(Object.keys(headers)).toContain("x-cap-api-oauth-token");
    expect(Object.keys(headers)).not.toContain("authorization");

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    // GraphiQL writes half a second after a change.
    await page.waitForTimeout(1000);
    expect(await stored(page)).toBe("[{},{}]");
  });
});

test("the schema can be read without credentials", async () => {
  await onPage(`${SERVED}/graphql`, async (page) => {
    await page.getByRole("button", { name: "Only read the schema" }).click();
    await loaded(page);
    await page.getByText("Not signed in").waitFor();
    await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
    await page.getByRole("link", { name: "Query" }).waitFor();
  });
});

test("the demo is signed in", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await page.getByText("Signed in as demo.till").waitFor();
  });
});

const TITLES = ["FullSummary", "PointsOnly", "Wallet", "EverythingEarned", "ErrorsAndWarnings"];

/** Waits until the tabs have these titles, and the one named `open` is open. */
async function untilTabs(page: Page, titles: string[], open: string) {
  await expect.poll(() => page.locator(".graphiql-tab-button").allInnerTexts()).toEqual(titles);
  await expect.poll(() => tab(page, open).getAttribute("aria-current")).toBe("true");
}

/** Waits until GraphiQL has stored a tab state that contains `text`, some time after a change. */
async function untilStored(page: Page, text: string) {
  await expect.poll(() => page.evaluate(() => sessionStorage["graphiql:tabState"] ?? "")).toContain(text);
}

test("a reload of an untouched page brings back exactly its tabs", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await untilStored(page, "FullSummary");
    for (let reload = 0; reload < 2; reload++) {
      await page.reload();
      await loaded(page);
      await untilTabs(page, TITLES, "FullSummary");
    }
    expect((await run(page, "FullSummary")).errors).toBeUndefined();
  });
});

test("a reload brings back the tab that was open, and new tabs", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await page.getByRole("button", { name: "New tab" }).click();
    await tab(page, "Wallet").click();
    await untilStored(page, '"activeTabIndex":2');
    await page.reload();
    await loaded(page);
    await untilTabs(page, [...TITLES, "<untitled>"], "Wallet");
    const answered = page.waitForResponse((response) => response.url().endsWith("/graphql"));
    await page.getByRole("button", { name: /Execute query/ }).click();
    expect(Object.keys((await (await answered).json()).data)).toEqual(["customer"]);
  });
});

test("a reload keeps what was written", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await tab(page, "Wallet").click();
    await page.locator(".graphiql-query-editor .view-lines").click();
    await page.keyboard.press("Control+A");
    await page.keyboard.type("query Mine { __typename }");
    await tab(page, "Mine").waitFor();
    await untilStored(page, "__typename }");
    await page.reload();
    await loaded(page);
    expect((await run(page, "Mine")).data).toEqual({ __typename: "Query" });
    expect((await run(page, "PointsOnly")).errors).toBeUndefined();
  });
});

test("each response has its status, time and size", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await run(page, "PointsOnly");
    await page.getByText(/^Status 200 · [0-9]+ ms · [0-9]+ bytes$/).waitFor();
    await tab(page, "Wallet").click();
    await page.getByText(/^Status 200/).waitFor({ state: "detached" });
    await tab(page, "PointsOnly").click();
    await page.getByText(/^Status 200/).waitFor();
  });
});

test("a gateway that cannot be reached is reported in plain words", async () => {
  await onPage(
    `${DEMO}/graphql`,
    async (page) => {
      await loaded(page);
      await page.route("**/graphql", (route) => route.abort());
      await page.getByRole("button", { name: /Execute query/ }).click();
      await shown(page).getByText("The gateway cannot be reached.").waitFor();
      await page.getByText("No response").waitFor();
    },
    { expected: ["Failed to load resource: net::ERR_FAILED"] },
  );
});

const NOT_JSON: [number, string, string][] = [
  [502, "text/html", "<html><h1>Bad Gateway</h1></html>"],
  [200, "text/html", "<html>Please log in.</html>"],
  [504, "text/plain", ""],
  [200, "application/json", '{"data": {"cut'],
];

test.each(NOT_JSON)("a response that is not JSON is reported in plain words: %i %s", async (status, type, body) => {
  const failed = `Failed to load resource: the server responded with a status of ${status} `;
  await onPage(
    `${DEMO}/graphql`,
    async (page) => {
      await loaded(page);
      await page.route("**/graphql", (route) => route.fulfill({ status, contentType: type, body }));
      await page.getByRole("button", { name: /Execute query/ }).click();
      await shown(page).getByText(`The response is not JSON (status ${status}, ${type})`).waitFor();
    },
    { expected: status === 200 ? [] : [expect.stringContaining(failed)] },
  );
});

test("a link opens GraphiQL with the query, beside the other tabs", async () => {
  let link = "";
  await onPage(`${DEMO}/graphql`, async (page) => {
    await loaded(page);
    await tab(page, "Wallet").click();
    link = await copy(page, "Copy a link");
    expect(link).not.toContain("919800000000");
  });
  await onPage(link.replace("Wallet", "Shared"), async (page) => {
    await loaded(page);
    await untilTabs(page, ["Shared", ...TITLES], "Shared");
    await page.waitForURL(`${DEMO}/graphql`);

    await untilStored(page, "Shared");
    await page.goto(link.replace("Wallet", "Another"));
    await loaded(page);
    await untilTabs(page, ["Shared", ...TITLES, "Another"], "Another");
    await untilStored(page, "Another");
    await page.reload();
    await loaded(page);
    await untilTabs(page, ["Shared", ...TITLES, "Another"], "Another");
  });
});

test("a link is kept while its reader signs in", async () => {
  await onPage(`${SERVED}/graphql?query=query Shared { __typename }`, async (page) => {
    await signIn(page, "demo");
    await loaded(page);
    expect((await run(page, "Shared")).data).toEqual({ __typename: "Query" });
  });
});

test("GraphiQL links to the REST documentation", async () => {
  await onPage(`${DEMO}/graphql`, async (page) => {
    await page.getByRole("link", { name: "REST documentation" }).click();
    await page.getByRole("heading", { name: "promo-gateway" }).waitFor();
    expect(page.url()).toBe(`${DEMO}/docs`);
  });
});

onScreens("GraphiQL is accessible and fits", `${DEMO}/graphql`, async (page, { screen, viewport }) => {
  await loaded(page);
  expect((await run(page, "PointsOnly")).errors).toBeUndefined();
  await shown(page).getByText("REGULAR_POINTS").waitFor();
  await screenshot(page, `graphiql-${screen}`);
  await expectAccessible(page);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);

  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  await page.getByRole("link", { name: "Query" }).click();
  await page.getByRole("link", { name: "CustomerPromotionActionSummary" }).first().waitFor();
  await screenshot(page, `graphiql-documentation-${screen}`);
  await expectAccessible(page);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);
});

test("on a small screen the panes are below each other", async () => {
  await onPage(
    `${DEMO}/graphql`,
    async (page) => {
      await loaded(page);
      const fits = async () => {
        const [editors, response] = await Promise.all(
          [".graphiql-editors", ".graphiql-response"].map((part) => page.locator(part).boundingBox()),
        );
        return [response!.y >= editors!.y + editors!.height, editors!.width > 300, response!.height > 300];
      };
      await expect.poll(fits).toEqual([true, true, true]);
    },
    { viewport: { width: 360, height: 740 } },
  );
});
