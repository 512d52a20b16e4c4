import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "./react_page.js";
import { launchChromium, servedPage } from "../support/chromium.js";
import { type Served, served } from "../support/served.js";
import { createClient } from "../../src/index.js";

let server: Served;
let site: Awaited<ReturnType<typeof servedPage>>;
let browser: Browser;

beforeAll(async () => {
  server = await served("examples/shop/app.py");
  site = await servedPage(join(import.meta.dirname, "react_page.tsx"));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await server?.stop();
});

/** What an element shows, as soon as it is that. */
const shown = (page: Page, id: string, text: string) =>
  page.waitForFunction(([id, text]) => document.getElementById(id!)?.textContent === text, [id, text]);

async function opened(name: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  await page.evaluate(([url, name]) => window.start(url!, name!), [server.url, name]);
  await shown(page, "session", name);
  return page;
}

test("hooks show the session, the outbox and local records, with what others write", async () => {
  const page = await opened("Ada");
  await shown(page, "online", "true");
  await page.fill("#title", "b");
  await page.click("#add");
  await shown(page, "posts", "b");
  await shown(page, "waiting", "0");
  const other = createClient({ url: server.url });
  await other.auth.signUp({ name: "Grace", email: "grace@example.org", password: "7 lean oysters" });
  await other.collection<any>("posts").create({ title: "a" });
  await shown(page, "posts", "a,b");
  await page.fill("#title", "");
  await page.click("#add");
  await page.waitForFunction(() => !document.querySelector("button[disabled]"));
  await page.evaluate(() => window.client.auth.logOut());
  await shown(page, "session", "signedOut");
  await page.fill("#title", "c");
  await page.click("#add");
  await shown(page, "error", "unauthorized");
  other.close();
});

test("a mutation that fails by the app's own mistake has an error of the same form, with the mistake as its cause", async () => {
  const page = await opened("Mary");
  await page.click("#fail");
  await page.waitForFunction(() => document.getElementById("failed")?.textContent);
  expect(await page.textContent("#failed")).toMatch(/^error Cannot read properties of undefined .* 0 TypeError$/);
});

test("a query of the server is read again by refresh and for another question, and not rendered without cause", async () => {
  const page = await opened("Edith");
  const other = createClient({ url: server.url });
  await other.auth.signUp({ name: "Joan", email: "joan@example.org", password: "7 lean oysters" });
  await page.waitForFunction(() => document.getElementById("found")?.textContent !== "loading");
  const before = await page.textContent("#found");
  await other.collection<any>("posts").create({ title: "z" });
  expect(await page.textContent("#found")).toBe(before);
  await page.click("#refresh");
  await page.waitForFunction(() => document.getElementById("found")?.textContent?.startsWith("z"));
  const renders = await page.evaluate(() => window.renders);
  await page.evaluate(() => window.client.auth.refresh());
  expect(await page.evaluate(() => window.renders)).toBe(renders);
  await page.click("#wrong");
  await shown(page, "found", "unknown_collection");
  other.close();
});
