import { expect, test } from "vitest";
import { budget, fullJitter } from "../../src/kit/backoff.js";
import { sleep } from "../../src/kit/clock.js";
import { eventStreamParser, type Message } from "../../src/kit/event_stream.js";
import { objectIn } from "../../src/kit/json.js";
import { singleFlight } from "../../src/kit/single_flight.js";
import { ManualClock, settled } from "../support/manual_clock.js";

test("waits double up to the cap, and are a random part of that", () => {
  expect([0, 1, 2, 3, 40].map((attempt) => fullJitter(attempt, 100, 500, () => 1))).toEqual([100, 200, 400, 500, 500]);
  expect(fullJitter(2, 100, 500, () => 0.25)).toBe(100);
});

test("a budget allows its reserve, and then a repetition for five successes", () => {
  const { take, payIn } = budget();
  expect(Array.from({ length: 12 }, take).filter(Boolean)).toHaveLength(10);
  for (let count = 0; count < 5; count++) payIn();
  expect([take(), take()]).toEqual([true, false]);
});

test("a sleep ends with its time, or at once with the signal's reason", async () => {
  const clock = new ManualClock();
  const ends: unknown[] = [];
  const controller = new AbortController();
  void sleep(clock, 100).then(() => ends.push("slept"));
  sleep(clock, 100, controller.signal).catch((reason: unknown) => ends.push(reason));
  controller.abort("stopped");
  await clock.advance(99);
  expect(ends).toEqual(["stopped"]);
  await clock.advance(1);
  expect(ends).toEqual(["stopped", "slept"]);
  await expect(sleep(clock, 100, controller.signal)).rejects.toBe("stopped");
  expect(clock.waits).toEqual([]);
});

test("callers of one key share a run that is under way; the next one begins anew", async () => {
  const fly = singleFlight<number>();
  let runs = 0;
  const act = async () => {
    await settled();
    return ++runs;
  };
  expect(await Promise.all([fly("a", act), fly("a", act), fly("b", act)])).toEqual([1, 1, 2]);
  expect(await fly("a", act)).toBe(3);
  await expect(fly("a", () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  expect(await fly("a", act)).toBe(4);
});

const STREAM = "\uFEFFid: 1\r\nevent: commit\rdata: {\"a\":\ndata:1}\n\n: alive\n\nretry: 2500\nid\0: no\n"
  + "data:  two\r\n\r\n"
  + "event: nothing\n\nid: ü\ndata\n\n";
const MESSAGES: Message[] = [
  { event: "commit", data: "{\"a\":\n1}", id: "1" },
  { event: "message", data: " two", id: "1" },
  { event: "message", data: "", id: "ü" },
];

test("a stream gives the same messages wherever it is cut", () => {
  const bytes = new TextEncoder().encode(STREAM);
  for (let size = 1; size <= bytes.length; size++) {
    const parse = eventStreamParser();
    const found: Message[] = [];
    for (let at = 0; at < bytes.length; at += size) found.push(...parse(bytes.subarray(at, at + size)));
    expect(found).toEqual(MESSAGES);
  }
});

test("what is not an object in JSON is an empty one", () => {
  expect(["{\"a\":1}", "[1]", "null", "<html>", ""].map(objectIn)).toEqual([{ a: 1 }, {}, {}, {}, {}]);
});
