import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "./socket_page.js";
import { createClient, memoryVault } from "../../src/index.js";
import { launchChromium, servedPage } from "../support/chromium.js";
import { type Served, served } from "../support/served.js";

let server: Served;
let site: Awaited<ReturnType<typeof servedPage>>;
let browser: Browser;

beforeAll(async () => {
  server = await served("examples/shop/app.py");
  site = await servedPage(join(import.meta.dirname, "socket_page.tsx"));
  // Playwright switches it off, and real browsers have it.
  browser = await launchChromium("--disable-back-forward-cache");
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await server?.stop();
});

const titles = (page: Page) => page.evaluate(() => window.connected.titles);

test("a page that is left is kept by the browser, and continues without a gap when the user comes back", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  await page.evaluate((url) => void window.startSocket(url), server.url);
  await page.waitForFunction(() => window.connected?.kinds.includes("ready"));
  await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => Object.assign(window, { persisted })));
  const other = createClient({ url: server.url, vault: memoryVault() });
  await other.auth.signUp({ name: "Grace", email: "grace@example.org", password: "7 lean oysters" });
  await other.collection<any>("posts").create({ title: "before" });
  await page.waitForFunction(() => window.connected.titles.includes("before"));
  await page.goto("about:blank");
  await other.collection<any>("posts").create({ title: "while away" });
  await page.goBack({ waitUntil: "commit" });
  expect(await page.evaluate(() => (window as any).persisted)).toBe(true);
  await page.waitForFunction(() => window.connected?.titles.includes("while away"));
  expect(await titles(page)).toEqual(["before", "while away"]);
  other.close();
});
