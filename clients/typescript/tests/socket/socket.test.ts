import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type AnyRecord, type Client, createClient, memoryVault, type Vault } from "../../src/index.js";
import { type Socket, socket, type SocketEvent } from "../../src/socket/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { ManualClock } from "../support/manual_clock.js";
import { type Server, startServer } from "../support/server.js";
import { wait } from "../support/wait.js";
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

const until = (act: () => unknown, why: () => string = () => String(act)) => wait(async () => act(), why);

/** All events, as they come. */
function collected<T>(events: AsyncIterable<SocketEvent<T>>) {
  const all: SocketEvent<T>[] = [];
  const ended = (async () => {
    for await (const event of events) all.push(event);
  })().then(() => "ended", (error: unknown) => error);
  return { all, ended, kinds: () => all.map(({ kind }) => kind) };
}

describe("subscriptions", () => {
  test("a snapshot, and then each change once", async () => {
    const [client, live] = reaching();
    const notes = client.collection<Note>("notes");
    const first = await notes.create({ title: "shown", code: "s1" });
    const filter = "record.title.startsWith('shown')";
    const { all, kinds } = collected(live.subscribe<Note>("notes", { filter, sort: "-created_at", limit: 5, total: true }));
    await until(() => all.length === 2);
    expect(all[0]).toMatchObject({ kind: "snapshot", items: [first], next: null, total: 1 });
    await notes.create({ title: "other" });
    const second = await notes.create({ title: "shown too" });
    await notes.delete(first.id);
    await until(() => all.length >= 4);
    const changes = all.flatMap((event) => event.changes);
    expect(changes.map(({ kind, id }) => [kind, id])).toEqual([["create", second.id], ["delete", first.id]]);
    expect(new Set(kinds())).toEqual(new Set(["snapshot", "ready", "commit"]));
  });

  test("cuts and a restart of the server leave no gap and repeat nothing", async () => {
    const [, live] = reaching();
    const notes = createClient({ url: server.url, vault: memoryVault() }).collection<Note>("notes");
    const { all, kinds } = collected(live.subscribe<Note>("notes", { filter: "record.body == 'cut'", limit: 1_000 }));
    const titles = Array.from({ length: 80 }, (_, at) => `cut ${at}`);
    for (const [at, title] of titles.entries()) {
      if (at % 20 === 10) proxy.cut();
      if (at === 45) {
        await server.stop();
        await server.start();
      }
      await notes.create({ title, body: "cut" });
    }
    const seen = () => {
      const last = kinds().lastIndexOf("snapshot");
      const shown = all[last]?.items ?? [];
      const came = all.slice(last).flatMap((event) => event.changes.map(({ record }) => record!));
      return [...shown, ...came].map(({ title }) => title);
    };
    await until(() => seen().length >= titles.length, () => `${seen().length} of ${titles.length}`);
    expect(seen().sort()).toEqual([...titles].sort());
    expect(kinds()).toContain("offline");
  });

  test("a cursor continues where a former run ended, and several collections are followed together", async () => {
    const [client, live] = reaching();
    const names = ["notes", "diary"];
    const leaving = new AbortController();
    const before = collected(live.subscribe(names, { signal: leaving.signal }));
    await until(() => before.all.length);
    leaving.abort();
    expect(await before.ended).toBe("ended");
    await client.collection("notes").create({ title: "missed" });
    const [, later] = reaching();
    const { all } = collected(later.subscribe(names, { cursor: before.all.at(-1)!.cursor }));
    await until(() => all.flatMap(({ changes }) => changes).length);
    expect(all.flatMap(({ changes }) => changes).map(({ record }) => record!["title"])).toEqual(["missed"]);
  });

  test("leaving the loop ends the subscription on the server; a function gets the same events", async () => {
    const sent: string[] = [];
    class Recorded extends WebSocket {
      override send(data: any) {
        sent.push(data);
        super.send(data);
      }
    }
    const [client] = reaching();
    const live = socket(client, { WebSocket: Recorded });
    for await (const { kind } of live.subscribe("notes", { limit: 1 })) if (kind === "ready") break;
    expect(sent.map((text) => JSON.parse(text)).at(-1)).toEqual({ type: "unsubscribe", id: "1" });
    const heard: SocketEvent<Note>[] = [];
    const stop = live.follow<Note>("notes", { snapshot: false }, (event) => heard.push(event));
    await until(() => heard.length);
    await client.collection("notes").create({ title: "heard" });
    await until(() => heard.some(({ changes }) => changes[0]?.record?.title === "heard"));
    stop();
  });

  test("a reader that is slow gets everything: what it can't hold is sent again when it has read", async () => {
    const [client, live] = reaching();
    const events = live.subscribe<Note>("notes", { filter: "record.body == 'slow'", snapshot: false, maxQueued: 20 });
    expect((await events.next()).value).toMatchObject({ kind: "ready" });
    const titles = Array.from({ length: 100 }, (_, at) => `slow ${at}`);
    for (let at = 0; at < titles.length; at += 50) {
      await Promise.all(titles.slice(at, at + 50).map((title) => client.collection("notes").create({ title, body: "slow" })));
    }
    // The socket has taken all of it in, or given up.
    await live.call("records.list", { path: { collection: "notes" }, query: { limit: 1 } });
    const seen: string[] = [];
    for await (const { changes } of events) {
      for (const { record } of changes) seen.push(record!.title);
      if (seen.length >= titles.length) break;
    }
    expect(new Set(seen)).toEqual(new Set(titles));
    expect(seen).toHaveLength(titles.length);
  });

  test("a definite refusal ends the loop with its error", async () => {
    const [, live] = reaching();
    for (const [name, filter, code] of [["nothing", "", "unknown_collection"], ["notes", "record.", "invalid_query"]]) {
      expect(await collected(live.subscribe(name!, { filter })).ended).toMatchObject({ code, isFromServer: true });
    }
  });
});

