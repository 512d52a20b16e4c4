import "fake-indexeddb/auto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Client, createClient, memoryVault, type User, type Vault } from "../../src/index.js";
import { type GraphQL, graphql, type GraphQLDocument, type GraphQLSettings } from "../../src/graphql/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Server, startServer } from "../support/server.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

interface Note {
  id: string;
  revision: number;
  title: string;
}

/** A document whose result and variables have types, as code generators write it. */
const typed = <R, V = {}>(text: string): GraphQLDocument<R, V> => text;

const LIST = typed<{ notes: Note[] }, { body: string }>(
  "query List($body: String) { notes(where: {body: {eq: $body}}, sort: [title_ASC]) { id revision title } }");
const ONE = typed<{ note: Note | null }, { id: string }>("query One($id: ID!) { note(id: $id) { id revision title } }");
const CREATE = typed<{ createNote: Note }, { input: object }>(
  "mutation Create($input: NoteInput!) { createNote(input: $input) { id revision title } }");
const UPDATE = typed<{ updateNote: Note }, { id: string; patch: object }>(
  "mutation Update($id: ID!, $patch: NotePatch!) { updateNote(id: $id, patch: $patch) { id revision title } }");
const DELETE = typed<{ deleteNote: string }, { id: string }>("mutation Delete($id: ID!) { deleteNote(id: $id) }");
const FOLLOW = typed<{ notes: { kind: string; id: string; record: Note | null }[] }, { body: string }>(
  "subscription Follow($body: String) { notes(where: {body: {eq: $body}}) { kind id record { id revision title } } }");

const PASSWORD = "7 lean oysters";
let server: Server;
let proxy: CuttingProxy;
let people = 0;
const clients: Client[] = [];

beforeAll(async () => {
  server = await startServer();
  proxy = await cuttingProxy(server.url);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await proxy.close();
  await server.close();
});

function reaching(settings: GraphQLSettings = {}, vault: Vault = memoryVault()): [GraphQL, Client] {
  const client = createClient({ url: proxy.url, vault, random: () => 0 });
  clients.push(client);
  return [graphql(client, { WebSocket, ...settings }), client];
}

const signUp = (client: Client): Promise<User> => {
  const name = `person-${++people}`;
  return client.auth.signUp({ name, email: `${name}@example.org`, password: PASSWORD });
};

const until = (act: () => unknown, why: () => string = () => String(act)) => wait(async () => act(), why);
const asked = () => proxy.requests.filter((line) => line.startsWith("POST /graphql")).length;
const titles = ({ notes }: { notes: readonly Note[] }) => notes.map(({ title }) => title).join();

async function made(api: GraphQL, body: string, ...names: string[]): Promise<Note[]> {
  const notes = [];
  for (const title of names) notes.push((await api.mutate(CREATE, { input: { title, body } })).data.createNote);
  return notes;
}

test("policies: what is on the device first, both, the server only, the device only", async () => {
  const [api] = reaching();
  await expect(api.query(LIST, { body: "policy" }, { policy: "cache-only" }))
    .rejects.toMatchObject({ code: "not_found", sent: "no" });
  const [, other] = reaching();
  await other.collection("notes").create({ title: "a", body: "policy" });
  const before = asked();
  expect(titles((await api.query(LIST, { body: "policy" })).data)).toBe("a");
  expect(titles((await api.query(LIST, { body: "policy" })).data)).toBe("a");
  expect(asked()).toBe(before + 1);
  await other.collection("notes").create({ title: "b", body: "policy" });
  expect(titles((await api.query(LIST, { body: "policy" }, { policy: "cache-only" })).data)).toBe("a");
  expect(titles((await api.query(LIST, { body: "policy" }, { policy: "cache-and-network" })).data)).toBe("a");
  await until(async () => titles((await api.query(LIST, { body: "policy" })).data) === "a,b");
  await other.collection("notes").create({ title: "c", body: "policy" });
  expect(titles((await api.query(LIST, { body: "policy" }, { policy: "network-only" })).data)).toBe("a,b,c");
  expect(asked()).toBe(before + 3);
});

test("queries that are asked at the same time are one request", async () => {
  const [api] = reaching();
  const before = asked();
  await Promise.all(Array.from({ length: 5 }, () => api.query(LIST, { body: "together" })));
  expect(asked()).toBe(before + 1);
});

