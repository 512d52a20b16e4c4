import { join } from "node:path";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStage, type Stage } from "../support/stage.js";

let stage: Stage;
let files: Map<string, string>;

beforeAll(async () => {
  stage = await openStage();
  // As the bundler of an app makes them: what is loaded later is in files of its own.
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "../support/page.ts")], outdir: "/parts",
    bundle: true, splitting: true, format: "esm", target: "es2022", write: false,
  });
  files = new Map(outputFiles.map(({ path, text }) => [path, text]));
});
afterAll(() => stage.close());

/** A page that can't load what is loaded later until `back` is called. */
async function pageWithoutLater(): Promise<{ page: Page; missed: Set<string>; back: () => void }> {
  const context = await stage.browser.newContext();
  const missed = new Set<string>();
  let isAway = true;
  await context.route(/\.js$/, (route) => {
    const { pathname } = new URL(route.request().url());
    if (isAway && pathname.includes("/later-")) {
      missed.add(pathname.replace(/-.*/, ""));
      return route.abort("connectionfailed");
    }
    const body = pathname === "/page.js" ? `import("/parts/page.js");` : files.get(pathname)!;
    return route.fulfill({ contentType: "text/javascript", body });
  });
  const page = await stage.page(context);
  await page.waitForFunction(() => "hl" in globalThis);
  return { page, missed, back: () => void (isAway = false) };
}

test("while synchronisation and filters can't be loaded, records are shown and kept; they are tried again", async () => {
  const { page, missed, back } = await pageWithoutLater();
  const before = await page.evaluate(async () => {
    await hl.signUp("ada");
    const notes = hl.local.collection("notes");
    hl.local.sync.start();
    await notes.create({ title: "kept" });
    await hl.until(() => hl.local.sync.status.state === "offline");
    const { items } = await notes.list();
    const { code } = await hl.refusal(() => notes.list({ filter: 'record.title.startsWith("k")' }));
    const { status } = hl.local.sync;
    return { titles: items.map(({ title }) => title), counts: hl.local.outbox.counts(), code, error: status.error?.code };
  });
  expect(before).toEqual({ titles: ["kept"], counts: { waiting: 1, held: 0 }, code: "network", error: "network" });
  expect([...missed]).toEqual(["/parts/later"]);
  back();
  const after = await page.evaluate(async () => {
    await hl.until(() => hl.local.outbox.list().length === 0 && hl.local.sync.status.state === "online");
    const { items, source } = await hl.local.collection("notes").list({ filter: 'record.title.startsWith("k")' });
    return { titles: items.map(({ title }) => title), source, state: hl.local.sync.status.state };
  });
  expect(after).toEqual({ titles: ["kept"], source: "device", state: "online" });
});

test("a live query whose filter can't be loaded has an error, and its records as soon as it can", async () => {
  const { page, back } = await pageWithoutLater();
  const code = await page.evaluate(async () => {
    await hl.signUp("ann");
    const found = hl.local.collection("notes").states({ filter: 'record.title.startsWith("k")' });
    found.subscribe(() => {});
    Object.assign(globalThis, { found });
    await hl.until(() => found.state.error);
    return found.state.error?.code;
  });
  expect(code).toBe("network");
  back();
  const titles = await page.evaluate(async () => {
    await hl.local.collection("notes").create({ title: "kept" });
    const { found } = globalThis as any;
    await hl.until(() => found.state.data);
    return found.state.data.map(({ title }: any) => title);
  });
  expect(titles).toEqual(["kept"]);
});
