import { expect, test, vi } from "vitest";
import { applied, nothing, refused, Scripted, unreachable } from "../support/scripted_client.js";

const record = (id: string, revision: number) =>
  ({ id, title: id, revision, created_at: `${revision}`, updated_at: `${revision}` });
const change = (id: string, revision: number) =>
  ({ kind: "update" as const, collection: "notes", id, revision, record: record(id, revision) });

async function online(): Promise<Scripted> {
  const self = await new Scripted().open();
  self.local.collection("notes");
  self.local.sync.start();
  await self.pass();
  self.emit!({ kind: "ready" });
  await self.pass();
  expect(self.local.sync.status.state).toBe("online");
  return self;
}

test("while the server is away the waits grow from 0.25 to 4 seconds, and a nudge ends them", async () => {
  const self = await new Scripted().open();
  self.local.collection("notes");
  self.pull = unreachable;
  self.local.sync.start();
  await self.pass();
  const waits: number[] = [];
  for (let failure = 0; failure < 6; failure++) {
    waits.push(self.clock.waits.at(-1)!);
    await self.pass(self.clock.waits.at(-1)!);
  }
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 4000]);
  expect(self.local.sync.status).toMatchObject({ state: "offline", error: { code: "connect" } });
  self.pull = nothing;
  self.local.sync.nudge();
  await self.pass();
  expect(self.local.sync.status.state).toBe("online");
});

test("a live commit settles own writes without a pull; one that does not come back is pulled after 2 seconds", async () => {
  const self = await online();
  const before = self.pulls.length;
  self.push = (push) => applied(push, 5);
  await self.create("a");
  await self.pass();
  expect([self.states, self.pulls.length]).toEqual([["applied"], before]);
  self.emit!({ revision: 5, cursor: "5", changes: [change("a", 5)] });
  await self.pass();
  expect([self.states, self.pulls.length]).toEqual([[], before]);
  self.push = (push) => applied(push, 6);
  await self.create("b");
  await self.pass(1_999);
  expect(self.pulls.length).toBe(before);
  self.pull = (pull) => ({ ...nothing(pull), settled: 2 });
  await self.pass(1);
  expect([self.states, self.pulls.length]).toEqual([[], before + 1]);
});

test("where nothing new is reported it pulls every 30 seconds", async () => {
  const self = await online();
  const before = self.pulls.length;
  await self.pass(29_999);
  expect(self.pulls.length).toBe(before);
  await self.pass(1);
  expect(self.pulls.length).toBe(before + 1);
});

test("a refused session pauses until somebody signs in, and the outbox waits", async () => {
  const self = await new Scripted().open();
  self.push = () => refused("unauthorized", 401);
  self.local.sync.start();
  await self.create("a");
  await self.pass();
  expect(self.local.sync.status).toMatchObject({ state: "paused", error: { code: "unauthorized" } });
  await self.turnTo({ kind: "signedOut", reason: "refused" });
  await self.pass(120_000);
  expect([self.pushes.length, self.local.account, self.states]).toEqual([1, "ada", ["pending"]]);
  self.push = applied;
  await self.turnTo({ kind: "signedIn", user: { id: "ada" } });
  await self.pass();
  expect(self.local.sync.status.state).toBe("online");
  expect(self.pushes.length).toBe(2);
});

test("what was missed by the stream is pulled before a later commit is taken", async () => {
  const self = await online();
  const before = self.pulls.length;
  self.emit!({ kind: "resync" });
  self.emit!({ revision: 9, cursor: "9", changes: [change("z", 9)] });
  self.pull = (pull) => ({ ...nothing(pull), changes: [change("y", 8), change("z", 9)] });
  await self.pass();
  expect(self.pulls.length).toBe(before + 1);
  const { items } = await self.local.collection("notes").list();
  expect(items.map(({ id }) => id)).toEqual(["z", "y"]);
});

test("an outcome that was waited for is known after the next start too, and of an unknown write nothing is", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  const { id } = self.local.outbox.list()[0]!;
  await self.local.sync.now();
  await self.again();
  expect(await self.local.outbox.settled(id)).toMatchObject({ status: "applied", revision: 1 });
  await expect(self.local.outbox.settled("other")).rejects.toMatchObject({ code: "not_found" });
});

test("timestamps and ids grow though the clock goes back, also over a restart", async () => {
  const self = await new Scripted().open();
  await self.local.collection("notes").create({ title: "one" });
  self.clock.jump = -3_600_000;
  await self.local.collection("notes").create({ title: "two" });
  await self.again();
  await self.local.collection("notes").create({ title: "three" });
  const entries = self.local.outbox.list();
  const times = entries.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort((one, other) => one - other));
  expect(new Set(times).size).toBe(3);
  expect(entries.map(({ id }) => id)).toEqual(entries.map(({ id }) => id).sort());
  expect((await self.local.collection("notes").list()).items.map(({ title }) => title)).toEqual(["three", "two", "one"]);
});

test("a server that has none of the collections is asked again after 30 seconds, and not before", async () => {
  const self = await new Scripted().open();
  self.local.collection("nots");
  self.local.sync.start();
  await self.pass();
  const before = self.pulls.length;
  self.pull = () => refused("unknown_collection", 404, { collection: "nots" });
  self.local.sync.nudge();
  const transactions = vi.spyOn(IDBDatabase.prototype, "transaction");
  await self.pass(29_000);
  expect(self.pulls.length).toBe(before + 1);
  expect(transactions.mock.calls.length).toBeLessThan(10);
  expect(self.local.collection("nots").states().state).toMatchObject({ error: { code: "unknown_collection" } });
});

test("a stop while a round's last answer is kept opens no stream", async () => {
  const self = await new Scripted().open();
  let stopped: Promise<void> | undefined;
  self.local.collection("notes").watch({}, (rows) => void (rows.length && (stopped ??= self.local.sync.stop())));
  self.pull = (pull) => ({ ...nothing(pull), changes: [change("a", 5)] });
  self.local.sync.start();
  await self.pass();
  await stopped;
  expect([self.pulls.length, self.emit, self.local.sync.status.state]).toEqual([1, undefined, "stopped"]);
});

test("a watcher may stop what has just been started", async () => {
  const self = await new Scripted().open();
  self.local.sync.watch(({ state }) => void (state === "connecting" && self.local.sync.stop()));
  self.local.sync.start();
  await self.pass();
  expect([self.pulls, self.local.sync.status.state]).toEqual([[], "stopped"]);
});

test("a stop does not wait for a description that does not come", async () => {
  const self = await new Scripted().open();
  self.describe = () => new Promise(() => {});
  self.local.sync.start();
  await self.pass();
  await self.local.sync.stop();
  expect(self.local.sync.status.state).toBe("stopped");
});

test("a live event is taken at once, however closely it comes behind another", async () => {
  const self = await online();
  for (let turns = 0; turns < 12; turns++) {
    const id = `behind-${turns}`;
    self.emit!({ kind: "ready" });
    for (let turn = 0; turn < turns; turn++) await null;
    self.emit!({ revision: 5 + turns, cursor: id, changes: [change(id, 5 + turns)] });
    await self.pass();
    expect((await self.local.collection("notes").list()).items.map((note) => note.id)).toContain(id);
  }
});
