import type { BrowserContext } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../support/gateway.js";
import { openStage, type Stage } from "../support/stage.js";
import { wait, within } from "../support/wait.js";

const KILLS = Number(process.env["KILLS"] ?? 4);
const SERVER_KILLS = Math.ceil(KILLS / 5);
const SEED = Number(process.env["SEED"] ?? 1);

let stage: Stage;
let context: BrowserContext;
beforeAll(async () => {
  stage = await openStage(SEED);
  context = await stage.onDisk();
});
afterAll(() => stage.close());

/** Kills every renderer. Chromium keeps one for the next page, and would give it that one dead, until it has noticed. */
async function killRenderers() {
  const browser = await context.browser()!.newBrowserCDPSession();
  const renderers = async () => {
    const { processInfo } = await browser.send("SystemInfo.getProcessInfo");
    return processInfo.flatMap(({ type, id }) => (type === "renderer" && id > 0 ? [id] : []));
  };
  const killed = await renderers();
  for (const id of killed) process.kill(id, "SIGKILL");
  await wait(async () => !(await renderers()).some((id) => killed.includes(id)), () => "a killed renderer lives on");
  await browser.detach();
}

test(`a renderer is killed ${KILLS} times while it writes: no acknowledged write is missing, none is there twice`, async () => {
  const random = seeded(SEED);
  const acknowledged = new Set<string>();
  let onWrite = () => {};
  await context.exposeBinding("acknowledged", (_, title: string) => {
    acknowledged.add(title);
    onWrite();
  });
  const first = await stage.page(context);
  await first.evaluate(() => hl.signUp("otto"));
  stage.gateway.lost = 0.3;
  for (let kill = 0; kill < KILLS; kill++) {
    const page = await stage.page(context);
    let left = 3 + Math.floor(random() * 40);
    const enough = new Promise<void>((resolve) => (onWrite = () => void (--left || resolve())));
    await within("the store opens", page.evaluate(async (kill) => {
      await hl.back();
      hl.local.sync.start();
      const notes = hl.local.collection("notes");
      const write = async (writer: number) => {
        for (let at = 0; ; at++) {
          const title = `${kill} ${writer} ${at}`;
          await notes.create({ title });
          (globalThis as any).acknowledged(title);
        }
      };
      for (let writer = 0; writer < 3; writer++) void write(writer);
    }, kill));
    await within("the page writes", enough);
    const crashed = page.waitForEvent("crash");
    await within("the renderers are killed", killRenderers());
    await crashed;
    await within("the page closes", page.close());
  }
  stage.gateway.lost = 0;
  const page = await stage.page(context);
  const titles = await page.evaluate(async () => {
    await hl.back();
    hl.local.collection("notes");
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "online" && hl.local.outbox.list().length === 0);
    const titles = [];
    for await (const { title } of hl.client.collection("notes").iterate({ limit: 1000 })) titles.push(title);
    return titles;
  });
  const there = new Set(titles);
  console.log(`${acknowledged.size} acknowledged writes, ${titles.length} records after ${KILLS} kills`);
  expect(titles.length).toBe(there.size);
  expect([...acknowledged].filter((title) => !there.has(title))).toEqual([]);
}, 60_000 + KILLS * 15_000);

test(`a server is killed ${SERVER_KILLS} times while a page writes: each acknowledged write is there once`, async () => {
  const random = seeded(SEED);
  const page = await stage.page(context);
  await page.evaluate(async () => {
    await hl.back();
    await hl.client.auth.logOut();
    await hl.client.auth.signUp({ name: "pam", email: "pam@example.org", password: "7 lean oysters" });
    hl.local.sync.start();
    const kept: string[] = [];
    Object.assign(globalThis, { kept, isEnded: false });
    void (async () => {
      for (let at = 0; !(globalThis as any).isEnded; at++) {
        const { record } = await hl.local.collection("notes").create({ title: `server ${at}` });
        kept.push(record!.title);
        await hl.breathe();
      }
    })();
  });
  const kept = () => page.evaluate(() => (globalThis as any).kept.length as number);
  for (let kill = 0; kill < SERVER_KILLS; kill++) {
    const until = (await kept()) + 5 + Math.floor(random() * 60);
    await page.evaluate((until) => hl.until(() => (globalThis as any).kept.length >= until), until);
    await stage.server.kill();
    await stage.server.start();
  }
  const { own, titles } = await page.evaluate(async () => {
    (globalThis as any).isEnded = true;
    hl.local.sync.nudge();
    await hl.until(() => hl.local.outbox.list().length === 0);
    const titles = [];
    for await (const { title } of hl.client.collection("notes").iterate({ limit: 1000 })) {
      if (title.startsWith("server")) titles.push(title);
    }
    return { own: (globalThis as any).kept as string[], titles };
  });
  console.log(`${own.length} acknowledged writes, ${titles.length} records after ${SERVER_KILLS} kills of the server`);
  expect(titles.sort()).toEqual(own.sort());
}, 60_000 + SERVER_KILLS * 15_000);
