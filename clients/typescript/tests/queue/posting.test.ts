import "fake-indexeddb/auto";
import { afterEach, expect, test } from "vitest";
import { graphql } from "../../src/graphql/index.js";
import { type Local, openLocal } from "../../src/offline/index.js";
import "../../src/offline/later.js"; // is there when it is asked for
import { type MutationQueue, mutationQueue } from "../../src/queue/index.js";
import { settled } from "../support/manual_clock.js";
import { json, portal, refusal, refusedConnection, scriptedClient, session, silent } from "../support/scripted.js";

const CREATE = "mutation Create($title: String!) { createNote(input: {title: $title}) { __typename id title } }";
const DAY = 86_400_000;
const note = { __typename: "Note", id: "1", title: "a" };
const done = () => json({ data: { createNote: note } });
const wrong = (code: string, data?: unknown, ...path: unknown[]) => () =>
  json({ errors: [{ message: `${code}!`, ...(path.length && { path }), extensions: { code } }], data });

type Scripted = ReturnType<typeof scriptedClient>;
interface Stage extends Scripted {
  local: Local;
  queue: MutationQueue;
  posts(): { key: string; title: string }[];
  pass(milliseconds?: number): Promise<void>;
}

let stages = 0;
let stage: Stage;

async function staged(): Promise<Stage> {
  const scripted = scriptedClient({ options: { retries: 0 } });
  const { client, on, asked, clock, logIn } = scripted;
  on("GET /v1/schema", () => refusal("not_found"));
  let last = 0;
  on("POST /v1/sync/pull", () => json({ changes: [], cursor: "c", settled: last }));
  on("POST /v1/sync/push", ({ json: { mutations } }) => {
    last = mutations.at(-1)?.seq ?? last;
    return json({ results: mutations.map(({ seq }: any) => ({ seq, status: "applied", revision: 1 })), settled: last });
  });
  on("GET /v1/events", silent);
  await logIn();
  const local = await openLocal(client, { name: `posting-${stages++}`, collections: ["notes"] });
  const queue = mutationQueue(graphql(client, { over: "sse" }), local);
  const posts = () => asked.filter(({ path }) => path === "/graphql")
    .map(({ headers, json: body }) => ({ key: headers["idempotency-key"]!, title: body.variables.title as string }));
  const pass = async (milliseconds = 0) => {
    for (let turn = 0; turn < 5; turn++) await settled();
    await clock.advance(milliseconds);
    for (let turn = 0; turn < 5; turn++) await settled();
  };
  return stage = { ...scripted, local, queue, posts, pass };
}

afterEach(() => stage.client.close());

const states = () => stage.local.outbox.list().map(({ state, problem }) => problem?.code ?? state);

test("what may pass is sent again with the same key, and what is behind it waits", async () => {
  const { on, queue, local, pass, posts } = await staged();
  on("POST /graphql", wrong("in_progress"), () => refusal("unavailable"), () => portal(502),
    () => refusedConnection("ECONNRESET"), done);
  const queued = await queue.enqueue(CREATE, { title: "first" });
  await local.collection("notes").create({ title: "behind" });
  local.sync.start();
  for (let turn = 0; turn < 12 && states().length; turn++) {
    if (states().length === 2) expect(states()[1]).toBe("pending");
    await pass(5_000);
  }
  expect((await queued.result()).data).toEqual({ createNote: { ...note } });
  expect(posts().map(({ key }) => key)).toEqual(Array.from({ length: 5 }, () => queued.mutation));
});

test("one that the server is certain not to have can be edited and discarded again", async () => {
  const { on, queue, local, pass } = await staged();
  on("POST /graphql", () => refusal("rate_limited", {}, { "retry-after": "60" }));
  const queued = await queue.enqueue(CREATE, { title: "first" });
  local.sync.start();
  await pass();
  expect(states()).toEqual(["pending"]);
  await queue.edit(queued.mutation, { title: "second" });
  expect(queue.state.waiting[0]!.document!.variables).toEqual({ title: "second" });
  await queue.discard(queued.mutation);
  expect(await queued.settled()).toMatchObject({ status: "discarded" });
});

test("one that fails eight times while the server answers other requests is held, and its retry has the same key", async () => {
  const { on, queue, local, pass, posts } = await staged();
  on("POST /graphql", wrong("internal"));
  const queued = await queue.enqueue(CREATE, { title: "first" });
  await queue.enqueue(CREATE, { title: "second" });
  local.sync.start();
  for (let turn = 0; turn < 12 && states()[0] !== "internal"; turn++) await pass(5_000);
  expect(states()[0]).toBe("internal");
  expect(posts().filter(({ title }) => title === "first")).toHaveLength(8);
  on("POST /graphql", done);
  const again = await queue.retry(queued.mutation);
  for (let turn = 0; turn < 12 && states().length; turn++) await pass(5_000);
  await again.result();
  expect(new Set(posts().filter(({ title }) => title === "first").map(({ key }) => key)).size).toBe(1);
});

