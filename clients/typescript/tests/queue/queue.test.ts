import "fake-indexeddb/auto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { graphql, type GraphQLDocument } from "../../src/graphql/index.js";
import { type Client, createClient, memoryVault, ValidationFailed, type Vault } from "../../src/index.js";
import { type Local, openLocal } from "../../src/offline/index.js";
import "../../src/offline/later.js"; // is there when it is asked for
import { type MutationQueue, mutationQueue } from "../../src/queue/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Server, startServer } from "../support/server.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

interface Note {
  id: string;
  title: string;
}

const typed = <R, V = {}>(text: string): GraphQLDocument<R, V> => text;
const CREATE = typed<{ createNote: Note }, { title: string; code?: string }>(
  "mutation Create($title: String!, $code: String) { createNote(input: {title: $title, code: $code}) { id title } }");
const RENAME = typed<{ updateNote: Note }, { id: string; title: string }>(
  "mutation Rename($id: ID!, $title: String!) { updateNote(id: $id, patch: {title: $title}) { id title } }");
const TASK = typed<{ updateTask: { id: string; title: string } }, { id: unknown; title: string }>(
  "mutation Task($id: ID!, $title: String!) { updateTask(id: $id, patch: {title: $title}) { id title } }");
const ONE = typed<{ note: Note | null }, { id: string }>("query One($id: ID!) { note(id: $id) { id title } }");
const PASSWORD = "7 lean oysters";

let server: Server;
let proxy: CuttingProxy;
let people = 0;
const opened: Device[] = [];
const until = (act: () => unknown, why: () => string = () => String(act)) => wait(async () => act(), why);

interface Device {
  client: Client;
  local: Local;
  queue: MutationQueue;
  api: ReturnType<typeof graphql>;
  vault: Vault;
  name: string;
}

beforeAll(async () => {
  server = await startServer();
  proxy = await cuttingProxy(server.url);
});

afterEach(async () => {
  for (const { client } of opened.splice(0)) client.close();
  proxy.redirect(server.url);
});

afterAll(async () => {
  await proxy.close();
  await server.close();
});

async function begun(name: string, vault = memoryVault()): Promise<Device> {
  const client = createClient({ url: proxy.url, vault, random: () => 0, options: { retries: 0 } });
  const local = await openLocal(client, { name, collections: ["notes", "tasks"] });
  const api = graphql(client, { WebSocket });
  const device = { client, local, api, queue: mutationQueue(api, local), vault, name };
  opened.push(device);
  return device;
}

/** A person with a device that synchronises. */
async function person(): Promise<Device & { email: string }> {
  const name = `queue-${++people}`;
  const device = await begun(name);
  const email = `${name}@example.org`;
  await device.client.auth.signUp({ name, email, password: PASSWORD });
  device.local.sync.start();
  await until(() => device.local.sync.status.state === "online");
  return { ...device, email };
}

/** The network is gone: connections reach nothing. */
const away = () => proxy.redirect("http://127.0.0.1:9");
const back = (...devices: Device[]) => {
  proxy.redirect(server.url);
  for (const { local } of devices) local.sync.nudge();
};

const direct = () => createClient({ url: server.url, vault: memoryVault() });
const titles = async (filter: string) =>
  (await direct().collection<Note>("notes").list({ filter, sort: "created_at", limit: 100 })).items.map(({ title }) => title);

