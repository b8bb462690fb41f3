// Tests the built wallet in a browser. WALLET is the address of its back end, which calls a demo gateway.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const WALLET = process.env.WALLET ?? "http://127.0.0.1:5180";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SCREENSHOTS = new URL("screenshots/", import.meta.url).pathname;
const ARGUMENTS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

let browser;
before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS.split(" ") });
});
after(() => browser.close());

/** Signs in with `mobile` and runs `use` on the page, which may log only `expected`. */
async function visit({ mobile, route, options, expected = [] }, use) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const logged = [];
  page.on("console", (message) => logged.push(message.text()));
  page.on("pageerror", (error) => logged.push(error.message));
  const otherHosts = [];
  page.on("request", (request) => request.url().startsWith(`${WALLET}/`) || otherHosts.push(request.url()));
  if (route) await page.route("**/graphql", route);
  await page.goto(WALLET);
  if (mobile) {
    await page.getByLabel("Mobile number").fill(mobile);
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  await use(page);
  assert.deepEqual(logged, expected);
  assert.deepEqual(otherHosts, []);
  await context.close();
}

/** Waits until the screen has this title and this address. */
async function untilScreen(page, title, path) {
  await page.locator(`xpath=//title[.="${title}"]`).waitFor({ state: "attached" });
  await page.waitForURL(`${WALLET}${path}`);
}

test("the customer of the documentation sees the documented benefits", () =>
  visit({ mobile: "919078345795" }, async (page) => {
    const card = page.getByRole("article");
    await card.waitFor();
    assert.equal(
      await card.innerText(),
      "Summer\n600 points\nJul 22, 2025\n600 points\npromised, Jul 22, 2025\n5,600 DocCoin\nJul 22, 2025\n" +
        "Reward 113336.0 × 2\nBadge 4f8a × 8",
    );
    assert.equal(await page.getByRole("img", { name: "600 earned, 600 promised" }).count(), 1);
    assert.equal(await page.getByRole("button", { name: "Show more" }).count(), 0);
  }));

test("totals of several promotions are added exactly", () =>
  visit({ mobile: "919800000143" }, async (page) => {
    await page.getByRole("figure").waitFor();
    assert.deepEqual(await page.locator(".legend div").allInnerTexts(), [
      "earned\n1,680.32",
      "promised\n464.127",
      "pending\n0",
    ]);
    assert.deepEqual(await page.locator(".chart li").allInnerTexts(), [
      "Birthday week\n902.867",
      "Bring a friend\n618.043",
      "Double coins\n623.537",
    ]);
  }));

test("a customer without benefits sees a message", () =>
  visit({ mobile: "919078345796" }, async (page) => {
    await page.getByRole("heading", { name: "Nothing earned yet" }).waitFor();
    assert.equal(await page.getByRole("article").count(), 0);
  }));

const NOT_FOUND = "Failed to load resource: the server responded with a status of 404 (Not Found)";

test("an unknown number stays in the form, with a message", () =>
  visit({ mobile: "12345", expected: [NOT_FOUND] }, async (page) => {
    await page.getByRole("alert").getByText("We do not know this number").waitFor();
    assert.equal(await page.getByLabel("Mobile number").inputValue(), "12345");
    await page.getByLabel("Mobile number").fill("919078345795");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("article").waitFor();
  }));

test("while there are no tokens, the customer can sign in again", () =>
  visit(
    { expected: ["Failed to load resource: the server responded with a status of 502 (Bad Gateway)"] },
    async (page) => {
      await page.route("**/token", (request) => request.fulfill({ status: 502 }), { times: 1 });
      await page.getByRole("button", { name: "919078345795" }).click();
      await page.getByRole("alert").getByText("You cannot be signed in just now").waitFor();
      await page.getByRole("button", { name: "Sign in", exact: true }).click();
      await page.getByRole("article").waitFor();
    },
  ));

