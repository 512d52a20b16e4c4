import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import "./session_page.js";
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
  site = await servedPage(join(import.meta.dirname, "session_page.ts"));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await proxy?.close();
  await server?.stop();
});

async function tabs(count: number): Promise<Page[]> {
  const context = await browser.newContext();
  return Promise.all(Array.from({ length: count }, async () => {
    const page = await context.newPage();
    await page.goto(site.url);
    return page;
  }));
}

/** What a page has seen, as soon as that is so many. */
const seenIn = async (page: Page, count: number): Promise<string[]> => {
  await page.waitForFunction((count) => seen.length >= count, count);
  return page.evaluate(() => seen);
};

const signUp = (page: Page, name: string) => page.evaluate(async ([url, name]) => {
  const client = api.createClient({ url: url! });
  await client.auth.signUp({ name: name!, email: `${name}@example.org`, password: "7 lean oysters" });
}, [proxy.url, name]);

test("20 calls with a stale token in each of two tabs make one renewal", async () => {
  const [one, other] = await tabs(2) as [Page, Page];
  await signUp(one, "stale");
  await one.evaluate(() => {
    const [key, text] = Object.entries(localStorage).find(([name]) => name.startsWith("hinterland:"))!;
    const kept = JSON.parse(text as string);
    kept.session.accessToken = `${kept.session.accessToken.slice(0, -6)}aaaaaa`;
    localStorage.setItem(key, JSON.stringify(kept));
  });
  const before = proxy.requests.length;
  const calls = (page: Page) => page.evaluate(async (url) => {
    const client = api.createClient({ url });
    const users = await Promise.all(Array.from({ length: 20 }, () => client.auth.me()));
    return users.map(({ email }) => email);
  }, proxy.url);
  const users = (await Promise.all([calls(one), calls(other)])).flat();
  expect(new Set(users)).toEqual(new Set(["stale@example.org"]));
  expect(users).toHaveLength(40);
  expect(proxy.requests.slice(before).filter((line) => line.startsWith("POST /v1/auth/refresh"))).toHaveLength(1);
});

test("a tab follows the sign-in and sign-out of another, and a reload keeps the session", async () => {
  const [one, other] = await tabs(2) as [Page, Page];
  await other.evaluate((url) => {
    api.createClient({ url }).auth.subscribe((state) => {
      seen.push(state.kind === "signedOut" ? state.reason : state.kind === "signedIn" ? state.user["name"] : state.kind);
    });
  }, proxy.url);
  await signUp(one, "followed");
  await one.reload();
  expect(await one.evaluate((url) => api.createClient({ url }).auth.user?.["name"], proxy.url)).toBe("followed");
  await one.evaluate((url) => api.createClient({ url }).auth.logOut(), proxy.url);
  expect(await seenIn(other, 2)).toEqual(["followed", "elsewhere"]);
});

test("a page of another origin writes with conditions and follows events; the network's end is noticed", async () => {
  const [page] = await tabs(1) as [Page];
  await signUp(page, "reader");
  const result = await page.evaluate(async (url) => {
    const client = api.createClient({ url });
    const posts = client.collection("posts");
    const post = await posts.create({ title: "From a page" });
    await posts.update(post.id, { title: "Changed" }, { revision: post.revision });
    const late = posts.update(post.id, {}, { revision: post.revision });
    const stale = await late.catch((error: unknown) => error instanceof api.Stale);
    const kinds: string[] = [];
    for await (const event of client.events("posts")) {
      kinds.push(event.kind);
      if (event.kind === "ready") void posts.create({ title: "Live" });
      if (event.kind === "commit") break;
    }
    return { stale, kinds };
  }, proxy.url);
  expect(result).toEqual({ stale: true, kinds: ["ready", "commit"] });
  await page.evaluate((url) => {
    api.createClient({ url }).connectivity.subscribe((state) => seen.push(state));
  }, proxy.url);
  await page.context().setOffline(true);
  await seenIn(page, 1);
  await page.context().setOffline(false);
  expect(await seenIn(page, 2)).toEqual(["offline", "online"]);
});
