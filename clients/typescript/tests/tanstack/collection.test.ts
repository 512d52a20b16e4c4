import "fake-indexeddb/auto";
import { join } from "node:path";
import { and, createCollection, createLiveQueryCollection, createTransaction, eq, gt } from "@tanstack/db";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Client, createClient, HinterlandError, memoryVault } from "../../src/index.js";
import { type Local, openLocal } from "../../src/offline/index.js";
import { hinterlandCollectionOptions } from "../../src/tanstack/index.js";
import { startServer, type Server } from "../support/server.js";
import { wait } from "../support/wait.js";

interface Note {
  id: string;
  title: string;
  body?: string | null;
  count?: number;
  code?: string;
  data?: { deep?: { kept?: number; gone?: number } };
}
interface Task {
  id: string | number;
  title: string;
  after?: number | null;
}

let server: Server;
let number = 0;
const open: { client: Client; local: Local }[] = [];

beforeAll(async () => {
  server = await startServer(join(import.meta.dirname, "../support/app.py"));
});
afterAll(() => server.close());
afterEach(async () => {
  for (const { client, local } of open.splice(0)) await local.wipe(), await local.close(), client.close();
  const { client } = await device(false);
  for (const name of ["notes", "tasks"]) {
    for await (const { id } of client.collection(name).iterate()) await client.collection(name).delete(id);
  }
});

/** A device with a user of its own, whose store is synchronised. */
async function device(isSynchronised = true) {
  const client = createClient({ url: server.url, vault: memoryVault() });
  const local = await openLocal(client, { name: `tanstack-${++number}`, collections: ["notes", "tasks"] });
  await client.auth.signUp({ name: "Ada", email: `ada${number}@example.org`, password: "7 lean oysters" });
  if (isSynchronised) await local.sync.now();
  open.push({ client, local });
  const notes = createCollection(hinterlandCollectionOptions<Note>(local, "notes"));
  return { client, local, notes };
}

const until = (is: () => boolean) => wait(async () => is(), () => `in vain: ${is}`);
const titles = (collection: { toArray: { title: string }[] }) => collection.toArray.map(({ title }) => title).sort();
const note = (id: string, more: Partial<Note> = {}): Note => ({ id, title: id, ...more });

test("a collection is ready with the records of the device, which load as soon as it is asked", async () => {
  const { client, notes } = await device();
  expect(notes.status).toBe("idle");
  await notes.preload();
  expect([notes.status, notes.size]).toEqual(["ready", 0]);
  await client.collection<Note>("notes").create(note("a"));
  await open.at(-1)!.local.sync.now();
  await until(() => notes.has("a"));
});

test("before the first synchronisation a collection is not ready, and is as soon as it is complete", async () => {
  const { local, notes } = await device(false);
  const loading = notes.preload();
  expect(notes.status).toBe("loading");
  await local.sync.now();
  await loading;
  expect(notes.status).toBe("ready");
});

test("an insert, update and delete are visible at once, stored before they are complete, and arrive at the server", async () => {
  const { client, local, notes } = await device();
  await notes.preload();
  const inserted = notes.insert(note("a", { count: 1 }));
  expect(notes.get("a")?.title).toBe("a");
  await inserted.isPersisted.promise;
  expect(local.outbox.list().map(({ writes }) => writes[0]!.act)).toEqual(["create"]);
  expect(notes.get("a")).toMatchObject({ title: "a", count: 1 });
  await notes.update("a", (draft) => void (draft.title = "b")).isPersisted.promise;
  await local.sync.now();
  expect(await client.collection<Note>("notes").get("a")).toMatchObject({ title: "b", count: 1 });
  await notes.delete("a").isPersisted.promise;
  expect(notes.has("a")).toBe(false);
  await local.sync.now();
  expect((await client.collection("notes").list()).items).toEqual([]);
});

