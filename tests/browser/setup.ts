/** Starts the Chromium that all test files share. */
import { chromium } from "playwright-core";
import type { TestProject } from "vitest/node";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

declare module "vitest" {
  export interface ProvidedContext {
    browser: string;
  }
}

export default async function setup(project: TestProject) {
  const server = await chromium.launchServer({ executablePath: process.env.CHROMIUM, args: FLAGS });
  project.provide("browser", server.wsEndpoint());
  return () => server.close();
}