test("the screens have titles, entries in the history, and the focus on the heading of the wallet", () =>
  visit({ mobile: "919078345795" }, async (page) => {
    await page.getByRole("article").waitFor();
    await untilScreen(page, "Your wallet", "/#wallet");
    await page.locator("h2:focus", { hasText: "What you have earned" }).waitFor();

    await page.goBack();
    await page.getByLabel("Mobile number").waitFor();
    await untilScreen(page, "Sign in · Wallet", "/");
    await page.goForward();
    await page.getByRole("article").waitFor();

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("Mobile number").waitFor();
    await untilScreen(page, "Sign in · Wallet", "/");
    await page.goBack();
    assert.equal(await page.getByRole("article").count(), 0);
    await untilScreen(page, "Sign in · Wallet", "/#wallet");
  }));

test("after a reload of the wallet, the customer signs in again", () =>
  visit({ mobile: "919078345795" }, async (page) => {
    await page.getByRole("article").waitFor();
    await page.reload();
    await page.getByLabel("Mobile number").waitFor();
    await page.waitForURL(`${WALLET}/`);
  }));

test("while the gateway cannot be reached, the customer can try again", async () => {
  let up = false;
  const route = (request) => (up ? request.continue() : request.abort());
  const expected = ["Failed to load resource: net::ERR_FAILED"];
  await visit({ mobile: "919078345795", route, expected }, async (page) => {
    await page.getByRole("alert").getByText("Your wallet cannot be shown just now").waitFor();
    up = true;
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("article").waitFor();
  });
});

test("the browser sends the id of a document, and the back end accepts nothing else", async () => {
  await visit({ mobile: "919078345795" }, async (page) => {
    const [request] = await Promise.all([
      page.waitForRequest("**/graphql"),
      page.getByRole("button", { name: "Sign out" }).click(),
      page.getByRole("button", { name: "919078345795" }).click(),
    ]);
    const { documentId, ...rest } = request.postDataJSON();
    assert.match(documentId, /^sha256:[0-9a-f]{64}$/);
    assert.deepEqual(rest, { variables: { first: 12 } });
  });
  for (const sent of [{ query: "{ __typename }" }, { documentId: "constructor" }]) {
    const answer = await fetch(`${WALLET}/graphql`, { method: "POST", body: JSON.stringify(sent) });
    assert.equal(answer.status, 400);
  }
});

const UNAUTHORIZED = "Failed to load resource: the server responded with a status of 401 (Unauthorized)";

test("a token that the gateway refuses is replaced once, without a word", async () => {
  let refusals = 0;
  const route = (request) => (refusals++ ? request.continue() : request.fulfill({ status: 401, json: {} }));
  await visit({ route, expected: [UNAUTHORIZED] }, async (page) => {
    const tokens = [];
    page.on("request", (request) => request.url().endsWith("/token") && tokens.push(request));
    await page.getByRole("button", { name: "919078345795" }).click();
    await page.getByRole("article").waitFor();
    assert.equal(tokens.length, 2);
    assert.equal(refusals, 2);
  });
});

test("a second token that is refused is not replaced", async () => {
  let requests = 0;
  const route = (request) => {
    requests++;
    return request.fulfill({ status: 401, json: {} });
  };
  await visit({ mobile: "919078345795", route, expected: [UNAUTHORIZED, UNAUTHORIZED] }, async (page) => {
    await page.getByRole("alert").getByText("Your wallet cannot be shown just now").waitFor();
    assert.equal(requests, 2);
  });
});

/** Changes the data in the response of the gateway. */
const altered = (change) => async (request) => {
  const response = await request.fetch();
  const body = await response.json();
  change(body.data);
  await request.fulfill({ response, json: body });
};

/** Asks the gateway for pages of `first` entries. */
const pagesOf = (first) => (request) => {
  const { documentId, variables } = request.request().postDataJSON();
  return request.continue({ postData: JSON.stringify({ documentId, variables: { ...variables, first } }) });
};

