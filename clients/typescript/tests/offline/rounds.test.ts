import { expect, test } from "vitest";
import { applied, lost, nothing, refused, Scripted, unreachable } from "../support/scripted_client.js";

const seqs = ({ pushes }: Scripted) => pushes.map(({ mutations }) => mutations.map(({ seq }) => seq));

test("a push has at most 200 mutations, and acknowledges what was answered before", async () => {
  const self = await new Scripted().open();
  const notes = self.local.collection("notes");
  await Promise.all(Array.from({ length: 250 }, (_, at) => notes.create({ title: `${at}` })));
  await self.local.sync.now();
  expect(self.pushes.map(({ mutations }) => mutations.length)).toEqual([200, 50]);
  expect(self.pushes.map(({ acknowledged }) => acknowledged)).toEqual([0, 200]);
  expect(self.pushes[0]!.mutations.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1));
});

test("a push has at most 1,000 writes", async () => {
  const self = await new Scripted().open();
  const writes = (from: number) => Array.from({ length: 400 }, (_, at) =>
    ({ act: "create" as const, collection: "notes", id: `n${from + at}`, body: { title: "x" } }));
  for (const from of [0, 400, 800]) await self.local.write(writes(from));
  await self.local.sync.now();
  expect(self.pushes.map(({ mutations }) => mutations.length)).toEqual([2, 1]);
});

test("a push whose answer was lost is sent again as it was; one that was certainly not sent gives its seqs back", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  self.push = lost;
  await expect(self.local.sync.now()).rejects.toMatchObject({ code: "connection_lost" });
  expect(self.states).toEqual(["sent"]);
  await expect(self.local.outbox.discard(self.local.outbox.list()[0]!.id)).rejects.toMatchObject({ code: "already_sending" });
  self.push = unreachable;
  await self.create("b");
  await expect(self.local.sync.now()).rejects.toMatchObject({ code: "connect" });
  expect(self.states).toEqual(["sent", "pending"]);
  self.push = applied;
  await self.local.sync.now();
  expect(seqs(self)).toEqual([[1], [], [1, 2], [1, 2]]);
  expect(self.pushes[3]!.mutations[0]).toEqual(self.pushes[0]!.mutations[0]);
});

test("a mutation that fails eight times while the server answers others is withdrawn and held with its reason", async () => {
  const self = await new Scripted().open();
  await self.create("good", "bad", "fine");
  const isBad = (title: string) => title === "bad";
  self.push = (push) => {
    if (push.mutations.some(({ writes }) => writes.some(({ id }) => isBad(String(id))))) return refused("internal", 500);
    return {
      settled: push.mutations.at(-1)?.seq ?? 0,
      results: push.mutations.map(({ seq, writes }) =>
        ({ seq, status: writes.length ? "applied" as const : "withdrawn" as const, revision: 1 })),
    };
  };
  for (let round = 0; round < 8; round++) await self.local.sync.now().catch(() => {});
  const [held] = self.local.outbox.list();
  expect(self.states).toEqual(["refused"]);
  expect(held!.problem).toMatchObject({ code: "internal", status: 500 });
  expect(self.pushes.at(-2)!.mutations.map(({ id, writes }) => [id === held!.id, writes.length])).toEqual([[true, 0]]);
  await expect(self.local.collection("notes").get("bad")).rejects.toMatchObject({ code: "not_found" });
  self.push = applied;
  const again = await self.local.outbox.retry(held!.id);
  await self.local.sync.now();
  expect((await again.settled()).status).toBe("applied");
});

test("an outage withdraws nothing", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  self.push = lost;
  for (let round = 0; round < 12; round++) await self.local.sync.now().catch(() => {});
  expect(self.states).toEqual(["sent"]);
});

