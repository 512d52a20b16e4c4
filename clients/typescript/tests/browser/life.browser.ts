import { join } from "node:path";
import { expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

const EVENTS = Number(process.env["EVENTS"] ?? 2_000);

async function staged(act: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await openStage();
  try {
    await act(stage);
  } finally {
    await stage.close();
  }
}

test("when the app changes under an old tab, it goes on by the new description and loses nothing", () => staged(async (stage) => {
  const page = await stage.page();
  await page.evaluate(async () => {
    await hl.signUp("ada");
    const notes = hl.local.collection("notes");
    hl.local.sync.start();
    await (await notes.create({ title: "short", body: "kept" })).settled();
  });
  await stage.server.stop();
  await page.evaluate(async () => {
    const notes = hl.local.collection("notes");
    await notes.create({ title: "brief" });
    await notes.create({ title: "longer than ten letters" });
  });
  const later = join(import.meta.dirname, "../support/later_app.py");
  stage.server.migrate(later);
  await stage.server.start(later);
  const result = await page.evaluate(async () => {
    const notes = hl.local.collection("notes");
    hl.local.sync.nudge();
    await hl.until(() => hl.local.outbox.counts().waiting === 0 && hl.local.sync.status.state === "online");
    await hl.until(async () => (await notes.list({ where: { title: "short" } })).items[0]?.status === "open");
    return {
      held: hl.local.outbox.list().map(({ state, problem }) => [state, problem?.code]),
      titles: (await notes.list()).items.map(({ title, status }) => [title, status]),
      long: await hl.refusal(() => notes.create({ title: "longer than ten letters" })),
      made: (await notes.create({ title: "new" })).record,
    };
  });
  expect(result.held).toEqual([["refused", "validation"]]);
  expect(result.titles).toEqual([["brief", "open"], ["short", "open"]]);
  expect(result.long).toMatchObject({ name: "ValidationFailed", sent: "no" });
  expect(result.made).toMatchObject({ title: "new", status: "open" });
}));

test(`memory stays flat over ${EVENTS} events`, () => staged(async (stage) => {
  const context = await stage.browser.newContext();
  const [page, writer] = [await stage.page(context), await stage.page()];
  const heap = await context.newCDPSession(page);
  const used = async () => {
    await heap.send("HeapProfiler.collectGarbage");
    return (await heap.send("Runtime.getHeapUsage")).usedSize;
  };
  await writer.evaluate(() => hl.signUp("bob"));
  await page.evaluate(async () => {
    await hl.signUp("ada");
    hl.local.collection("notes").watch({ sort: ["title"] }, () => {});
    hl.local.sync.start();
    await hl.until(() => hl.local.sync.status.state === "online");
  });
  const write = (from: number, count: number) => writer.evaluate(async ([from, count]) => {
    const { calls } = hl.client.internals;
    for (let at = from; at < from + count; at += 200) {
      const mutations = Array.from({ length: 200 }, (_, more) => ({
        seq: at + more, id: `m${at + more}`, timestamp: Date.now() / 1000, base: [],
        writes: [at + more <= 100
          ? { act: "create", collection: "notes", id: `n${at + more}`, body: { title: `note ${at + more}` } }
          : { act: "patch", collection: "notes", id: `n${((at + more) % 100) + 1}`, body: { body: `${at + more} `.repeat(50) } }],
      }));
      await calls.call("sync.push", { json: { device: "bob", acknowledged: at - 1, mutations } });
    }
  }, [from, count] as const);
  const arrived = (last: number) => page.evaluate((last) => hl.until(async () => {
    const { body } = await hl.local.collection("notes").get(`n${(last % 100) + 1}`).catch(() => ({}) as any);
    return body?.startsWith(`${last} `);
  }), last);
  await write(1, 400);
  await arrived(400);
  const before = await used();
  await write(401, EVENTS);
  await arrived(400 + EVENTS);
  const after = await used();
  console.log(`memory: ${before} bytes, after ${EVENTS} events ${after}`);
  expect(after - before).toBeLessThan(2_000_000);
}), 120_000);
