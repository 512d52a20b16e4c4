import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type {} from "./graphql_page.js";
import { createClient, memoryVault } from "../../src/index.js";
import { launchChromium, servedPage } from "../support/chromium.js";
import { type Served, served } from "../support/served.js";

let server: Served;
let site: Awaited<ReturnType<typeof servedPage>>;
let browser: Browser;

beforeAll(async () => {
  server = await served("examples/shop/app.py");
  site = await servedPage(join(import.meta.dirname, "graphql_page.tsx"));
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await site?.close();
  await server?.stop();
});

/** What the hook shows, as soon as it is that. */
const shown = (page: Page, text: string) =>
  page.waitForFunction((text) => document.getElementById("posts")?.textContent === text, text);

const started = async (page: Page) => {
  await page.goto(site.url);
  await page.evaluate((url) => void window.startGraphQL(url), server.url);
};

test("a hook shows results, mutations and what is pushed; they outlive the page, and are gone after logging out", async () => {
  const page = await (await browser.newContext()).newPage();
  await started(page);
  await shown(page, "");
  await page.evaluate(async () => {
    const { client, api } = window.graph;
    await client.auth.signUp({ name: "Ada", email: "ada@example.org", password: "7 lean oysters" });
    const create = "mutation ($title: String!) { createPost(input: {title: $title}) { id title } }";
    await api.mutate(create, { title: "b" }, { evict: ["posts"] });
  });
  await shown(page, "b");
  const id = await page.evaluate(async () => {
    const { api, LIST } = window.graph;
    void (async () => {
      for await (const _ of api.subscribe("subscription { posts { kind id record { id title } } }")) continue;
    })();
    return (await api.query(LIST, { limit: 3 })).data.posts[0]!.id;
  });
  const owner = createClient({ url: server.url, vault: memoryVault() });
  await owner.auth.logIn({ email: "ada@example.org", password: "7 lean oysters" });
  let pushed = "";
  for (let turn = 0; pushed !== await page.textContent("#posts"); turn++) {
    pushed = (await owner.collection<any>("posts").update(id, { title: `pushed ${turn % 100}` })).title;
    await page.evaluate(() => window.graph.api.settled());
  }
  await page.evaluate(async () => {
    await window.graph.api.query("{ me { name } posts { title } }");
    await window.graph.api.settled();
  });
  await started(page);
  const kept = () => page.evaluate(async () => {
    const { data } = await window.graph.api.query("{ me { name } posts { title } }", {}, { policy: "cache-only" });
    return [data.me.name, data.posts[0].title].join();
  }).catch((error: Error) => error.message);
  expect(await kept()).toBe(`Ada,${pushed}`);
  await page.evaluate(() => window.graph.client.auth.logOut());
  expect(await kept()).toContain("not on the device");
  await started(page);
  expect(await kept()).toContain("not on the device");
  await shown(page, pushed); // from the server: everybody reads posts
  owner.close();
});
