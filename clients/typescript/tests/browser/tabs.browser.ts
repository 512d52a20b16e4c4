import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";
import { wait } from "../support/wait.js";

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

const statusOf = (page: import("playwright-core").Page) => page.evaluate(() => hl.local.sync.status.state);

async function twoTabs(name: string) {
  const context = await stage.browser.newContext();
  const one = await stage.page(context);
  await one.evaluate(async (name) => {
    await hl.signUp(name);
    hl.local.collection("notes");
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "online");
  }, name);
  const other = await stage.page(context);
  await other.evaluate(async () => {
    await hl.back();
    hl.local.collection("notes");
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "following");
  });
  return { one, other };
}

test("two tabs write 200 records each: every tab shows all, and the server has each once", async () => {
  const { one, other } = await twoTabs("kim");
  const write = (page: typeof one, tab: string) => page.evaluate(async (tab) => {
    const notes = hl.local.collection("notes");
    for (let at = 0; at < 200; at += 4) {
      await Promise.all([0, 1, 2, 3].map((more) => notes.create({ title: `${tab} ${at + more}` })));
    }
    await hl.until(() => hl.local.outbox.list().length === 0);
  }, tab);
  await Promise.all([write(one, "one"), write(other, "other")]);
  const server = await one.evaluate(async () => {
    const titles = [];
    for await (const { title } of hl.client.collection("notes").iterate()) titles.push(title);
    return titles.sort();
  });
  expect(new Set(server).size).toBe(400);
  expect(server.length).toBe(400);
  for (const page of [one, other]) {
    await page.evaluate(() => hl.until(async () => (await hl.local.collection("notes").list({ total: true })).total === 400));
  }
});

test("a live query of one tab follows what the other writes, in the order of the query", async () => {
  const { one, other } = await twoTabs("lea");
  await other.evaluate(() => {
    const shown: string[][] = [];
    Object.assign(globalThis, { shown });
    hl.local.collection("notes").watch({ where: { body: "lea" }, sort: ["title"], limit: 3 }, (rows) =>
      void shown.push(rows.map(({ title }) => title)));
  });
  await one.evaluate(async () => {
    const notes = hl.local.collection("notes");
    const made = [];
    for (const title of ["d", "b", "a", "c"]) made.push(await notes.create({ title, body: "lea" }));
    await notes.update(made[2]!.id, { title: "z" });
    await notes.delete(made[1]!.id);
  });
  const shown = await other.evaluate(() => hl.until(() => {
    const { shown } = globalThis as unknown as { shown: string[][] };
    return JSON.stringify(shown.at(-1)) === '["c","d","z"]' ? shown : null;
  }));
  expect(shown!.map((rows) => rows.join(""))).toEqual(["", "d", "bd", "abd", "abc", "bcd", "cdz"]);
});

test("when the tab that synchronises ends, another takes over and sends what both have written", async () => {
  const { one, other } = await twoTabs("mia");
  expect([await statusOf(one), await statusOf(other)]).toEqual(["online", "following"]);
  stage.gateway.isDown = true;
  stage.gateway.cut();
  await one.evaluate(() => hl.local.collection("notes").create({ title: "of the first" }));
  await one.close();
  await other.evaluate(async () => {
    await hl.local.collection("notes").create({ title: "of the second" });
    await hl.until(() => hl.local.sync.status.state === "offline");
  });
  stage.gateway.isDown = false;
  await other.evaluate(() => hl.until(() => hl.local.outbox.list().length === 0));
  expect(await statusOf(other)).toBe("online");
  const titles = await other.evaluate(async () =>
    (await hl.client.collection("notes").list({ filter: "record.title.startsWith('of the')" })).items.map(({ title }) => title));
  expect(titles.sort()).toEqual(["of the first", "of the second"]);
});