test("a record is the same in all results: mutations, deletions and subscriptions change it everywhere", async () => {
  const [api] = reaching();
  const [one, two] = await made(api, "same", "a", "b") as [Note, Note];
  const list = api.watch(LIST, { body: "same" });
  const single = api.watch(ONE, { id: one.id });
  const stops = [list.subscribe(() => {}), single.subscribe(() => {})];
  await until(() => list.state.data && single.state.data);
  await api.mutate(UPDATE, { id: one.id, patch: { title: "changed" } });
  expect([titles(list.state.data!), single.state.data!.note!.title]).toEqual(["changed,b", "changed"]);
  await api.mutate(DELETE, { id: two.id });
  expect(titles(list.state.data!)).toBe("changed");
  await made(api, "same", "new");
  expect(titles(list.state.data!)).toBe("changed");
  await api.mutate(UPDATE, { id: one.id, patch: { title: "again" } }, { evict: ["notes"] });
  await until(() => titles(list.state.data!) === "again,new");
  const following = (async () => {
    for await (const { data } of api.subscribe(FOLLOW, { body: "same" })) {
      if (data?.notes.some(({ kind }) => kind === "delete")) return;
    }
  })();
  const [, other] = reaching();
  await until(async () => {
    await other.collection("notes").update(one.id, { title: "pushed", count: { $increment: 1 } });
    return titles(list.state.data!).includes("pushed");
  });
  await other.collection("notes").delete(one.id);
  await following;
  expect(titles(list.state.data!)).toBe("new");
  stops.forEach((stop) => stop());
});

test("an optimistic result shows at once, and is taken back where the server refuses", async () => {
  const [api] = reaching();
  const [note] = await made(api, "optimistic", "before") as [Note];
  const list = api.watch(LIST, { body: "optimistic" });
  const shown: string[] = [];
  const stop = list.subscribe(({ data }) => data && shown.push(titles(data)));
  await until(() => list.state.data);
  const changed = (title: string | null) => api.mutate(UPDATE, { id: note.id, patch: { title } }, {
    optimistic: { updateNote: { __typename: "Note", ...note, title: `${title}?` } as Note },
  });
  await changed("good");
  await expect(changed(null)).rejects.toMatchObject({ code: "validation" });
  expect(titles(list.state.data!)).toBe("good");
  expect(shown.filter((text, at) => text !== shown[at - 1])).toEqual(["before", "good?", "good", "null?", "good"]);
  stop();
});

test("a result that was on its way while a mutation was carried out does not bring back what was before", async () => {
  let hold: Promise<void> | undefined;
  let held = 0;
  const client = createClient({
    url: proxy.url, vault: memoryVault(), layers: [async (request, send) => {
      const response = await send(request);
      const wait = hold;
      if (wait && String(request.body).includes("query List") && ++held) await wait;
      return response;
    }],
  });
  clients.push(client);
  const api = graphql(client, { WebSocket });
  const [note] = await made(api, "late", "a") as [Note];
  let release = () => {};
  hold = new Promise((resolve) => (release = resolve));
  const late = api.query(LIST, { body: "late" });
  await until(() => held);
  hold = undefined;
  await api.mutate(UPDATE, { id: note.id, patch: { title: "b" } });
  await made(api, "late", "c");
  release();
  expect(titles((await late).data)).toBe("b,c");
  expect(titles((await api.query(LIST, { body: "late" }, { policy: "cache-only" })).data)).toBe("b,c");
});

test("a result that is missing a field is asked for, and a record that is not there is null", async () => {
  const [api] = reaching();
  const [note] = await made(api, "fields", "a") as [Note];
  await api.query(LIST, { body: "fields" });
  const before = asked();
  const more = "query More($body: String) { notes(where: {body: {eq: $body}}, sort: [title_ASC]) { id title tags } }";
  expect((await api.query(more, { body: "fields" })).data.notes).toEqual([{ id: note.id, title: "a", tags: null }]);
  expect(asked()).toBe(before + 1);
  await expect(api.query(ONE, { id: "nothing" })).resolves.toMatchObject({ data: { note: null } });
});

test("it is kept on the device, for its user, until that one logs out", async () => {
  const vault = memoryVault();
  const [api, client] = reaching({ keep: "kept" }, vault);
  await signUp(client);
  await made(api, "kept", "a");
  await api.query(LIST, { body: "kept" });
  await api.settled();
  const [again, same] = reaching({ keep: "kept" }, vault);
  const offline = { policy: "cache-only" } as const;
  expect(titles((await again.query(LIST, { body: "kept" }, offline)).data)).toBe("a");
  await again.settled();
  const [stranger] = reaching({ keep: "other" });
  await expect(stranger.query(LIST, { body: "kept" }, offline)).rejects.toMatchObject({ code: "not_found" });
  await same.auth.logOut();
  await expect(again.query(LIST, { body: "kept" }, offline)).rejects.toMatchObject({ code: "not_found" });
  const [later] = reaching({ keep: "kept" }, vault);
  await expect(later.query(LIST, { body: "kept" }, offline)).rejects.toMatchObject({ code: "not_found" });
});
