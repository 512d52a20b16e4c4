import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocketClient, type WebSocketOptions, plain, webSocket } from "../../src/socket/index.js";
import { type Echo, startEcho } from "../support/echo.js";
import { ManualClock } from "../support/manual_clock.js";
import { wait } from "../support/wait.js";
import { WebSocket } from "../support/web_socket.js";

let echo: Echo;
const open: WebSocketClient<any, any>[] = [];

beforeEach(async () => {
  echo = await startEcho();
});

afterEach(async () => {
  for (const one of open.splice(0)) one.disconnect();
  await echo.close();
});

function made<T = any>(options: WebSocketOptions<T, T> = {}, url = echo.url): WebSocketClient<T, T> {
  const one = webSocket<T>(url, { WebSocket, random: () => 0, ...options });
  open.push(one);
  return one;
}

const until = (act: () => unknown) => wait(async () => act(), () => String(act));

/** The next `count` messages. */
async function next<T>(messages: AsyncIterable<T>, count: number): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) if (all.push(message) === count) break;
  return all;
}

test("the calls of tutorials: connect, send, messages, isConnected, disconnect", async () => {
  const chat = made<string | Uint8Array>({ codec: plain });
  expect(chat.isConnected).toBe(false);
  await chat.connect();
  expect(chat.isConnected).toBe(true);
  const answers = next(chat.messages, 1);
  chat.send("Hello");
  expect(await answers).toEqual(["Hello"]);
  chat.disconnect();
  expect(chat.isConnected).toBe(false);
  expect(() => chat.send("late")).toThrow(expect.objectContaining({ code: "closed" }));
});

test("messages are JSON values of a type; bytes stay bytes; each loop and listener gets all of them", async () => {
  const chat = made<{ text: string } | Uint8Array>();
  await chat.connect();
  const heard: unknown[] = [];
  const stop = chat.listen((message) => heard.push(message));
  const loops = [next(chat.messages, 2), next(chat.messages, 2)];
  chat.send({ text: "é" });
  chat.send(new Uint8Array([1, 2]));
  const expected = [{ text: "é" }, new Uint8Array([1, 2])];
  expect(await Promise.all(loops)).toEqual([expected, expected]);
  expect(heard).toEqual(expected);
  stop();
  chat.send({ text: "unheard" });
  await next(chat.messages, 1);
  expect(heard).toHaveLength(2);
});

test("after a cut it is open again, and what was sent meanwhile follows in order", async () => {
  const chat = made<number>();
  await chat.connect();
  const states: string[] = [];
  chat.subscribe((state) => {
    states.push(state);
    if (state === "waiting") for (const message of [2, 3, 4]) chat.send(message);
  });
  const all = next(chat.messages, 4);
  chat.send(1);
  await until(() => echo.heard.length === 1);
  echo.peers[0]!.terminate();
  expect(await all).toEqual([1, 2, 3, 4]);
  expect(states).toEqual(["waiting", "connecting", "connected"]);
});

test("waits between tries take any part of a bound that doubles from 0.25 to 4 seconds", async () => {
  const clock = new ManualClock();
  await echo.close();
  const chat = made({ clock, random: () => 1 });
  chat.connect().catch(() => {});
  const waits: number[] = [];
  for (let tries = 0; tries < 6; tries++) {
    await until(() => chat.state === "waiting");
    waits.push(clock.waits[0]!);
    await clock.advance(clock.waits[0]!);
  }
  expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000]);
  echo = await startEcho();
});

test("at most so many messages wait to be sent, and so many to be read by a loop", async () => {
  const chat = made<number>({ maxQueued: 3 });
  await chat.connect();
  const slow = chat.messages[Symbol.asyncIterator]();
  for (const message of [1, 2, 3, 4, 5]) echo.peers[0]!.send(String(message));
  await next(chat.messages, 1).catch(() => {});
  const read = async () => {
    const all: unknown[] = [];
    for (let step; !(step = await slow.next()).done; ) all.push(step.value);
    return all;
  };
  await expect(read()).rejects.toMatchObject({ code: "connection_lost", message: expect.stringContaining("3 messages") });
  const away = made<number>({ maxQueued: 3 }, "ws://127.0.0.1:1/");
  away.connect().catch(() => {});
  for (const message of [1, 2, 3]) away.send(message);
  expect(() => away.send(4)).toThrow(expect.objectContaining({ code: "queue_full", sent: "no" }));
});

test("a close that would happen again is final: loops and connect end with its error", async () => {
  const chat = made();
  await chat.connect();
  const loop = next(chat.messages, 1);
  echo.peers[0]!.close(4403, "not yours");
  await expect(loop).rejects.toMatchObject({ code: "connection_closed", details: { closeCode: 4403, reason: "not yours" } });
  expect(chat.state).toBe("disconnected");
  const other = made({ isFinal: (code) => code === 3000 });
  await other.connect();
  echo.peers.at(-1)!.close(4403);
  await until(() => echo.peers.length === 3);
  await until(() => other.isConnected);
  await chat.connect(); // by the app's own decision
  expect(chat.isConnected).toBe(true);
});

test("silence is broken by the ping, and a peer that does not answer is given up", async () => {
  const clock = new ManualClock();
  const chat = made<string>({ clock, pingMessage: "ping", pingSeconds: 20 });
  await chat.connect();
  await clock.advance(19_999);
  expect(echo.heard).toEqual([]);
  const answers = next(chat.messages, 1);
  await clock.advance(1);
  expect(await answers).toEqual(["ping"]);
  echo.answer = () => {};
  await clock.advance(20_000);
  await until(() => echo.heard.length === 2);
  expect(chat.isConnected).toBe(true);
  await clock.advance(20_000);
  await until(() => chat.isConnected && echo.peers.length === 2);
});

test("what is no message by the codec is reported and passed over", async () => {
  const errors: unknown[] = [];
  const chat = made({ onInvalid: (error) => errors.push(error) });
  await chat.connect();
  const messages = next(chat.messages, 1);
  echo.peers[0]!.send("{broken");
  echo.peers[0]!.send("1");
  expect(await messages).toEqual([1]);
  expect(errors).toEqual([expect.objectContaining({ code: "invalid_response", found: "{broken" })]);
});

test("subprotocols are offered; an address of a page is taken; another one is refused", async () => {
  const chat = made({ subprotocols: ["one", "two"] }, echo.url.replace("ws:", "http:"));
  await chat.connect();
  expect(echo.peers[0]!.protocol).toBe("two");
  for (const url of ["ftp://a", "::"]) {
    expect(() => made({}, url)).toThrow(expect.objectContaining({ code: "invalid_setting" }));
  }
});

test("disconnect ends loops quietly, and a connect that waits with an error", async () => {
  const away = made({}, "ws://127.0.0.1:1/");
  const connecting = away.connect();
  away.disconnect();
  await expect(connecting).rejects.toMatchObject({ code: "closed" });
  const chat = made();
  await chat.connect();
  const loop = next(chat.messages, 1);
  chat.disconnect(4000, "bye");
  expect(await loop).toEqual([]);
  await until(() => echo.peers[0]!.readyState === WebSocket.CLOSED);
});