test("mutations wait without a network, in one order with writes, and are carried out once", async () => {
  const device = await person();
  const { local, queue } = device;
  away();
  await local.collection("notes").create({ title: "order 1" });
  const second = await queue.enqueue(CREATE, { title: "order 2" });
  await local.collection("notes").create({ title: "order 3" });
  const fourth = await queue.enqueue(CREATE, { title: "order 4" });
  await local.collection("notes").create({ title: "order 5" });
  expect(local.outbox.list().map(({ writes: [write], document }) => (write?.body ?? document!.variables)["title"]))
    .toEqual(["order 1", "order 2", "order 3", "order 4", "order 5"]);
  expect(local.outbox.counts()).toEqual({ waiting: 5, held: 0 });
  expect(queue.state.waiting.map(({ id }) => id)).toEqual([second.mutation, fourth.mutation]);
  back(device);
  const { data } = await second.result();
  expect(data).toEqual({ createNote: { id: expect.any(String), title: "order 2" } });
  expect(await fourth.settled()).toMatchObject({ status: "applied", mutation: fourth.mutation });
  await until(() => !local.outbox.counts().waiting);
  const { items } = await direct().collection<any>("notes").list({ filter: "record.title.startsWith('order')", limit: 10 });
  expect(items.sort((one, other) => one.revision - other.revision).map(({ title }) => title))
    .toEqual(["order 1", "order 2", "order 3", "order 4", "order 5"]);
  await until(async () => (await local.collection<Note>("notes").get(data.createNote.id)).title === "order 2");
});

test("a mutation whose response is lost is carried out once", async () => {
  const device = await person();
  const before = proxy.requests.length;
  const queued = [];
  for (let at = 0; at < 5; at++) {
    proxy.loseResponses(1, "POST /graphql");
    queued.push(await device.queue.enqueue(CREATE, { title: `lost ${at}` }));
  }
  for (const each of queued) await each.result();
  expect(await titles("record.title.startsWith('lost')")).toEqual([0, 1, 2, 3, 4].map((at) => `lost ${at}`));
  expect(proxy.requests.slice(before).filter((line) => line.startsWith("POST /graphql")).length).toBeGreaterThan(5);
});

test("a temporary id in variables is the real one when the mutation is sent", async () => {
  const device = await person();
  away();
  const { id } = await device.local.collection("tasks").create({ title: "made offline" });
  expect(String(id)).toMatch(/^~/);
  const queued = await device.queue.enqueue(TASK, { id, title: "named by GraphQL" });
  back(device);
  const { data } = await queued.result();
  expect(data.updateTask).toEqual({ id: expect.stringMatching(/^\d+$/), title: "named by GraphQL" });
});

test("a refused one is held with its reason, keeps nothing else from being sent, and can be corrected", async () => {
  const device = await person();
  const { queue, local, api } = device;
  const { data: { createNote: note } } = await queue.mutate(CREATE, { title: "before" });
  const watched = api.watch(ONE, { id: note.id });
  const shown: (string | undefined)[] = [];
  watched.subscribe(({ data }) => shown.push(data?.note?.title));
  await until(() => watched.state.data);
  const optimistic = { updateNote: { __typename: "Note", id: note.id, title: "" } as Note };
  const refused = await queue.enqueue(RENAME, { id: note.id, title: "" }, { optimistic });
  const behind = await queue.enqueue(CREATE, { title: "behind" });
  await behind.result();
  const error = await refused.result().catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ValidationFailed);
  expect(error).toMatchObject({ code: "validation", path: ["updateNote"], errors: { title: [expect.any(String)] } });
  expect(watched.state.data?.note?.title).toBe("before");
  expect(shown).toContain(""); // while it waited
  const [failed] = queue.of(RENAME).state.failed;
  expect(failed).toMatchObject({ id: refused.mutation, state: "refused", problem: { code: "validation" } });
  expect(local.outbox.counts()).toEqual({ waiting: 0, held: 1 });
  await expect(queue.edit(behind.mutation, { title: "late" })).rejects.toMatchObject({ code: "not_found" });
  await queue.edit(failed!.id, { id: note.id, title: "after" });
  const again = await queue.retry<{ updateNote: Note }>(failed!.id);
  expect((await again.result()).data.updateNote.title).toBe("after");
  expect(watched.state.data?.note?.title).toBe("after");
  expect(queue.state).toEqual({ waiting: [], failed: [] });
  const wrong = await queue.enqueue(CREATE, { title: "" });
  expect(await wrong.settled()).toMatchObject({ status: "refused" });
  await queue.discard(wrong.mutation);
  expect(local.outbox.list()).toEqual([]);
});