test("a collection never lacks what a transaction has shown, while that goes over to the records", async () => {
  const { notes } = await device();
  await notes.preload();
  const seen: string[] = [];
  notes.subscribeChanges((changes) => seen.push(...changes.map(({ type, key }) => `${type} ${key}`)));
  await notes.insert(note("a")).isPersisted.promise;
  await notes.update("a", (draft) => void (draft.title = "b")).isPersisted.promise;
  expect(seen.filter((change) => change.startsWith("delete"))).toEqual([]);
  expect(notes.get("a")?.title).toBe("b");
});

test("several inserts of one call are one write, applied together or not at all", async () => {
  const { local, notes } = await device();
  await notes.preload();
  await notes.insert([note("a"), note("b")]).isPersisted.promise;
  expect(local.outbox.list().map(({ writes }) => writes.length)).toEqual([2]);
  const refused = notes.insert([note("c"), { id: "d" } as Note]);
  await expect(refused.isPersisted.promise).rejects.toMatchObject({ code: "validation", errors: { title: ["is required"] } });
  expect(titles(notes)).toEqual(["a", "b"]);
});

test("an update of an object's member writes that member only, and removes what was deleted", async () => {
  const { client, local, notes } = await device();
  await notes.preload();
  await notes.insert(note("a", { body: "text", count: 1, data: { deep: { kept: 1, gone: 2 } } })).isPersisted.promise;
  await notes.update("a", (draft) => {
    delete draft.data!.deep!.gone;
    draft.body = null;
  }).isPersisted.promise;
  expect(local.outbox.list().at(-1)!.writes[0]!.body).toEqual({ body: null, data: { deep: { gone: null } } });
  await local.sync.now();
  expect(await client.collection<Note>("notes").get("a")).toMatchObject({ body: null, data: { deep: { kept: 1 } } });
});

test("what the server refuses later leaves the collection, and stays in the outbox with its reason", async () => {
  const { client, local, notes } = await device();
  await client.collection<Note>("notes").create(note("a", { code: "x" }));
  await notes.preload();
  await notes.insert(note("b", { code: "x" })).isPersisted.promise;
  expect(notes.has("b")).toBe(true);
  await local.sync.now();
  await until(() => !notes.has("b"));
  expect(local.outbox.list()[0]).toMatchObject({ state: "refused", problem: { code: "conflict" } });
});

test("until settled, a transaction is complete when the server has applied it, and rolled back when it refuses", async () => {
  const { client, local } = await device();
  await client.collection<Note>("notes").create(note("a", { code: "x" }));
  const settled = createCollection(hinterlandCollectionOptions<Note>(local, "notes", { until: "settled" }));
  await settled.preload();
  const applied = settled.insert(note("b"));
  await until(() => local.outbox.counts().waiting === 1);
  expect(applied.state).toBe("persisting");
  await local.sync.now();
  await applied.isPersisted.promise;
  const refused = settled.insert(note("c", { code: "x" }));
  await until(() => local.outbox.counts().waiting === 1);
  await local.sync.now();
  const error = await refused.isPersisted.promise.catch((error) => error);
  expect(error).toBeInstanceOf(HinterlandError);
  expect(error).toMatchObject({ code: "conflict" });
  expect(settled.has("c")).toBe(false);
});

test("a temporary id is the key until the server gives one, which takes its place", async () => {
  const { local } = await device();
  const tasks = createCollection(hinterlandCollectionOptions<Task>(local, "tasks"));
  await tasks.preload();
  await tasks.insert({ id: "~mine", title: "First" }).isPersisted.promise;
  expect([...tasks.keys()]).toEqual(["~mine"]);
  await local.sync.now();
  await until(() => !tasks.has("~mine"));
  expect(tasks.toArray).toMatchObject([{ id: expect.any(Number), title: "First" }]);
});

