import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type Client, createClient, memoryVault, NotFound, type User, ValidationFailed, type Vault,
} from "../../src/index.js";
import {
  type GraphQL, graphql, type GraphQLDocument, type GraphQLEvent, type GraphQLSettings, isGraphQLError,
} from "../../src/graphql/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { freePort, type Server, startServer } from "../support/server.js";
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
const CREATE = typed<{ createNote: Note }, { input: object }>(
  "mutation Create($input: NoteInput!) { createNote(input: $input) { id revision title } }");
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

async function made(api: GraphQL, body: string, ...names: string[]): Promise<Note[]> {
  const notes = [];
  for (const title of names) notes.push((await api.mutate(CREATE, { input: { title, body } })).data.createNote);
  return notes;
}

describe("operations", () => {
  test("queries and mutations have data as their document asks", async () => {
    const [api] = reaching();
    const [note] = await made(api, "ask", "Milk");
    expect(note).toEqual({ id: expect.any(String), revision: expect.any(Number), title: "Milk" });
    expect((await api.query(LIST, { body: "ask" })).data).toEqual({ notes: [note] });
    const { data } = await api.query("{ first: notes(limit: 1) { __typename } me { id } }");
    expect(data).toEqual({ first: [{ __typename: "Note" }], me: null });
  });

  test("an error is of the class that it is over REST, with its field and what there is in spite of it", async () => {
    const [api] = reaching();
    const failed = await api.mutate(CREATE, { input: { body: "x" } }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ValidationFailed);
    expect(failed).toMatchObject({
      code: "validation", path: ["createNote"], data: { createNote: null }, errors: { title: ["is required"] },
    });
    expect(isGraphQLError(failed)).toBe(true);
    await expect(api.mutate(DELETE, { id: "nothing" })).rejects.toBeInstanceOf(NotFound);
    await expect(api.query("{ nothing }")).rejects.toMatchObject({ code: "invalid_query", path: [], operation: "graphql" });
    const both = "mutation { good: createNote(input: {title: \"good\"}) { title } bad: createNote(input: {}) { title } }";
    expect(await api.mutate(both, {}, { partial: true })).toMatchObject({
      data: { good: { title: "good" }, bad: null }, errors: [{ code: "validation", path: ["bad"] }],
    });
    await expect(api.query(FOLLOW as any)).rejects.toMatchObject({ code: "invalid_body", sent: "no" });
  });

  test("a token that the server refuses is renewed, and the session that has ended signs out", async () => {
    const [api, client] = reaching();
    const user = await signUp(client);
    const me = () => api.query("{ me { id } }", {}, { policy: "network-only" }).then(({ data }) => data.me);
    expect(await me()).toEqual({ id: user.id });
    const [, other] = reaching();
    await other.auth.logIn({ email: user["email"], password: PASSWORD });
    const { id } = (await other.auth.sessions()).find(({ is_current }) => !is_current)!;
    await other.auth.endSession(id);
    await me().catch(() => {});
    expect(client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
  });

  test("an outage and a page that is no GraphQL are errors of the network and of the response", async () => {
    const [away] = reaching({ path: "/health" });
    await expect(away.query("{ a }")).rejects.toMatchObject({ status: 405 });
    const client = createClient({ url: `http://127.0.0.1:${await freePort()}`, vault: memoryVault(), options: { retries: 0 } });
    await expect(graphql(client).query("{ a }")).rejects.toMatchObject({ code: "connect", sent: "no" });
  });
});

describe.each(["websocket", "sse"] as const)("subscriptions over %s", (over) => {
  function collected<R>(events: AsyncIterable<GraphQLEvent<R>>) {
    const all: GraphQLEvent<R>[] = [];
    const ended = (async () => {
      for await (const event of events) all.push(event);
    })().then(() => "ended", (error: unknown) => error);
    return { all, ended, changes: () => all.flatMap(({ data }: any) => data?.notes ?? []) };
  }

  test("each change comes once, through cuts and a restart", async () => {
    const [api] = reaching({ over });
    const [writing] = reaching();
    const body = `cut ${over}`;
    const { all, changes } = collected(api.subscribe(FOLLOW, { body }));
    const names = Array.from({ length: 40 }, (_, at) => `${body} ${at}`);
    const direct = createClient({ url: server.url, vault: memoryVault() });
    await until(async () => { // until it has begun
      await made(writing, body, "begun");
      return changes().length;
    });
    for (const [at, title] of names.entries()) {
      if (at % 10 === 5) proxy.cut();
      if (at === 25) {
        await server.stop();
        await server.start();
      }
      await direct.collection("notes").create({ title, body });
    }
    const seen = () => changes().map(({ record }: any) => record.title).filter((title: string) => title !== "begun");
    await until(() => seen().length >= names.length, () => `${seen().length} of ${names.length}`);
    expect(seen()).toEqual(names);
    expect(all.some(({ kind }) => kind === "offline")).toBe(true);
    const { cursor } = all.at(-1)!;
    await direct.collection("notes").create({ title: "later", body });
    const [other] = reaching({ over });
    const later = collected(other.subscribe(FOLLOW, { body }, { cursor }));
    await until(() => later.changes().length);
    expect(later.changes()).toMatchObject([{ kind: "create", record: { title: "later" } }]);
    direct.close();
  });

  test("they are the user's, and end with a definite refusal, by the signal, and with the client", async () => {
    const [api, client] = reaching({ over });
    expect(await collected(api.subscribe("subscription { nothing { id } }")).ended).toMatchObject({ code: "invalid_query" });
    await signUp(client);
    const diary = collected(api.subscribe("subscription { diary { record { text } } }"));
    await until(async () => {
      await client.collection("diary").create({ text: "mine" });
      return diary.all.length;
    });
    expect(diary.all[0]).toMatchObject({ kind: "next", data: { diary: [{ record: { text: "mine" } }] } });
    await client.auth.logOut();
    expect(await diary.ended).toMatchObject({ code: "unauthorized" });
    const leaving = new AbortController();
    const left = collected(api.subscribe(FOLLOW, { body: "a" }, { signal: leaving.signal }));
    const last = collected(api.subscribe(FOLLOW, { body: "a" }));
    leaving.abort();
    expect(await left.ended).toBe("ended");
    client.close();
    expect(await last.ended).toMatchObject({ code: "closed" });
  });
});
