import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Client, createClient, memoryVault } from "../../src/index.js";
import { type ChannelMessage, type JoinedChannel, type Socket, socket } from "../../src/socket/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Server, startServer } from "../support/server.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

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

async function entered(url = server.url): Promise<[Socket, Client]> {
  const client = createClient({ url, vault: memoryVault(), random: () => 0 });
  clients.push(client);
  const name = `person-${++people}`;
  await client.auth.signUp({ name, email: `${name}@example.org`, password: "7 lean oysters" });
  return [socket(client, { WebSocket }), client];
}

const until = (act: () => unknown) => wait(async () => act(), () => String(act));
const joined = (channel: JoinedChannel) => until(() => channel.state.isJoined);
const states = (channel: JoinedChannel) => channel.state.members.map(({ state }) => state).sort();

/** What comes, as it comes, and how it ends. */
function collected(channel: JoinedChannel) {
  const all: ChannelMessage[] = [];
  const ended = (async () => {
    for await (const message of channel.messages) all.push(message);
  })().then(() => "ended", (error: unknown) => error);
  return { all, ended, data: () => all.map(({ data }) => data) };
}

test("members see who is there, with their states, and get each other's messages", async () => {
  const [[one, ada], [other]] = [await entered(), await entered()];
  const first = one.join("room/1", { state: "a" });
  await joined(first);
  const second = other.join("room/1", { state: "b" });
  const { all } = collected(second);
  await joined(second);
  await until(() => states(first).join() === "a,b");
  const { id, name } = ada.auth.user as any;
  expect(first.state.members.find(({ state }) => state === "a")!.user).toEqual({ id, name });
  expect(await first.send("said", { text: "Hi" })).toBe(1);
  expect(await first.send("typing", null, { keep: false })).toBe(0);
  await until(() => all.length === 2);
  expect(all).toMatchObject([
    { event: "said", data: { text: "Hi" }, user: { id: ada.auth.user!.id }, member: first.state.member, seq: 1 },
    { event: "typing", data: null, seq: 0 },
  ]);
  await second.changeState("c");
  await expect(second.changeState("c".repeat(5_000))).rejects.toMatchObject({ code: "too_large" });
  expect(second.state.members.map(({ state }) => state)).toEqual(["a", "c"]);
  await until(() => states(first).join() === "a,c");
  expect(other.join("room/1")).toBe(second);
  second.leave();
  await until(() => states(first).join() === "a");
});

test("kept messages come first, as many as are asked for", async () => {
  const [[one], [other]] = [await entered(), await entered()];
  const first = one.join("room/kept");
  for (const text of ["a", "b", "c"]) await first.send("said", text);
  const { data } = collected(other.join("room/kept", { history: 2 }));
  await until(() => data().length === 2);
  expect(data()).toEqual(["b", "c"]);
});

test("what came before the first loop or listener waits for it", async () => {
  const [[one], [other]] = [await entered(), await entered()];
  const first = one.join("room/late");
  await first.send("said", "kept");
  const second = other.join("room/late");
  await joined(second);
  await first.send("said", "now");
  await second.send("said", "own");
  second.listen(() => {})(); // a component that was unmounted at once
  const heard: unknown[] = [];
  second.listen(({ data }) => heard.push(data));
  const { data } = collected(second);
  await until(() => data().length === 2);
  expect([heard, data()]).toEqual([["kept", "now"], ["kept", "now"]]);
  const late = collected(second);
  await first.send("said", "later");
  await until(() => data().length === 3);
  expect([heard.at(-1), late.data()]).toEqual(["later", ["later"]]);
});

test("after a cut it is joined again: what was missed comes once, and what was sent meanwhile goes out", async () => {
  const [[one], [other]] = [await entered(proxy.url), await entered()];
  const first = one.join<string, string>("room/cut", { state: "back", history: 1 });
  const second = other.join<string>("room/cut");
  const here = collected(first);
  await Promise.all([joined(first), joined(second)]);
  await first.send("said", "own");
  await second.send("said", "before");
  await until(() => here.all.length === 1);
  const waiting: Promise<number>[] = [];
  const stop = first.subscribe(({ isJoined }) => {
    if (isJoined || waiting.length) return;
    waiting.push(...["missed", "too"].map((text) => second.send("said", text)), first.send("said", "later"));
  });
  proxy.cut();
  await until(() => waiting.length);
  await Promise.all(waiting);
  stop();
  await until(() => here.data().length === 3);
  expect(here.data()).toEqual(["before", "missed", "too"]);
  await second.send("said", "after");
  await until(() => here.data().at(-1) === "after");
  expect(here.data()).toEqual(["before", "missed", "too", "after"]);
  await until(() => states(second).includes("back"));
});

test("a refusal ends the channel with its error; one of a message ends that alone", async () => {
  const [live, client] = await entered();
  const foreign = live.join("own/somebody");
  const { ended } = collected(foreign);
  expect(await ended).toMatchObject({ code: "forbidden" });
  expect(foreign.state).toMatchObject({ isJoined: false, error: { code: "forbidden" } });
  await expect(foreign.send("said")).rejects.toMatchObject({ code: "forbidden" });
  const quiet = live.join("room/quiet");
  await expect(quiet.send("said", "x")).rejects.toMatchObject({ code: "forbidden" });
  expect(quiet.state.isJoined).toBe(true);
  const own = live.join(`own/${client.auth.user!.id}`);
  const mine = collected(own);
  await joined(own);
  await client.auth.logOut();
  expect(await mine.ended).toMatchObject({ code: "unauthorized" });
});

test("leaving ends loops quietly, and closing the client with an error", async () => {
  const [live, client] = await entered();
  const left = live.join("room/left");
  const first = collected(left);
  left.leave();
  expect(await first.ended).toBe("ended");
  await expect(left.send("said")).rejects.toMatchObject({ code: "closed" });
  const last = collected(live.join("room/left"));
  client.close();
  expect(await last.ended).toMatchObject({ code: "closed" });
});