test("two collections of one query, and two devices, show the same without doubling it", async () => {
  const [one, two] = [await device(), await device()];
  const again = createCollection(hinterlandCollectionOptions<Note>(one.local, "notes"));
  await Promise.all([one.notes.preload(), again.preload(), two.notes.preload()]);
  await one.notes.insert(note("a")).isPersisted.promise;
  expect([titles(one.notes), titles(again)]).toEqual([["a"], ["a"]]);
  await one.local.sync.now();
  await two.local.sync.now();
  await until(() => two.notes.has("a"));
  await two.notes.update("a", (draft) => void (draft.title = "from two")).isPersisted.promise;
  await two.local.sync.now();
  await one.local.sync.now();
  await until(() => one.notes.get("a")?.title === "from two" && again.get("a")?.title === "from two");
});

test("live queries filter, join, order and page the records, and follow changes", async () => {
  const { local, notes } = await device();
  const tasks = createCollection(hinterlandCollectionOptions<Task>(local, "tasks"));
  await Promise.all([notes.preload(), tasks.preload()]);
  await notes.insert(["a", "B", "ä", "c"].map((id, count) => note(id, { count }))).isPersisted.promise;
  await tasks.insert({ id: "~1", title: "of c", after: 3 }).isPersisted.promise;
  const filtered = createLiveQueryCollection((query) =>
    query.from({ note: notes }).where(({ note }) => and(gt(note.count, 0), eq(note.title, "c"))));
  const paged = createLiveQueryCollection((query) =>
    query.from({ note: notes }).orderBy(({ note }) => note.title, { stringSort: "locale", locale: "en" }).limit(2).offset(1));
  const joined = createLiveQueryCollection((query) => query.from({ note: notes })
    .join({ task: tasks }, ({ note, task }) => eq(note.count, task.after), "inner")
    .select(({ note, task }) => ({ note: note.id, task: task.title })));
  await Promise.all([filtered.preload(), paged.preload(), joined.preload()]);
  expect(filtered.toArray.map(({ id }) => id)).toEqual(["c"]);
  expect(paged.toArray.map(({ id }) => id)).toEqual(["ä", "B"]);
  expect(joined.toArray).toMatchObject([{ note: "c", task: "of c" }]);
  await notes.delete("a").isPersisted.promise;
  expect(paged.toArray.map(({ id }) => id)).toEqual(["B", "c"]);
});

test("a collection of a query has its records only", async () => {
  const { local } = await device();
  const some = createCollection(hinterlandCollectionOptions<Note>(local, "notes", { query: { where: { body: "x" } } }));
  await some.preload();
  const notes = local.collection<Note>("notes");
  await notes.create(note("a", { body: "x" }));
  await notes.create(note("b"));
  await until(() => some.size === 1);
  await notes.update("a", { body: "y" });
  await until(() => some.size === 0);
});

test("transactions of one's own store their writes by acceptMutations, and roll back without", async () => {
  const { local, notes } = await device();
  await notes.preload();
  const act = createTransaction({ mutationFn: ({ transaction }) => notes.utils.acceptMutations(transaction) });
  act.mutate(() => {
    notes.insert(note("a"));
    notes.insert(note("b"));
  });
  await act.isPersisted.promise;
  expect(local.outbox.list().map(({ writes }) => writes.length)).toEqual([2]);
  const failed = createTransaction({ mutationFn: async () => Promise.reject(new Error("no")) });
  failed.mutate(() => notes.insert(note("c")));
  await expect(failed.isPersisted.promise).rejects.toThrow("no");
  expect(titles(notes)).toEqual(["a", "b"]);
});

test("after logging out the collection is empty, and after cleanup nothing reaches it", async () => {
  const { client, local, notes } = await device();
  await notes.preload();
  await notes.insert(note("a")).isPersisted.promise;
  await client.auth.logOut();
  await until(() => notes.size === 0);
  await client.auth.logIn({ email: `ada${number}@example.org`, password: "7 lean oysters" });
  await until(() => notes.size === 1);
  await notes.cleanup();
  await local.collection<Note>("notes").create(note("b"));
  expect([notes.status, notes.size]).toEqual(["cleaned-up", 0]);
  await notes.preload();
  expect(titles(notes)).toEqual(["a", "b"]);
});