describe("the session", () => {
  test("the socket is the user's, with what was begun after signing in", async () => {
    const [client, live] = reaching();
    await live.call("records.list", { path: { collection: "notes" } });
    const anonymous = collected(live.subscribe("notes"));
    await until(() => anonymous.all.length);
    const ada = await signUp(client);
    expect(await anonymous.ended).toMatchObject({ code: "unauthorized" });
    expect((await live.call("auth.me")).body.id).toBe(ada.id);
    const diary = collected(live.subscribe("diary"));
    await until(() => diary.kinds().includes("ready"));
    await live.call("records.create", { path: { collection: "diary" }, body: { text: "mine" } });
    await until(() => diary.all.some(({ changes }) => changes[0]?.record?.["text"] === "mine"));
    await client.auth.logOut();
    expect(await diary.ended).toMatchObject({ code: "unauthorized" });
    await expect(live.call("auth.me")).rejects.toMatchObject({ code: "unauthorized" });
  });

  test("a renewed token keeps the connection and its subscriptions", async () => {
    const [client, live] = reaching();
    await signUp(client);
    const { all, kinds } = collected(live.subscribe("diary"));
    await until(() => kinds().includes("ready"));
    await client.auth.refresh();
    await live.call("records.create", { path: { collection: "diary" }, body: { text: "renewed" } });
    await until(() => all.some(({ changes }) => changes.length));
    expect(kinds()).not.toContain("offline");
  });

  test("the session is renewed while the socket is open, and the server hears of it", async () => {
    const clock = new ManualClock();
    clock.time = Date.now();
    const sent: any[] = [];
    class Recorded extends WebSocket {
      override send(data: any) {
        sent.push(JSON.parse(data));
        super.send(data);
      }
    }
    const client = createClient({ url: proxy.url, vault: memoryVault(), clock });
    clients.push(client);
    await signUp(client);
    const live = socket(client, { WebSocket: Recorded });
    await live.call("auth.me");
    const tokens = () => sent.filter(({ type }) => type === "auth").map(({ token }) => token);
    for (let seconds = 0; seconds < 910; seconds += 14) {
      await clock.advance(14_000);
      await live.call("auth.me"); // a sign of life
    }
    await until(() => tokens().length === 2);
    expect(new Set(tokens()).size).toBe(2);
    expect(live.connection.state).toBe("connected");
  });

  test("a session that another device ended ends what runs, and signs out", async () => {
    const [client, live] = reaching();
    const { email } = await signUp(client);
    const { ended, all } = collected(live.subscribe("diary"));
    await until(() => all.length);
    const [other] = reaching();
    await other.auth.logIn({ email, password: PASSWORD });
    const { id } = (await other.auth.sessions()).find(({ is_current }) => !is_current)!;
    await other.auth.endSession(id);
    expect(await ended).toMatchObject({ code: "unauthorized" });
    expect(client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
  });
});

test("connectivity follows the socket: the server's end is noticed without a call, and its return too", async () => {
  const [client, live] = reaching();
  const states: string[] = [];
  client.connectivity.subscribe((state) => states.push(state));
  const { all, kinds } = collected(live.subscribe("notes", { snapshot: false }));
  await until(() => all.length);
  await server.stop();
  await until(() => states.at(-1) === "offline");
  await server.start();
  await until(() => states.at(-1) === "online" && kinds().lastIndexOf("ready") > 1, () => `${states} ${kinds()}`);
  expect(kinds().slice(0, 3)).toEqual(["ready", "offline", "ready"]);
});

test("a server that has no socket is an error, which a browser's WebSocket does not report", async () => {
  const client = createClient({ url: `${server.url}/elsewhere`, vault: memoryVault() });
  clients.push(client);
  await expect(socket(client, { WebSocket }).call("auth.me")).rejects.toMatchObject({ status: 404 });
});

test("the records of a query change with every write", async () => {
  const [client, live] = reaching();
  const notes = client.collection<Note>("notes");
  const states = live.collection<Note>("notes").states({ where: { body: "listed" }, sort: "title", limit: 2 });
  const shown = () => states.state.data?.map(({ title }) => title).join();
  const stop = states.subscribe(() => {});
  await until(() => shown() === "");
  const one = await notes.create({ title: "b", body: "listed" });
  for (const title of ["c", "a"]) await notes.create({ title, body: "listed" });
  await until(() => shown() === "a,b", () => JSON.stringify(states.state));
  await notes.delete(one.id);
  await until(() => shown() === "a,c");
  stop();
  await expect(live.collection("nothing").list()).rejects.toMatchObject({ code: "unknown_collection" });
});
