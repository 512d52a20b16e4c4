import { expect, test } from "vitest";
import type { LiveEvent } from "../../src/index.js";
import { empty, portal, refusal, refusedConnection, scriptedClient } from "../support/scripted.js";
import { settled } from "../support/manual_clock.js";

/** A stream whose test writes into it; it fails when the client aborts. */
function stream() {
  let control!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (control = given) });
  return {
    answer: (_: unknown, signal: AbortSignal) => {
      signal.addEventListener("abort", () => {
        try {
          control.error(signal.reason);
        } catch {
          // It has ended.
        }
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    write: (text: string) => control.enqueue(new TextEncoder().encode(text)),
    end: () => control.close(),
    cut: () => control.error(Object.assign(new TypeError("terminated"), { cause: { code: "UND_ERR_SOCKET" } })),
  };
}

/** What a loop over events receives. */
function received(events: AsyncGenerator<LiveEvent, void>) {
  const all: LiveEvent[] = [];
  const ended = (async () => {
    for await (const event of events) all.push(event);
    return "ended";
  })().catch((error: unknown) => error);
  return { kinds: () => all.map(({ kind }) => kind), all, ended };
}

const STREAM = "GET /v1/events";
const COMMIT = "id: c2\nevent: commit\ndata: {\"revision\":5,\"changes\":[{\"kind\":\"create\",\"collection\":\"notes\",\n"
  + "data: \"id\":\"1\",\"record\":{\"id\":\"1\"}}]}\n\n";

test("events come with their cursors, and a dropped stream resumes after the last", async () => {
  const { client, on, asked, clock } = scriptedClient();
  const [first, second] = [stream(), stream()];
  on(STREAM, first.answer, refusedConnection.bind(null, "ECONNREFUSED"), second.answer);
  const { all, kinds } = received(client.events(["notes", "posts"], { cursor: "c0" }));
  first.write(`id: c1\nevent: ready\ndata: {}\n\nevent: later\ndata: {}\n\n${COMMIT}`);
  await settled();
  expect(all[1]).toEqual({
    kind: "commit", cursor: "c2", revision: 5, reason: "",
    changes: [{ kind: "create", collection: "notes", id: "1", record: { id: "1" } }],
  });
  await clock.advance(6_000);
  first.cut();
  await clock.advance(250);
  expect(kinds()).toEqual(["ready", "commit", "offline"]);
  await clock.advance(500);
  second.write("id: c3\nevent: ready\ndata: {}\n\nid: c4\nevent: resync\ndata: {\"reason\":\"expired\"}\n\n");
  await settled();
  expect(kinds()).toEqual(["ready", "commit", "offline", "ready", "resync"]);
  expect(all.at(-1)).toMatchObject({ cursor: "c4", reason: "expired" });
  expect(asked.map(({ path, headers }) => [path, headers["last-event-id"]])).toEqual([
    ["/v1/events?collection=notes&collection=posts", "c0"],
    ["/v1/events?collection=notes&collection=posts", "c2"],
    ["/v1/events?collection=notes&collection=posts", "c2"],
  ]);
});

test("a stream that ends within seconds reconnects without `offline`, after waits that grow", async () => {
  const { client, on, asked, clock } = scriptedClient();
  const streams = Array.from({ length: 8 }, stream);
  on(STREAM, ...streams.map(({ answer }) => answer));
  const { kinds } = received(client.events("notes"));
  const times: number[] = [];
  for (const one of streams.slice(0, 7)) {
    one.write("event: ready\ndata: {}\n\n");
    await settled();
    times.push(clock.monotonic());
    one.end();
    await settled();
    await clock.advance(clock.waits[0]!);
  }
  expect(times).toEqual([0, 250, 750, 1_750, 3_750, 7_750, 11_750]);
  expect(kinds()).toEqual(Array.from({ length: 7 }, () => "ready"));
  expect(asked).toHaveLength(8);
});

test("a stream that lasted begins the waits anew, and an event without an id keeps the cursor", async () => {
  const { client, on, clock } = scriptedClient();
  const streams = Array.from({ length: 4 }, stream);
  on(STREAM, ...streams.map(({ answer }) => answer));
  const { all } = received(client.events("notes", { cursor: "c0" }));
  for (const one of streams.slice(0, 3)) {
    one.write("event: ready\ndata: {}\n\n");
    await clock.advance(6_000);
    one.end();
    await settled();
    expect(clock.waits[0]).toBe(250);
    await clock.advance(250);
  }
  expect(new Set(all.map(({ cursor }) => cursor))).toEqual(new Set(["c0"]));
});

test("a peer that says nothing for two keep-alive periods is given up; comments count", async () => {
  const { client, on, clock } = scriptedClient();
  const one = stream();
  on(STREAM, one.answer, () => refusedConnection());
  const { kinds } = received(client.events("notes"));
  one.write("event: ready\ndata: {}\n\n");
  await clock.advance(29_000);
  one.write(": alive\n\n");
  await clock.advance(29_999);
  expect(kinds()).toEqual(["ready"]);
  await clock.advance(1);
  expect(kinds()).toEqual(["ready", "offline"]);
});

test("an outage, a portal and a busy server are waited for, as long as the server asks", async () => {
  const { client, on, asked, clock } = scriptedClient();
  const one = stream();
  on(STREAM, () => portal(401), () => portal(200), () => refusal("unavailable"),
    () => refusal("rate_limited", {}, { "retry-after": "60" }), one.answer);
  const { kinds } = received(client.events("notes"));
  await clock.advance(59_000);
  expect(asked).toHaveLength(4);
  await clock.advance(5_000);
  one.write("event: ready\ndata: {}\n\n");
  await settled();
  expect(kinds()).toEqual(["offline", "ready"]);
});

test("a definite refusal, an `end` and a 204 end the events", async () => {
  const { client, on } = scriptedClient();
  on(STREAM, () => refusal("unknown_collection"));
  expect(await received(client.events("notes")).ended).toMatchObject({ code: "unknown_collection" });
  const one = stream();
  on(STREAM, one.answer);
  one.write("event: end\ndata: {\"title\":\"t\",\"status\":400,\"code\":\"too_costly\",\"message\":\"m\"}\n\n");
  expect(await received(client.events("notes")).ended).toMatchObject({ code: "too_costly", message: "m", isFromServer: true });
  on(STREAM, () => empty(204));
  expect(await received(client.events("notes")).ended).toBe("ended");
});

test("the signal ends the events quietly, at any time; closing the client does so with an error", async () => {
  const { client, on, clock } = scriptedClient();
  const streams = [stream(), stream()];
  on(STREAM, streams[0]!.answer, () => refusedConnection(), streams[1]!.answer);
  const [first, second] = [new AbortController(), new AbortController()];
  const one = received(client.events("notes", { signal: first.signal }));
  await settled();
  first.abort();
  expect(await one.ended).toBe("ended");
  const other = received(client.events("notes", { signal: second.signal }));
  await settled();
  expect(other.kinds()).toEqual(["offline"]);
  second.abort();
  expect(await other.ended).toBe("ended");
  expect(clock.waits).toEqual([]);
  const last = received(client.events("notes"));
  await settled();
  client.close();
  expect(await last.ended).toMatchObject({ code: "closed" });
  expect(await received(client.events("notes")).ended).toMatchObject({ code: "closed" });
});

test("leaving the loop ends the request", async () => {
  const { client, on, clock } = scriptedClient();
  const one = stream();
  let signal!: AbortSignal;
  on(STREAM, (asked, given) => {
    signal = given;
    return one.answer(asked, given);
  });
  one.write("event: ready\ndata: {}\n\n");
  for await (const event of client.events("notes")) {
    expect(event.kind).toBe("ready");
    break;
  }
  expect(signal.aborted).toBe(true);
  expect(clock.waits).toEqual([]);
});
