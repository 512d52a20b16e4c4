import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AnyRecord, type Client, createClient, memoryVault, type Vault } from "../../src/index.js";
import { type Socket, socket } from "../../src/socket/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Server, startServer } from "../support/server.js";
import { WebSocket } from "../support/web_socket.js";

interface Note extends AnyRecord {
  title: string;
}

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

function reaching(vault: Vault = memoryVault()): [Client, Socket] {
  const client = createClient({ url: proxy.url, vault, random: () => 0 });
  clients.push(client);
  return [client, socket(client, { WebSocket })];
}

const signUp = (client: Client) => {
  const name = `person-${++people}`;
  return client.auth.signUp({ name, email: `${name}@example.org`, password: PASSWORD });
};

test("an operation does what it does over HTTP, errors included", async () => {
  const [client, live] = reaching();
  const made = await live.call<Note>("records.create", { path: { collection: "notes" }, body: { title: "Milk" } });
  expect(made).toMatchObject({ status: 201, body: { title: "Milk" }, etag: `"${made.body.revision}"` });
  const path = { collection: "notes", id: made.body.id };
  expect(await client.collection("notes").get(made.body.id)).toEqual(made.body);
  await live.call("records.patch", { path, body: { title: "Bread" }, ifMatch: made.etag });
  await expect(live.call("records.patch", { path, body: {}, ifMatch: made.etag }))
    .rejects.toMatchObject({ code: "stale", status: 412, operation: "records.patch", isFromServer: true });
  await expect(live.call("records.create", { path: { collection: "notes" }, body: {} }))
    .rejects.toMatchObject({ code: "validation", errors: { title: ["is required"] } });
  expect((await live.call("records.list", { path: { collection: "notes" }, query: { limit: 1, total: true } })).body)
    .toMatchObject({ items: [{ title: "Bread" }], total: 1 });
  expect(await live.call("records.delete", { path })).toMatchObject({ status: 204, body: null });
  await expect(live.call("no.operation")).rejects.toMatchObject({ code: "validation" });
});

test("many calls at once are all answered", async () => {
  const [, live] = reaching();
  const made = await Promise.all(Array.from({ length: 60 }, (_, at) =>
    live.call<Note>("records.create", { path: { collection: "notes" }, body: { title: `many ${at}` } })));
  expect(made.map(({ body }) => body.title)).toEqual(Array.from({ length: 60 }, (_, at) => `many ${at}`));
});

test("a write whose answer was lost is applied once; what can't be repeated fails", async () => {
  const [client, live] = reaching();
  await live.call("records.list", { path: { collection: "notes" } });
  proxy.loseResponses(1);
  const { body } = await live.call<Note>("records.create", { path: { collection: "notes" }, body: { title: "Once" } });
  expect((await client.collection("notes").list({ where: { title: "Once" } })).items).toEqual([body]);
  await signUp(client);
  await live.call("auth.me");
  proxy.loseResponses(1);
  await expect(live.call("auth.email", { body: { email: "new@example.org", password: PASSWORD } }))
    .rejects.toMatchObject({ code: "connection_lost", sent: "maybe" });
});

test("a call ends at its deadline, by its signal, and when the client is closed", async () => {
  const [client, live] = reaching();
  await server.stop();
  const leaving = new AbortController();
  const left = live.call("auth.me", { signal: leaving.signal });
  const late = live.call("auth.me", { deadline: 0.05 });
  const last = live.call("auth.me");
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  await expect(late).rejects.toMatchObject({ code: "deadline", sent: "no" });
  client.close();
  await expect(last).rejects.toMatchObject({ code: "closed" });
  await expect(live.call("auth.me")).rejects.toMatchObject({ code: "closed" });
  await server.start();
});
