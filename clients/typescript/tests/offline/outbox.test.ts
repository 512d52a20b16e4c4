import { expect, test } from "vitest";
import { applied, lost, nothing, Scripted } from "../support/scripted_client.js";

const TASKS = { collections: [{
  name: "tasks", ids: "integer", fields: { title: { kind: "text" }, after: { kind: "integer", minimum: 1 } },
}] };

test("a discarded creation takes with it the unsent writes that need it, and no other", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  const made = await notes.create({ title: "a" });
  const edit = await notes.update(made.id, { title: "b" });
  const other = await notes.create({ title: "other" });
  await self.local.outbox.discard(made.mutation);
  const outcomes = await Promise.all([made, edit].map(({ settled }) => settled()));
  expect(outcomes.map(({ status }) => status)).toEqual(["discarded", "discarded"]);
  expect(self.local.outbox.list().map(({ id }) => id)).toEqual([other.mutation]);
  expect((await notes.list()).items.map(({ title }) => title)).toEqual(["other"]);
});

test("an unsent write can be edited, and what lies on top of it follows", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  const made = await notes.create({ title: "a", count: 1 });
  await notes.update(made.id, { count: { $increment: 2 } });
  await self.local.outbox.edit(made.mutation, { title: "b", count: 10 });
  expect(await notes.get(made.id)).toMatchObject({ title: "b", count: 12 });
  await expect(self.local.outbox.edit("none", {})).rejects.toMatchObject({ code: "not_found" });
});

test("several writes happen together or not at all", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  await notes.create({ id: "a", title: "a" } as any);
  await expect(self.local.write([
    { act: "create", collection: "notes", body: { title: "b" } },
    { act: "create", collection: "notes", id: "a", body: { title: "again" } },
  ])).rejects.toMatchObject({ code: "conflict" });
  expect((await notes.list()).items.length).toBe(1);
  const { ids } = await self.local.write([
    { act: "create", collection: "notes", body: { title: "b" } },
    { act: "patch", collection: "notes", id: "a", body: { title: "c" } },
  ]);
  expect(ids[1]).toBe("a");
  expect((await notes.list({ sort: ["title"] })).items.map(({ title }) => title)).toEqual(["b", "c"]);
  expect(self.local.outbox.counts()).toEqual({ waiting: 2, held: 0 });
});

test("a creation that names a record's field replaces the record with the same value", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  const first = await notes.create({ code: "x", title: "a" });
  const second = await notes.create({ code: "x", title: "b" }, { replaceOn: "code" });
  expect(second.id).toBe(first.id);
  expect((await notes.list()).items).toMatchObject([{ code: "x", title: "b" }]);
});

test("ids that the server gives take the place of temporary ones; a restored server gives others", async () => {
  const self = await new Scripted().open();
  self.describe = () => TASKS;
  const tasks = self.local.collection("tasks");
  await self.local.sync.now();
  const first = await tasks.create({ title: "first" });
  const second = await tasks.create({ title: "second", after: first.id as number });
  let next = 41;
  self.push = (push) => ({
    settled: push.mutations.at(-1)!.seq,
    results: push.mutations.map(({ seq }) => ({ seq, status: "applied", revision: seq, ids: { 0: next++ } })),
  });
  const pull = self.pull;
  self.pull = lost;
  await self.local.sync.now().catch(() => {});
  expect(self.pushes.map(({ mutations }) => mutations.length)).toEqual([1, 1]); // the second waits for the id of the first
  expect(self.pushes[1]!.mutations[0]!.writes[0]!.body).toEqual({ title: "second", after: 41 });
  expect(await tasks.get(first.id)).toMatchObject({ id: 41, title: "first" });
  expect(await tasks.get(second.id)).toMatchObject({ id: 42, after: 41 });
  await tasks.update(41, { title: "changed" });
  next = 7;
  let isRestored = true;
  self.pull = (asked) => ({ ...(pull(asked) as object), changes: [], cursor: "r", ...(isRestored && { settled: 0 }) });
  self.push = (push) => {
    isRestored &&= push.mutations[0]!.seq === 3;
    return {
      settled: push.mutations.at(-1)!.seq,
      results: push.mutations.map(({ seq, writes }) => ({
        seq, status: "applied", revision: seq, ...(writes[0]!.act === "create" && { ids: { 0: next++ } }),
      })),
    };
  };
  await self.local.sync.now().catch(() => {});
  expect(self.pushes.slice(2).map(({ mutations }) => mutations.map(({ seq }) => seq))).toEqual([[3], [1], [2, 3]]);
  expect(self.pushes.at(-1)!.mutations[0]!.writes[0]!.body).toEqual({ title: "second", after: 7 });
  const renamed = self.pushes.flatMap(({ mutations }) => mutations).filter(({ writes }) => writes[0]!.act === "patch").at(-1);
  expect(renamed!.writes[0]).toMatchObject({ id: 7 });
});

test("nobody who is not signed in keeps a write", async () => {
  const self = await new Scripted().open();
  await self.turnTo({ kind: "signedOut", reason: "log_out" });
  await expect(self.local.collection("notes").create({ title: "x" })).rejects.toMatchObject({ code: "unauthorized", sent: "no" });
  self.push = applied;
  self.pull = nothing;
  await self.local.sync.now();
  expect(self.pushes).toEqual([]);
  expect(self.pulls[0]).not.toHaveProperty("device");
});