test("what is expected is shown while it waits, also after a restart, and its outcome is known after another", async () => {
  const device = await person();
  const { data: { createNote: note } } = await device.queue.mutate(CREATE, { title: "kept" });
  away();
  const optimistic = { updateNote: { __typename: "Note", id: note.id, title: "expected" } as Note };
  const queued = await device.queue.enqueue(RENAME, { id: note.id, title: "written" }, { optimistic });
  device.client.close();

  const next = await begun(device.name, device.vault);
  expect(next.queue.state.waiting).toMatchObject([{ id: queued.mutation, document: { variables: { title: "written" } } }]);
  const title = async () => (await next.api.query(ONE, { id: note.id }, { policy: "cache-only" })).data.note?.title;
  proxy.redirect(server.url);
  await next.api.query(ONE, { id: note.id });
  expect(await title()).toBe("expected"); // over the server's "kept"
  next.local.sync.start();
  expect(await next.queue.queued<{ updateNote: Note }>(queued.mutation).result())
    .toMatchObject({ data: { updateNote: { id: note.id, title: "written" } }, errors: [] });
  expect(await title()).toBe("written");
  next.client.close();

  const last = await begun(device.name, device.vault);
  expect(await last.queue.queued(queued.mutation).settled()).toMatchObject({ status: "applied" });
  expect(await titles(`record.id == '${note.id}'`)).toEqual(["written"]);
});

test("an unsent one that is discarded is not carried out, and what was expected is taken back", async () => {
  const device = await person();
  const { queue, api } = device;
  const { data: { createNote: note } } = await queue.mutate(CREATE, { title: "stays" });
  await api.query(ONE, { id: note.id });
  await device.local.sync.stop();
  const optimistic = { updateNote: { __typename: "Note", id: note.id, title: "expected" } as Note };
  const queued = await queue.enqueue(RENAME, { id: note.id, title: "never" }, { optimistic });
  const shown = async () => (await api.query(ONE, { id: note.id }, { policy: "cache-only" })).data.note?.title;
  expect(await shown()).toBe("expected");
  await expect(queued.result({ deadline: 0.01 })).rejects.toMatchObject({ code: "deadline" });
  await queue.discard(queued.mutation);
  await expect(queued.result()).rejects.toMatchObject({ code: "discarded" });
  expect(await shown()).toBe("stays");
  device.local.sync.start();
  await queue.mutate(CREATE, { title: "another" });
  expect(await titles(`record.id == '${note.id}'`)).toEqual(["stays"]);
});

test("it is its user's: nobody else sends or sees it, and it waits for the user", async () => {
  const device = await person();
  const { queue, client, local, email } = device;
  const secret = typed<any>(`mutation { logIn(email: "a@example.org", password: "secret") { access_token } }`);
  const inFragment = typed<any>(
    `mutation { ...Enter } fragment Enter on Mutation { logIn(email: "a", password: "b") { access_token } }`);
  for (const each of [secret, inFragment]) {
    await expect(queue.enqueue(each)).rejects.toMatchObject({ code: "validation", message: expect.stringContaining("logIn") });
  }
  away();
  const queued = await queue.enqueue(CREATE, { title: "of the first" });
  await client.auth.logOut();
  expect(queue.state.waiting).toEqual([]);
  await expect(queue.enqueue(CREATE, { title: "nobody's" })).rejects.toMatchObject({ code: "unauthorized", sent: "no" });
  proxy.redirect(server.url);
  const other = `other-${email}`;
  // The client may still wait before it tries the server again.
  await until(() => client.auth.signUp({ name: "other", email: other, password: PASSWORD }).then(() => true));
  await queue.mutate(CREATE, { title: "of the second" });
  expect(queue.state).toEqual({ waiting: [], failed: [] });
  expect(await titles("record.title.startsWith('of the')")).toEqual(["of the second"]);
  await client.auth.logOut();
  await client.auth.logIn({ email, password: PASSWORD });
  expect((await queued.result()).data.createNote.title).toBe("of the first");
  await client.auth.logOut();
  await client.auth.logIn({ email: other, password: PASSWORD });
  await expect(queued.settled()).rejects.toMatchObject({ code: "not_found" });
  await local.close();
});
