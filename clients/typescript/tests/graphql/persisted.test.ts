import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Client, createClient, type Layer, memoryVault } from "../../src/index.js";
import { graphql } from "../../src/graphql/index.js";
import { json, scriptedClient } from "../support/scripted.js";
import { type Server, startServer } from "../support/server.js";

const NAMES = "query Names($title: String) { notes(where: {title: {eq: $title}}) { __typename id title } }";
const CREATE = "mutation Create($title: String!) { createNote(input: {title: $title}) { __typename id title } }";
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

let server: Server;
let client: Client;
const sent: any[] = [];

beforeAll(async () => {
  server = await startServer();
  const listening: Layer = (request, send) => {
    if (request.url.endsWith("/graphql")) sent.push(JSON.parse(request.body as string));
    return send(request);
  };
  client = createClient({ url: server.url, vault: memoryVault(), layers: [listening] });
});

afterAll(async () => {
  client.close();
  await server.close();
});

test("a document goes to the server by its SHA-256, and as a text once", async () => {
  const api = graphql(client, { persisted: true });
  const other = graphql(client, { persisted: true });
  const { data } = await api.mutate(CREATE, { title: "Kiel, Große Förde" });
  await api.mutate(CREATE, { title: "Kappeln" });
  const ask = { title: "Kiel, Große Förde" };
  expect((await api.query(NAMES, ask)).data).toEqual({ notes: [data.createNote] });
  expect((await other.query(NAMES, ask)).data).toEqual({ notes: [data.createNote] });
  const byDigest = (text: string) => ({ extensions: { persistedQuery: { version: 1, sha256Hash: sha256(text) } } });
  expect(sent.map(({ query, extensions }) => ({ query, extensions }))).toEqual([
    byDigest(CREATE), { query: CREATE, ...byDigest(CREATE) }, byDigest(CREATE),
    byDigest(NAMES), { query: NAMES, ...byDigest(NAMES) }, byDigest(NAMES),
  ]);
  expect((await client.collection("notes").list({ where: ask })).items).toHaveLength(1);
});

test("by default long documents alone are named; a mutation with a key is carried out once", async () => {
  const api = graphql(client);
  sent.length = 0;
  await api.query(NAMES, { title: "none" });
  const long = `${CREATE.slice(0, -1)} # ${"x".repeat(1_024)}\n}`;
  const once = () => api.mutate(long, { title: "once" }, { key: "a key of its own" });
  const [one, other] = [await once(), await once()];
  expect(other.data).toEqual(one.data);
  expect(sent.map(({ query, extensions }) => [query, !!extensions])).toEqual([
    [NAMES, false], [undefined, true], [long, true], [undefined, true],
  ]);
  expect((await client.collection("notes").list({ where: { title: "once" } })).items).toHaveLength(1);
});

test("a server that knows no SHA-256 is asked with texts from then on", async () => {
  const { client: scripted, on, asked } = scriptedClient();
  const error = { message: "PersistedQueryNotSupported", extensions: { code: "PERSISTED_QUERY_NOT_SUPPORTED" } };
  on("POST /graphql", () => json({ errors: [error] }, 400), () => json({ data: { a: 1 } }));
  const api = graphql(scripted, { persisted: true });
  expect((await api.query("{ a }", {}, { policy: "network-only" })).data).toEqual({ a: 1 });
  expect((await api.query("{ a }", {}, { policy: "network-only" })).data).toEqual({ a: 1 });
  expect(asked.map(({ json: { query, extensions } }) => [query, !!extensions])).toEqual([
    [undefined, true], ["{ a }", false], ["{ a }", false],
  ]);
  scripted.close();
});

test("what fails with the text fails, and is not asked a third time", async () => {
  const { client: scripted, on, asked } = scriptedClient();
  const error = { message: "not in the list", extensions: { code: "PERSISTED_QUERY_NOT_FOUND" } };
  on("POST /graphql", () => json({ errors: [error] }, 400));
  const asking = graphql(scripted, { persisted: true }).query("{ b }");
  await expect(asking).rejects.toMatchObject({ code: "PERSISTED_QUERY_NOT_FOUND" });
  expect(asked).toHaveLength(2);
  scripted.close();
});
