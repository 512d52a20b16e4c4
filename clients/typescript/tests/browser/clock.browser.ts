import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

const YEAR = 365 * 24 * 3600_000;

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

/** Tabs of a machine whose wall clock jumps; its timers and `performance` do not, as those of a machine. */
async function machine(): Promise<{ context: BrowserContext; jump: (page: Page, milliseconds: number) => Promise<void> }> {
  const context = await stage.browser.newContext();
  await context.addInitScript(() => {
    const Real = Date;
    const jump = () => Number(localStorage.getItem("jump") ?? 0);
    class Jumping extends Real {
      constructor(...given: []) {
        super(...((given.length ? given : [Jumping.now()]) as []));
      }
      static override now = () => Real.now() + jump();
    }
    globalThis.Date = Jumping as DateConstructor;
  });
  return {
    context,
    async jump(page, by) {
      await page.evaluate((by) => localStorage.setItem("jump", String(by)), by);
      expect(Math.round((await page.evaluate(() => Date.now()) - Date.now()) / YEAR) + 0).toBe(by / YEAR);
    },
  };
}

const write = (page: Page, title: string) => page.evaluate(async (title) => {
  const { settled } = await hl.local.collection("notes").create({ title });
  return (await settled()).status;
}, title);

const arrived = (page: Page, title: string) => page.evaluate((title) => hl.until(async () =>
  (await hl.local.collection("notes").list({ where: { title } })).items.length === 1), title);

const shown = (page: Page, prefix: string) => page.evaluate(async (prefix) => {
  const { items } = await hl.local.collection("notes").list({ filter: `record.title.startsWith('${prefix}')` });
  const server = await hl.client.collection("notes").list({ filter: `record.title.startsWith('${prefix}')` });
  return { here: items.map(({ title }) => title), there: server.items.map(({ title }) => title) };
}, prefix);

test("while the clock jumps a year forward and two back, writes and live events go on, and the session stays", async () => {
  const { context, jump } = await machine();
  const [page, far] = [await stage.page(context), await stage.page()];
  await far.evaluate(async () => {
    await hl.signUp("vera");
    hl.local.collection("notes");
    await hl.local.sync.now();
  });
  await page.evaluate(async () => {
    await hl.signUp("walt");
    hl.local.collection("notes");
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "online");
  });
  expect(await write(page, "clock 0")).toBe("applied");
  for (const [at, by] of [[1, YEAR], [2, -YEAR]] as const) {
    await jump(page, by);
    expect(await write(page, `clock ${at}`)).toBe("applied");
    await far.evaluate(async (at) => {
      await hl.local.collection("notes").create({ title: `far ${at}` });
      await hl.local.sync.now();
    }, at);
    await arrived(page, `far ${at}`);
    expect(await page.evaluate(() => [hl.local.sync.status.state, hl.client.auth.state.kind])).toEqual(["online", "signedIn"]);
  }
  await page.reload();
  await page.evaluate(async () => {
    await hl.back();
    hl.local.sync.start();
  });
  expect(await write(page, "clock 3")).toBe("applied");
  expect(await shown(page, "clock")).toEqual({
    here: ["clock 3", "clock 2", "clock 1", "clock 0"], there: ["clock 0", "clock 1", "clock 2", "clock 3"],
  });
});

test("what was written offline while the clock jumped is sent in its order when the network is back", async () => {
  const { context, jump } = await machine();
  const page = await stage.page(context);
  await page.evaluate(async () => {
    await hl.signUp("xena");
    await hl.local.collection("notes").create({ title: "jump 0" });
    await hl.local.sync.now();
    hl.local.sync.start();
  });
  stage.gateway.isDown = true;
  stage.gateway.cut();
  for (const [at, by] of [[1, YEAR], [2, -YEAR], [3, 0]] as const) {
    await jump(page, by);
    await page.evaluate(async (at) => {
      await hl.local.collection("notes").create({ title: `jump ${at}` });
      await hl.until(() => hl.local.sync.status.state === "offline");
    }, at);
    await page.reload();
    await page.evaluate(async () => {
      await hl.back();
      hl.local.sync.start();
      await hl.until(() => hl.local.sync.status.state === "offline");
    });
    expect(await page.evaluate(() => hl.local.outbox.counts().waiting)).toBe(at);
  }
  await page.evaluate(() => hl.until(() => hl.client.connectivity.state === "offline"));
  await jump(page, -YEAR);
  stage.gateway.isDown = false;
  await page.evaluate(() => hl.until(() => hl.local.outbox.list().length === 0 && hl.local.sync.status.state === "online"));
  const titles = [0, 1, 2, 3].map((at) => `jump ${at}`);
  expect(await shown(page, "jump")).toEqual({ here: [...titles].reverse(), there: titles });
});

test("an edit with the right clock, of what a device a year ahead has written, is kept", async () => {
  const { context, jump } = await machine();
  const [ahead, right] = [await stage.page(context), await stage.page()];
  await jump(ahead, YEAR);
  const id = await ahead.evaluate(async () => {
    await hl.signUp("yves");
    const { id } = await hl.local.collection("notes").create({ title: "a year ahead", count: 1 });
    await hl.local.sync.now();
    return id;
  });
  const edited = await right.evaluate(async (id) => {
    await hl.signUp("zoe");
    const notes = hl.local.collection("notes");
    await hl.local.sync.now();
    const { settled } = await notes.update(id, { title: "now", count: { $increment: 1 } });
    await hl.local.sync.now();
    return { outcome: await settled(), lead: (await notes.get(id)).title };
  }, id);
  expect(edited).toMatchObject({ outcome: { status: "applied", lost: [] }, lead: "now" });
  expect(await ahead.evaluate(async (id) => {
    await hl.local.sync.now();
    return hl.local.collection("notes").get(id);
  }, id)).toMatchObject({ title: "now", count: 2 });
});
