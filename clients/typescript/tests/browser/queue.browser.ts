import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "./queue_page.js";
import { launchChromium } from "../support/chromium.js";
import { type Gateway, startGateway } from "../support/gateway.js";
import { type Server, startServer } from "../support/server.js";

let server: Server;
let gateway: Gateway;
let browser: Browser;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "queue_page.tsx")], bundle: true, format: "iife", target: "es2022", write: false,
    jsx: "automatic", define: { "process.env.NODE_ENV": '"development"' },
  });
  server = await startServer();
  gateway = await startGateway(server.url, outputFiles[0]!.text);
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await gateway?.close();
  await server?.close();
});

const shows = (page: Page, shown: Record<string, string>) => page.waitForFunction((shown) =>
  Object.entries(shown).every(([id, text]) => document.getElementById(id)?.textContent === text), shown);

const away = () => {
  gateway.isDown = true;
  gateway.cut();
};

test("what is expected is shown in all tabs and after a reload, until the server's data take its place", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(gateway.url);
  const id = await page.evaluate(() => window.startQueue("ada"));
  await shows(page, { title: "first", waiting: "0", failed: "" });
  await page.evaluate(() => window.queued.api.settled());

  away();
  await page.click("#rename");
  await shows(page, { title: "written, expected", waiting: "1" });
  await page.reload();
  await page.evaluate((id) => void window.startQueue(undefined, id), id);
  await shows(page, { title: "written, expected", waiting: "1" });
  const tab = await context.newPage();
  await tab.goto(gateway.url);
  await tab.evaluate((id) => void window.startQueue(undefined, id), id);
  await shows(tab, { title: "written, expected", waiting: "1" });

  gateway.isDown = false;
  await page.evaluate(() => dispatchEvent(new Event("online")));
  for (const each of [page, tab]) await shows(each, { title: "written", waiting: "0", failed: "" });

  // The tab that follows queues; the other one, which synchronises, sends.
  await tab.click("#empty");
  for (const each of [page, tab]) await shows(each, { title: "written", waiting: "0", failed: "validation title" });
  await page.close(); // now this tab sends
  await tab.click("#correct");
  await shows(tab, { title: "corrected", waiting: "0", failed: "" });
  await tab.click("#empty");
  await shows(tab, { title: "corrected", failed: "validation title" });
  await tab.click("#discard");
  await shows(tab, { title: "corrected", waiting: "0", failed: "", error: "" });
  expect(await tab.evaluate(() => window.queued.local.outbox.list())).toEqual([]);
  await context.close();
});
