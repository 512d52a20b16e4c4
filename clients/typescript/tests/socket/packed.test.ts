import { decode, encode } from "@msgpack/msgpack";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AnyRecord, type Client, createClient, memoryVault } from "../../src/index.js";
import { type Socket, socket, type SocketConstructor, type SocketEvent, webSocket } from "../../src/socket/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Server, startServer } from "../support/server.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

interface Note extends AnyRecord {
  title: string;
}

let server: Server;
let proxy: CuttingProxy;
const clients: Client[] = [];
const until = (act: () => unknown, why: () => string = () => String(act)) => wait(async () => act(), why);

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

/** A socket of MessagePack, the kinds of its frames, and how many bytes came. */
function reaching(isPacked = true): { live: Socket; client: Client; sent: string[]; received: string[]; bytes: () => number } {
  const sent: string[] = [], received: string[] = [];
  let bytes = 0;
  class Watched extends WebSocket {
    constructor(url: string, protocols?: string[]) {
      super(url, protocols);
      this.addEventListener("message", ({ data }: any) => {
        received.push(typeof data === "string" ? "text" : "binary");
        bytes += data.byteLength ?? data.length;
      });
    }
    override send(data: any) {
      sent.push(typeof data === "string" ? "text" : "binary");
      super.send(data);
    }
  }
  const client = createClient({ url: proxy.url, vault: memoryVault(), random: () => 0 });
  clients.push(client);
  const live = socket(client, {
    WebSocket: Watched as unknown as SocketConstructor, ...(isPacked && { msgpack: { encode, decode } }),
  });
  return { live, client, sent, received, bytes: () => bytes };
}

function collected<T>(events: AsyncIterable<SocketEvent<T>>): SocketEvent<T>[] {
  const all: SocketEvent<T>[] = [];
  void (async () => {
    for await (const event of events) all.push(event);
  })().catch(() => {});
  return all;
}

test("calls have the values that they have as JSON, in binary frames only", async () => {
  const packed = reaching(), plain = reaching(false);
  const data = {
    none: null, yes: true, deep: { list: [1, -1, 1.5, 2 ** 53 - 1, -(2 ** 53 - 1), 1e-7, ""] }, text: "Größe 📦",
    at: new Date(0), left: undefined, long: "x".repeat(70_000),
  };
  const body = { title: "values", data };
  const { body: made } = await packed.live.call<Note>("records.create", { path: { collection: "notes" }, body });
  expect(made["data"]).toEqual(JSON.parse(JSON.stringify(data)));
  const path = { collection: "notes", id: made.id };
  expect(await packed.live.call("records.view", { path })).toEqual(await plain.live.call("records.view", { path }));
  const refused = { path: { collection: "notes" }, body: { count: "many" } };
  const [one, other] = await Promise.all([packed, plain].map(({ live }) =>
    live.call("records.create", refused).catch((error) => error)));
  expect(one).toMatchObject({ code: "validation", errors: other.errors });
  const deep = JSON.parse("[".repeat(200) + "]".repeat(200));
  await expect(packed.live.call("records.patch", { path, body: { data: deep } })).rejects.toMatchObject({ status: 400 });
  expect(new Set(packed.received)).toEqual(new Set(["binary"]));
  expect(packed.sent.filter((kind) => kind === "text")).toHaveLength(1); // what is too deep
  expect(new Set([...plain.sent, ...plain.received])).toEqual(new Set(["text"]));
});

test("subscriptions and channels go on after cuts without a gap", async () => {
  const { live, client, received } = reaching();
  const filter = "record.body == 'packed'";
  const all = collected(live.subscribe<Note>("notes", { filter }));
  const room = live.join("room/packed", { state: { mood: "good" } });
  const [, other] = [reaching(), reaching()];
  const heard: unknown[] = [];
  room.listen(({ event, data }) => heard.push([event, data]));
  const titles = Array.from({ length: 12 }, (_, at) => `packed ${at}`);
  await until(() => all.length && room.state.isJoined);
  for (const [at, title] of titles.entries()) {
    if (at % 5 === 3) proxy.cut();
    await client.collection("notes").create({ title, body: "packed" });
  }
  const seen = () => all.flatMap(({ changes }) => changes.map(({ record }) => record!.title));
  await until(() => seen().length >= titles.length, () => `${seen()}`);
  expect(seen()).toEqual(titles);
  await until(() => room.state.isJoined);
  await other.live.join("room/packed").send("said", { text: "Hello" });
  await until(() => heard.length);
  expect(heard).toEqual([["said", { text: "Hello" }]]);
  expect(new Set(received)).toEqual(new Set(["binary"]));
});

test("a message that the package refuses comes as JSON, and nothing is missed", async () => {
  const { live, client, received } = reaching();
  const all = collected(live.subscribe<Note>("notes", { filter: "record.body == 'proto'" }));
  await until(() => all.length);
  const data = JSON.parse('{"__proto__": {"isAdmin": true}}') as object;
  for (const each of [{}, data, {}]) await client.collection("notes").create({ title: "proto", body: "proto", data: each });
  const seen = () => all.flatMap(({ changes }) => changes.map(({ record }) => record!["data"]));
  await until(() => seen().length >= 3);
  expect(seen()).toEqual([{}, data, {}]);
  expect(received.at(-1)).toBe("text");
});

test("a WebSocket of any backend takes it as a codec", async () => {
  const codec = { encode, decode: (bytes: string | Uint8Array) => decode(bytes as Uint8Array) as { type: string; at?: number } };
  const chat = webSocket<any>(`${server.url}/v1/socket?format=msgpack`, { codec, WebSocket });
  const heard: unknown[] = [];
  chat.listen((message) => heard.push(message));
  await chat.connect();
  chat.send({ type: "ping", at: 7 });
  await until(() => heard.length === 2);
  expect(heard).toMatchObject([{ type: "hello" }, { type: "pong", at: 7 }]);
  chat.disconnect();
});
