import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

const RECORDS = Number(process.env["RECORDS"] ?? 5_000);
const IS_FULL = RECORDS >= 25_000;
const RUNS = IS_FULL ? 5 : 1;
const LEAST = IS_FULL ? 0.9 : 0.3; // of the rate of IndexedDB alone; a small run says less

let stage: Stage;
beforeAll(async () => void (stage = await openStage()));
afterAll(() => stage.close());

test("where the device is full, a write says so and nothing is lost; with room again it goes on", async () => {
  const context = await stage.onDisk();
  const page = await stage.page(context);
  const control = await context.newCDPSession(page);
  await control.send("Storage.overrideQuotaForOrigin", { origin: stage.gateway.url, quotaSize: 400_000 });
  await page.evaluate(async () => {
    await hl.signUp("tom");
    await hl.local.sync.now();
    hl.local.sync.start();
  });
  const fill = (name: string) => page.evaluate(async (name) => {
    const notes = hl.local.collection("notes");
    const kept: string[] = [];
    const text = (bytes: number) => // that can't be compressed
      Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    const error = await hl.refusal(async () => {
      for (let at = 0; at < 400; at++) {
        const { record } = await notes.create({ title: `${name} ${at}`, body: text(4_500) });
        kept.push(record!.title);
      }
    });
    const there = (await notes.list({ limit: 1000 })).items.map(({ title }) => title);
    return { kept, error, there };
  }, name);
  const full = await fill("note");
  expect(full.error).toMatchObject({ name: "StoreError", code: "store_full" });
  expect(full.kept.length).toBeGreaterThan(5);
  expect(full.there.sort()).toEqual(full.kept.sort());
  await page.reload();
  await page.evaluate(async () => { // a full device opens what it has
    await hl.back();
    hl.local.sync.start();
  });
  const again = await fill("again");
  expect(again.error).toMatchObject({ name: "StoreError", code: "store_full" });
  expect(again.there.sort()).toEqual([...full.kept, ...again.kept].sort());
  await control.send("Storage.overrideQuotaForOrigin", { origin: stage.gateway.url, quotaSize: 400_000_000 });
  const sent = await page.evaluate(async () => {
    await hl.local.collection("notes").create({ title: "room again" });
    hl.local.sync.nudge();
    await hl.until(() => hl.local.outbox.list().length === 0);
    return (await hl.client.collection("notes").list({ limit: 1000 })).items.map(({ title }) => title);
  });
  expect(sent.sort()).toEqual([...full.kept, ...again.kept, "room again"].sort());
});

test("a browser that keeps no data for the site says so", async () => {
  const context = await stage.onDisk({ profile: { default_content_setting_values: { cookies: 2 } } });
  const page = await stage.page(context);
  expect(await page.evaluate(() => hl.refusal(() => hl.enter())))
    .toMatchObject({ name: "StoreError", code: "store_unavailable", advice: expect.stringContaining("allow this site") });
});

test(`the first synchronisation of ${RECORDS} records shows its progress; its rate is near that of IndexedDB alone`, async () => {
  const context = await stage.onDisk();
  const page = await stage.page(context);
  await page.evaluate(async (count) => {
    await hl.signUp("uma");
    const bodies = Array.from({ length: count }, (_, at) => ({ title: `record ${at}`, body: `text ${at} `.repeat(8) }));
    const { internals: { calls } } = hl.client;
    for (let at = 0; at < count; at += 1000) {
      const mutations = [0, 500].map((more, index) => ({
        seq: (at / 500) + index + 1, id: `first-${at + more}`, timestamp: Date.now() / 1000, base: [],
        writes: bodies.slice(at + more, at + more + 500).map(({ title, body }, place) => ({
          act: "create", collection: "notes", id: `uma-${at + more + place}`, body: { title, body },
        })),
      }));
      await calls.call("sync.push", { json: { device: "maker", acknowledged: at / 500, mutations } });
    }
  }, RECORDS);
  const measured = await page.evaluate(async (count) => {
    const { calls } = hl.client.internals;
    /** The same pages, put as they come. */
    async function raw(name: string) {
      const started = performance.now();
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onupgradeneeded = () => request.result.createObjectStore("records");
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
      let records = 0;
      for (let cursor = "", more = true; more; ) {
        const page = await calls.call("sync.pull", { json: { collections: ["notes"], cursor, limit: 1000 } });
        const work = database.transaction("records", "readwrite", { durability: "relaxed" });
        for (const { id, record } of page["changes"]) work.objectStore("records").put(record, ["notes", "", id]);
        await new Promise((resolve) => (work.oncomplete = resolve));
        records += page["changes"].length;
        cursor = page["cursor"];
        more = page["more"];
      }
      database.close();
      return { seconds: (performance.now() - started) / 1000, records };
    }
    async function own() {
      const started = performance.now();
      const seen: number[] = [];
      const stop = hl.local.sync.watch(({ progress }) => progress && seen.push(progress.records));
      hl.local.collection("notes");
      await hl.local.sync.now();
      stop();
      const seconds = (performance.now() - started) / 1000;
      const { total } = await hl.local.collection("notes").list({ total: true });
      return { seconds, records: total!, seen, last: hl.local.sync.status.progress };
    }
    const runs = [];
    for (let run = 0; run < count; run++) {
      const before = await raw(`raw ${run}`);
      await hl.local.wipe();
      runs.push({ raw: before, own: await own() });
    }
    return runs;
  }, RUNS);
  for (const { raw, own } of measured) {
    expect(own.records).toBeGreaterThanOrEqual(RECORDS);
    expect(own.records).toBe(raw.records);
    expect(own.seen.length).toBeGreaterThanOrEqual(RECORDS / 1000 - 1); // for each page but the last
    expect(own.seen).toEqual([...own.seen].sort((one, other) => one - other));
    expect(own.last).toBeUndefined();
    console.log(`first synchronisation: ${own.seconds.toFixed(2)} s, IndexedDB alone ${raw.seconds.toFixed(2)} s:`
      + ` ${Math.round((100 * raw.seconds) / own.seconds)} % of its rate`);
  }
  const seconds = (which: "raw" | "own") => measured.reduce((sum, run) => sum + run[which].seconds, 0);
  expect(seconds("raw") / seconds("own")).toBeGreaterThanOrEqual(LEAST);
});