test("when only the renderer of the tab that synchronises dies, the other settles what it has sent, and goes live", async () => {
  const { one, other } = await twoTabs("meg");
  stage.gateway.lost = 1;
  const pushed = () => stage.gateway.passed.get("/v1/sync/push") ?? 0;
  const before = pushed();
  await one.evaluate(() => void hl.local.collection("notes").create({ title: "in doubt" }));
  await wait(async () => pushed() > before, () => "nothing was pushed");
  await other.evaluate(() => hl.local.collection("notes").create({ title: "in doubt too" }));
  const crashed = one.waitForEvent("crash");
  void (await one.context().newCDPSession(one)).send("Page.crash").catch(() => {});
  await crashed;
  stage.gateway.lost = 0;
  const titles = await other.evaluate(async () => {
    await hl.until(() => hl.local.outbox.list().length === 0 && hl.local.sync.status.state === "online");
    return (await hl.client.collection("notes").list({ filter: "record.title.startsWith('in doubt')" })).items
      .map(({ title }) => title);
  });
  expect(titles).toEqual(["in doubt", "in doubt too"]);
  const pulls = stage.gateway.passed.get("/v1/sync/pull");
  await other.evaluate(() => hl.client.collection("notes").create({ title: "live at the other" }));
  await other.evaluate(() => hl.until(async () =>
    (await hl.local.collection("notes").list({ where: { title: "live at the other" } })).items.length === 1));
  expect(stage.gateway.passed.get("/v1/sync/pull")).toBe(pulls);
});

test("a tab with newer code closes the store of older ones, which say so and lose nothing", async () => {
  const { one, other } = await twoTabs("nell");
  await one.evaluate(() => new Promise((resolve, reject) => {
    const request = indexedDB.open("hinterland-app", 99);
    request.onsuccess = () => resolve(request.result.close());
    request.onerror = () => reject(request.error);
  }));
  for (const page of [one, other]) {
    expect(await page.evaluate(() => hl.refusal(() => hl.local.collection("notes").create({ title: "x" }))))
      .toMatchObject({ name: "StoreError", code: "store_too_new" });
    expect(await page.evaluate(() => hl.refusal(() => hl.enter()))).toMatchObject({ code: "store_too_new" });
    expect(await statusOf(page)).toBe("stopped");
  }
});

test("in a page without Web Locks, as of plain http from another machine, two tabs still write each record once", async () => {
  const context = await stage.browser.newContext();
  const url = stage.gateway.url.replace("127.0.0.1", "offline.example");
  const [one, other] = [await stage.page(context, url), await stage.page(context, url)];
  expect(await one.evaluate(() => navigator.locks)).toBeUndefined();
  await one.evaluate(() => hl.signUp("olga"));
  await other.evaluate(() => hl.back());
  const titles = await Promise.all([one, other].map((page, tab) => page.evaluate(async (tab) => {
    hl.local.sync.start();
    const titles = Array.from({ length: 60 }, (_, at) => `without locks ${tab} ${at}`);
    for (const title of titles) await hl.local.collection("notes").create({ title });
    await hl.until(() => hl.local.outbox.list().length === 0);
    return titles;
  }, tab)));
  const there = await one.evaluate(async () => {
    const titles = [];
    for await (const { title } of hl.client.collection("notes").iterate({ limit: 1000 })) titles.push(title);
    return titles.filter((title) => title.startsWith("without locks"));
  });
  expect(there.sort()).toEqual(titles.flat().sort());
});

test("when a tab deletes everything, the tab that synchronises begins anew, and what it writes then is sent", async () => {
  const { one, other } = await twoTabs("pru");
  await one.evaluate(async () => {
    await (await hl.local.collection("notes").create({ title: "before" })).settled();
  });
  await other.evaluate(() => hl.local.wipe());
  await one.evaluate(async () => {
    await hl.until(async () => (await hl.local.collection("notes").list({ where: { title: "before" } })).items.length === 1);
    const { settled } = await hl.local.collection("notes").create({ title: "after" });
    await settled();
    await hl.until(() => hl.local.sync.status.state === "online");
  });
  const { items } = await other.evaluate(() =>
    hl.client.collection("notes").list({ filter: "record.title in ['before', 'after']" }));
  expect(items.map(({ title }) => title)).toEqual(["before", "after"]);
});
