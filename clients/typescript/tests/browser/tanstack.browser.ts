import { join } from "node:path";
import { build } from "esbuild";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { openStage } from "../support/stage.js";
import "./tanstack_page.js";

test("live queries of TanStack DB follow other tabs and browsers, and keep what was written without a network", async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "tanstack_page.ts")], bundle: true, format: "iife", target: "es2022", write: false,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  const stage = await openStage();
  const titles = async (page: Page, expected: string[]) =>
    page.evaluate((expected) => hl.until(() => db.titles().join() === expected.join()), expected);
  const followed = async (page: Page, enter: () => Promise<void>) => {
    await page.evaluate(enter);
    await page.addScriptTag({ content: outputFiles[0]!.text });
    await page.evaluate(async () => {
      hl.local.sync.start();
      await db.follow();
    });
    return page;
  };
  try {
    const context = await stage.browser.newContext();
    const tab = await followed(await stage.page(context), () => hl.signUp("ada"));
    const other = await followed(await stage.page(context), () => hl.back());
    const far = await followed(await stage.page(), () => hl.signUp("bob"));
    await tab.evaluate(async () => {
      await db.notes.insert([
        { id: "a", title: "a", word: "hot" }, { id: "b", title: "b", word: "hot" }, { id: "c", title: "c", word: "cold" },
      ]).isPersisted.promise;
    });
    for (const page of [tab, other, far]) await titles(page, ["b", "a"]);
    await far.evaluate(async () => {
      await db.notes.update("c", (note) => void (note.word = "hot")).isPersisted.promise;
    });
    for (const page of [tab, other, far]) await titles(page, ["c", "b", "a"]);

    stage.gateway.isDown = true;
    stage.gateway.cut();
    await other.evaluate(async () => {
      await db.notes.insert({ id: "d", title: "d", word: "hot" }).isPersisted.promise;
      await db.notes.delete("a").isPersisted.promise;
    });
    await titles(tab, ["d", "c", "b"]);
    await other.reload();
    await followed(other, () => hl.back());
    await titles(other, ["d", "c", "b"]);
    expect(await far.evaluate(() => db.titles())).toEqual(["c", "b", "a"]);
    stage.gateway.isDown = false;
    await titles(far, ["d", "c", "b"]);
  } finally {
    await stage.close();
  }
});
