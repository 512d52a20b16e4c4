import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Memory, newMemory, newSpace, putMutation, put } from "../../src/offline/memory.js";
import { nextPush } from "../../src/offline/results.js";
import type { Mutation } from "../../src/offline/types.js";
import { nextPost } from "../../src/queue/posting.js";
import { verdict } from "../../src/queue/verdicts.js";

type Case = Record<string, any>;

const FILE = join(import.meta.dirname, "../../../../contract/vectors/graphql/outbox.json");
const { cases } = JSON.parse(readFileSync(FILE, "utf8")) as { cases: Case[] };

function holding(entries: Case[]): Memory {
  const memory = Object.assign(newMemory(), { account: "ada" });
  put(memory, "spaces", "ada", { ...newSpace(0), nextSeq: 100 });
  entries.forEach((entry, number) => {
    const isDocument = entry["is"] === "document";
    const state: Mutation["state"] = entry["state"];
    putMutation(memory, {
      number, id: `m${number}`, state, seq: isDocument || state === "pending" || state === "refused" ? null : number + 1,
      timestamp: 1, base: [],
      writes: isDocument ? [] : [{ act: "create", collection: "notes", parent: "", id: `n${number}`, body: {} }],
      ...(isDocument && { document: { query: "", operation: "", variables: {}, key: "k" } }),
    });
  });
  return memory;
}

function next(entries: Case[]): Case {
  const memory = holding(entries);
  const at = (id: string) => Number(id.slice(1));
  const push = nextPush(memory, 200);
  if (push) return { push: push.mutations.map(({ id }) => at(id)) };
  const post = nextPost(memory, 2);
  return post ? { post: at(post.id) } : {};
}

const run = ({ call, status, errors, data, entries }: Case): unknown =>
  call === "verdict" ? verdict(status, errors, data) : next(entries);

test("the rules of the outbox's documents are those of each client", () => {
  const wrong = cases.map((each) => ({ each, found: run(each) }))
    .filter(({ each, found }) => JSON.stringify(found) !== JSON.stringify(each["expected"]));
  expect(wrong).toEqual([]);
  expect(cases.length).toBeGreaterThan(100);
});