test("a push that is refused for its content is cut in halves, and what causes it is withdrawn at once", async () => {
  const self = await new Scripted().open();
  await self.create("a", "b", "bad", "d");
  self.push = (push) => {
    if (push.mutations.some(({ writes }) => writes.some(({ id }) => id === "bad"))) return refused("too_large", 413);
    return { settled: push.mutations.at(-1)?.seq ?? 0, results: push.mutations.map(({ seq, writes }) =>
      ({ seq, status: writes.length ? "applied" as const : "withdrawn" as const, revision: 1 })) };
  };
  await self.local.sync.now();
  expect(self.local.outbox.list().map(({ state, problem }) => [state, problem?.code])).toEqual([["refused", "too_large"]]);
});

test("another store with the same device id: this one goes on as another device with the same mutations", async () => {
  const self = await new Scripted().open();
  await self.create("a", "b");
  const ids = self.local.outbox.list().map(({ id }) => id);
  const first = { device: "" };
  self.push = (push) => {
    first.device ||= push.device;
    return push.device === first.device ? refused("fork", 409, { settled: 9 }) : applied(push);
  };
  await self.local.sync.now();
  const last = self.pushes.at(-1)!;
  expect(last.device).not.toBe(first.device);
  expect(last).toMatchObject({ acknowledged: 0, mutations: [{ seq: 1, id: ids[0] }, { seq: 2, id: ids[1] }] });
});

test("a restored server that has forgotten seqs gets them again, as far as they are here", async () => {
  const self = await new Scripted().open();
  self.pull = (pull) => ({ ...nothing(pull), settled: 0 });
  await self.create("a", "b");
  self.push = (push) => applied(push, 5);
  self.pull = () => unreachable();
  await self.local.sync.now().catch(() => {});
  expect(self.states).toEqual(["applied", "applied"]);
  await self.create("c");
  let isFirst = true;
  self.push = (push) => (isFirst ? ((isFirst = false), refused("gap", 409, { expected: 2 })) : applied(push, 7));
  self.pull = (pull) => ({ ...nothing(pull), settled: 3 });
  await self.local.sync.now();
  expect(seqs(self)).toEqual([[1, 2], [3], [2, 3]]);
  expect(self.states).toEqual([]);
});

test("a server that names a gap again and again continues as another device", async () => {
  const self = await new Scripted().open();
  await self.create("a");
  const devices = new Set<string>();
  self.push = (push) => {
    devices.add(push.device);
    return devices.size < 2 ? refused("gap", 409, { expected: 1 }) : applied(push);
  };
  await self.local.sync.now();
  expect(self.pushes.length).toBe(5);
  expect(self.states).toEqual([]);
});

test("a pull goes on page by page, and an invalid cursor starts again without losing what is there", async () => {
  const self = await new Scripted().open();
  const change = (id: string, revision: number) => ({
    kind: "create" as const, collection: "notes", id, revision,
    record: { id, title: id, revision, created_at: `${revision}`, updated_at: "" },
  });
  self.pull = ({ cursor }) => cursor === ""
    ? { changes: [change("a", 1)], cursor: "1", more: true } : { changes: [change("b", 2)], cursor: "2", complete: ["notes"] };
  const notes = self.local.collection("notes");
  await self.local.sync.now();
  expect(self.pulls.map(({ cursor }) => cursor)).toEqual(["", "1"]);
  expect((await notes.list()).items.map(({ id }) => id)).toEqual(["b", "a"]);
  self.pull = ({ cursor }) => cursor
    ? refused("invalid_cursor", 400) : { changes: [change("b", 2), change("c", 3)], cursor: "3" };
  await self.local.sync.now();
  expect((await notes.list()).items.map(({ id }) => id)).toEqual(["c", "b"]);
});

test("a collection that the server does not have keeps no other from being fetched, and is reported", async () => {
  const self = await new Scripted().open();
  self.local.collection("notes");
  self.local.collection("nots");
  self.pull = (pull) => pull.collections.includes("nots")
    ? refused("unknown_collection", 404, { collection: "nots" }) : nothing(pull);
  await expect(self.local.sync.now()).rejects.toMatchObject({ code: "unknown_collection" });
  expect(self.pulls.at(-1)!.collections).toEqual(["notes"]);
  expect(self.local.collection("nots").states().state).toMatchObject({ error: { code: "unknown_collection" }, isLoading: false });
});