const more = (page) => page.getByRole("button", { name: "Show more" });

test("each click adds a page, until the last one", () =>
  visit({ mobile: "919800000143", route: pagesOf(1) }, async (page) => {
    for (const shown of [1, 2]) {
      await page.getByRole("article").nth(shown - 1).waitFor();
      assert.equal(await page.getByRole("article").count(), shown);
      await more(page).click();
    }
    await page.getByRole("article").nth(2).waitFor();
    assert.equal(await page.getByRole("article").count(), 3);
    assert.equal(await more(page).count(), 0);
    assert.deepEqual(await page.locator(".chart li span:nth-child(2)").allInnerTexts(), [
      "902.867",
      "618.043",
      "623.537",
    ]);
  }));

test("a page that cannot be read leaves the others, and can be asked for again", () => {
  let requests = 0;
  const route = (request) => (++requests === 2 ? request.abort() : pagesOf(2)(request));
  const expected = ["Failed to load resource: net::ERR_FAILED"];
  return visit({ mobile: "919800000143", route, expected }, async (page) => {
    await more(page).click();
    await page.getByRole("alert").getByText("More promotions cannot be shown just now.").waitFor();
    assert.equal(await page.getByRole("article").count(), 2);
    await more(page).click();
    await page.getByRole("article").nth(2).waitFor();
    assert.equal(await page.getByRole("alert").count(), 0);
  });
});

test("a promotion has the name that the gateway sends", () => {
  const route = altered((data) => (data.customer.earnedPromotions.edges[0].node.promotion.name = "Tea & <b>cake</b>"));
  return visit({ mobile: "919078345795", route }, async (page) => {
    await page.getByRole("article").getByRole("heading", { name: "Tea & <b>cake</b>" }).waitFor();
    assert.equal(await page.locator(".chart li span").first().innerText(), "Tea & <b>cake</b>");
  });
});

test("without points there is no chart", () => {
  const route = altered((data) => data.customer.earnedPromotions.edges.forEach(({ node }) => (node.points = [])));
  return visit({ mobile: "919800000143", route }, async (page) => {
    await page.getByRole("article").first().waitFor();
    assert.equal(await page.getByRole("figure").count(), 0);
  });
});

const never = () => {};
const STATES = {
  "sign-in": { shows: "Sign in to your wallet" },
  unknown: { mobile: "12345", shows: "We do not know this number", expected: [NOT_FOUND] },
  loading: { mobile: "919800000143", route: never, shows: "Loading" },
  earned: { mobile: "919800000143", shows: "Birthday week" },
  paged: { mobile: "919800000143", route: pagesOf(2), shows: "Show more" },
  documented: { mobile: "919078345795", shows: "Summer" },
  empty: { mobile: "919078345796", shows: "Nothing earned yet" },
  error: {
    mobile: "919078345795",
    route: (request) => request.abort(),
    shows: "Your wallet cannot be shown just now",
    expected: ["Failed to load resource: net::ERR_FAILED"],
  },
};

for (const [state, { shows, ...visited }] of Object.entries(STATES)) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1100, 360]) {
      test(`${state} is accessible at ${width} px in ${colorScheme} mode`, () =>
        visit({ ...visited, options: { viewport: { width, height: 800 }, colorScheme } }, async (page) => {
          await page.getByText(shows).first().waitFor();
          await page.screenshot({ path: `${SCREENSHOTS}${state}-${width}-${colorScheme}.png`, fullPage: true });
          assert.equal(await page.evaluate("document.documentElement.scrollWidth"), width);
          // Not as a script element, which the page's policy forbids.
          await page.evaluate(readFileSync(AXE, "utf8"));
          const { violations } = await page.evaluate("axe.run()");
          assert.deepEqual(
            violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`),
            [],
          );
        }));
    }
  }
}
