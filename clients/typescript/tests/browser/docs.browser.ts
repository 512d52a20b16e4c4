import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { expect, test } from "vitest";
import { openStage } from "../support/stage.js";

test("the blocks of the page on the local store run, in their order", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../../../docs/typescript-offline.md"), "utf8");
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```/gms)].map(([, block]) => block!);
  expect(blocks.length).toBeGreaterThan(3);
  const { code } = await transform(blocks.join("\n"), { loader: "ts" });
  const body = code.replace(/^import .*$/gm, "");
  const stage = await openStage();
  try {
    const visitor = await stage.page();
    const said = await visitor.evaluate(async (body) => {
      await hl.signUp("ada");
      const lines: string[] = [];
      const write = { log: (...words: unknown[]) => lines.push(JSON.stringify(words)) };
      const { createClient, openLocal, graphql, mutationQueue } = hl;
      const names = ["createClient", "openLocal", "graphql", "mutationQueue", "console"];
      const run = new Function(...names, `return (async () => {${body}})()`);
      await run(createClient, openLocal, graphql, mutationQueue, write);
      return lines;
    }, body);
    expect(said.some((line) => line.includes('"applied"'))).toBe(true);
    expect(said).toContain('[["Without a network"]]');
    expect(said).toContain('["On the train"]');
  } finally {
    await stage.close();
  }
});
