/** The index and the sign-in page are accessible, on small and large screens, light and dark. */
import { expect, test } from "vitest";

import { expectAccessible } from "./accessibility";
import { DEMO, onPage, screenshot, SERVED } from "./browser";

const PAGES = { index: `${DEMO}/`, "sign-in": `${SERVED}/graphql` };
const SCREENS = { narrow: { width: 360, height: 640 }, wide: { width: 1280, height: 800 } };

for (const [name, url] of Object.entries(PAGES)) {
  for (const [screen, viewport] of Object.entries(SCREENS)) {
    for (const colorScheme of ["light", "dark"] as const) {
      test(`${name} is accessible: ${screen}, ${colorScheme}`, async () => {
        await onPage(
          url,
          async (page) => {
            await page.getByRole("heading", { level: 1 }).waitFor();
            await screenshot(page, `${name}-${screen}-${colorScheme}`);
            await expectAccessible(page);
            expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(viewport.width);
            const background = await page.evaluate(
              "getComputedStyle(document.querySelector('body *')).color",
            );
            const [red] = String(background).match(/\d+/g)!.map(Number);
            expect(red! > 128).toBe(colorScheme === "dark");
          },
          { viewport, colorScheme },
        );
      });
    }
  }
}

test("the index links to GraphiQL", async () => {
  await onPage(`${DEMO}/`, async (page) => {
    await page.getByRole("link", { name: "GraphiQL" }).click();
    await page.getByRole("tab", { name: "FullSummary" }).waitFor();
  });
});