test("a server that answers nothing else either counts as away", async () => {
  const { on, queue, local, pass } = await staged();
  on("POST /graphql", () => refusal("internal"));
  on("POST /v1/sync/push", () => refusal("internal"));
  await queue.enqueue(CREATE, { title: "first" });
  local.sync.start();
  for (let turn = 0; turn < 12; turn++) await pass(5_000);
  expect(local.sync.status.state).toBe("offline");
  expect(states()).toEqual(["sent"]);
});

test("a session that has ended pauses it, and the same user's next one sends it", async () => {
  const { on, queue, local, pass, client } = await staged();
  on("POST /graphql", () => json({ errors: [{ message: "sign in", extensions: { code: "unauthorized" } }] }, 401));
  on("POST /v1/auth/refresh", () => refusal("invalid_grant"));
  const queued = await queue.enqueue(CREATE, { title: "first" });
  local.sync.start();
  await pass(5_000);
  expect(client.auth.state.kind).toBe("signedOut");
  expect(local.sync.status.state).toBe("paused");
  expect(states()).toEqual(["pending"]);
  on("POST /graphql", done);
  on("POST /v1/auth/login", () => json(session(2)));
  await client.auth.logIn({ email: "ada@example.org", password: "7 lean oysters" });
  await pass(5_000);
  expect(await queued.settled()).toMatchObject({ status: "applied" });
});

test("one whose response the server may have forgotten is held, in doubt, until the user decides", async () => {
  const { on, queue, local, pass, clock, posts } = await staged();
  on("POST /v1/auth/refresh", () => json(session(2)));
  on("POST /graphql", () => refusedConnection("ECONNRESET"), done);
  const queued = await queue.enqueue(CREATE, { title: "first" });
  local.sync.start();
  await pass();
  expect(states()).toEqual(["sent"]);
  await local.sync.stop();
  await clock.advance(7 * DAY);
  local.sync.start();
  await pass(5_000);
  expect(states()).toEqual(["in_doubt"]);
  await expect(queued.result()).rejects.toMatchObject({ code: "in_doubt", status: 409 });
  expect(posts()).toHaveLength(1);
  const again = await queue.retry(queued.mutation);
  await pass(5_000);
  await again.result();
  expect(new Set(posts().map(({ key }) => key)).size).toBe(1);
});

test("a part of the result that can't be read is an error of an applied one; an error of a root field is a refusal", async () => {
  const { on, queue, local, pass } = await staged();
  on("POST /graphql", wrong("forbidden", { createNote: { ...note, title: null } }, "createNote", "title"),
    wrong("validation", { createNote: null }, "createNote"));
  const partly = await queue.enqueue(CREATE, { title: "first" });
  const refused = await queue.enqueue(CREATE, { title: "second" });
  local.sync.start();
  await pass(5_000);
  expect(await partly.settled()).toMatchObject({ status: "applied" });
  await expect(partly.result()).rejects.toMatchObject({ code: "forbidden", path: ["createNote", "title"] });
  expect(await partly.result({ partial: true }))
    .toMatchObject({ data: { createNote: { id: "1" } }, errors: [{ code: "forbidden" }] });
  await expect(refused.result()).rejects.toMatchObject({ code: "validation", path: ["createNote"], data: { createNote: null } });
});

test("a tab without a queue sends what is before a mutation, and rests; one that is made later sends the others", async () => {
  const { on, queue, local, pass, posts, client, asked } = await staged();
  on("POST /graphql", done);
  const pushed = () => asked.filter(({ path }) => path === "/v1/sync/push").flatMap(({ json: { mutations } }) => mutations);
  const notes = local.collection("notes");
  await notes.create({ title: "before" });
  await queue.enqueue(CREATE, { title: "first" });
  await notes.create({ title: "behind" });
  queue.close();
  local.sync.start();
  await pass(5_000);
  expect(pushed().map(({ writes: [{ body }] }) => body.title)).toEqual(["before"]);
  expect(posts()).toEqual([]);
  const requests = asked.length;
  await pass(20_000);
  expect(asked.length - requests).toBeLessThan(5);
  mutationQueue(graphql(client, { over: "sse" }), local);
  await pass(5_000);
  expect(posts()).toHaveLength(1);
  expect(pushed().map(({ writes: [{ body }] }) => body.title)).toEqual(["before", "behind"]);
});
