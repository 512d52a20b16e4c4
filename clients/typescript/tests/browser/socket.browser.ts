import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "./socket_page.js";
import { createClient, memoryVault } from "../../src/index.js";
import { launchChromium, servedPage } from "../support/chromium.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Served, served } from "../support/served.js";

let server: Served;
let proxy: CuttingProxy;
let site: Awaited<ReturnType<typeof servedPage>>;
let browser: Browser;

beforeAll(async () => {
  server = await served("examples/shop/app.py");
  proxy = await cuttingProxy(server.url);
  site = await servedPage(join(import.meta.dirname, "socket_page.tsx"));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await proxy?.close();
  await server?.stop();
});

/** What an element shows, as soon as it is that. */
const shown = (page: Page, id: string, text: string) =>
  page.waitForFunction(([id, text]) => document.getElementById(id!)?.textContent === text, [id, text]);

test("Chromium's WebSocket: calls, live events without gaps through cuts, and a hook", async () => {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  await page.evaluate((url) => void window.startSocket(url), proxy.url);
  await page.waitForFunction(() => window.connected?.kinds.includes("ready"));
  const other = createClient({ url: server.url, vault: memoryVault() });
  await other.auth.signUp({ name: "Grace", email: "grace@example.org", password: "7 lean oysters" });
  const titles = Array.from({ length: 30 }, (_, at) => `title ${String(at).padStart(2, "0")}`);
  for (const [at, title] of titles.entries()) {
    if (at % 10 === 5) proxy.cut();
    await other.collection<any>("posts").create({ title });
  }
  await page.waitForFunction((count) => window.connected.titles.length >= count, titles.length);
  expect(await page.evaluate(() => window.connected.titles)).toEqual(titles);
  expect(await page.evaluate(() => window.connected.kinds)).toContain("offline");
  await shown(page, "posts", "title 29,title 28");
  const me = await page.evaluate(async () => {
    await window.connected.live.call("records.create", { path: { collection: "posts" }, body: { title: "z" } });
    return (await window.connected.live.call("auth.me")).body.email;
  });
  expect(me).toBe("ada@example.org");
  await shown(page, "posts", "z,title 29");
  await shown(page, "state", "connected");
  await page.evaluate(() => window.connected.client.close());
  await shown(page, "state", "disconnected");
  other.close();
});
