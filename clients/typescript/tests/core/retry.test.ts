import { expect, test } from "vitest";
import type { ClientRequest } from "../../src/index.js";
import { DEFAULTS } from "../../src/core/options.js";
import { verdict } from "../../src/core/retry.js";
import { json, played, portal, refusal, refusedConnection, scriptedClient, silent } from "../support/scripted.js";

const READ = "GET /v1/records/posts/1";

test("a read is repeated after waits that double, and the error tells the attempts", async () => {
  const { client, on, clock, asked } = scriptedClient();
  on(READ, () => refusedConnection());
  const error = await played(clock, client.collection("posts").get("1"));
  expect(error).toMatchObject({ code: "connect", sent: "no", attempts: 4, waited: 0.1 + 0.2 + 0.4 });
  expect(asked).toHaveLength(4);
});

test("a busy server is given a second, and its Retry-After is kept to, as seconds or as a date", async () => {
  const { client, on, clock } = scriptedClient();
  on(READ, () => refusal("unavailable"), () => refusal("rate_limited", {}, { "retry-after": "7" }),
    () => refusal("unavailable", {}, {
      "retry-after": "Fri, 01 Jan 2027 00:00:09 GMT", date: "Fri, 01 Jan 2027 00:00:00 GMT",
    }), () => json({ id: "1" }));
  expect(await played(clock, client.collection("posts").get("1"))).toEqual({ id: "1" });
  expect(clock.monotonic()).toBe(1_000 + 7_000 + 9_000);
});

test("a Retry-After above the cap is not waited for, and the error has it", async () => {
  const { client, on, asked } = scriptedClient();
  on(READ, () => refusal("rate_limited", { retry_after: 31 }, { "retry-after": "31" }));
  await expect(client.collection("posts").get("1")).rejects.toMatchObject({ code: "rate_limited", retryAfter: 31 });
  expect(asked).toHaveLength(1);
});

test("a write whose response was lost is sent again with the same key; without a key only if it was not sent", async () => {
  const { client, on, clock, asked } = scriptedClient();
  on("POST /v1/records/posts", () => refusedConnection("ECONNRESET"), () => refusal("in_progress"), () => json({ id: "1" }));
  expect(await played(clock, client.collection<any>("posts").create({}))).toEqual({ id: "1" });
  expect(new Set(asked.map(({ headers }) => headers["idempotency-key"])).size).toBe(1);
  expect(asked).toHaveLength(3);
  on("POST /v1/functions/pay", () => refusedConnection("ECONNREFUSED"), () => refusedConnection("ECONNRESET"));
  expect(await played(clock, client.call("pay", {}))).toMatchObject({ code: "connection_lost", attempts: 2, sent: "maybe" });
});

test("an error after a lost response says that an earlier attempt may have been carried out", async () => {
  const { client, on, clock } = scriptedClient();
  on("POST /v1/records/posts", () => refusedConnection("ECONNRESET"), () => refusal("conflict"));
  const error = await played(clock, client.collection<any>("posts").create({}));
  expect(error).toMatchObject({ code: "conflict", isInDoubt: true, attempts: 2 });
});

test("what stays is not tried again", async () => {
  const { client, on, asked } = scriptedClient();
  for (const code of ["validation", "forbidden", "stale", "conflict", "storage_full"]) {
    on(READ, () => refusal(code));
    await expect(client.collection("posts").get("1")).rejects.toMatchObject({ code, attempts: 1 });
  }
  on(READ, () => refusedConnection("CERT_HAS_EXPIRED"));
  await expect(client.collection("posts").get("1")).rejects.toMatchObject({ code: "tls", attempts: 1 });
  expect(asked).toHaveLength(6);
});

test("the budget bounds repetitions while nothing succeeds", async () => {
  const { client, on, clock, asked } = scriptedClient();
  on(READ, () => refusal("internal"));
  for (let call = 0; call < 10; call++) await played(clock, client.collection("posts").get("1"));
  expect(asked).toHaveLength(20);
});

test("five successes pay for a repetition", async () => {
  const { client, on, clock, asked } = scriptedClient();
  on(READ, () => refusal("internal"));
  for (let call = 0; call < 10; call++) await played(clock, client.collection("posts").get("1"));
  on(READ, () => json({ id: "1" }));
  for (let call = 0; call < 5; call++) await client.collection("posts").get("1");
  on(READ, () => refusal("internal"));
  asked.length = 0;
  await played(clock, client.collection("posts").get("1"));
  expect(asked).toHaveLength(2);
});

test("a call that ends in a wait says what is known of the attempts before", async () => {
  const { client, on, clock } = scriptedClient();
  on("POST /v1/records/posts", () => refusedConnection("ECONNREFUSED"));
  const call = client.collection<any>("posts").create({}).catch((error: unknown) => error);
  await clock.advance(50);
  client.close();
  expect(await call).toMatchObject({ code: "closed", sent: "no" });
});

test("while the circuit is open a call does not wait to try again, and streams pass", async () => {
  const { client, on, clock, asked } = scriptedClient();
  on(READ, () => refusedConnection("ECONNRESET"));
  for (let call = 0; call < 2; call++) await played(clock, client.collection("posts").get("1"));
  expect(client.connectivity.state).toBe("offline");
  const before = [clock.monotonic(), asked.length];
  await expect(client.collection("posts").get("1")).rejects.toMatchObject({ code: "connect", attempts: 1 });
  expect([clock.monotonic(), asked.length]).toEqual(before);
  on("GET /v1/events", () => new Response("event: ready\ndata: {}\n\n"));
  for await (const { kind } of client.events("posts")) {
    expect(kind).toBe("ready");
    break;
  }
  expect(client.connectivity.state).toBe("online");
});

test("a gateway's response that the server is gone counts as none, and one of the server itself does not", async () => {
  const { client, on, clock } = scriptedClient({ options: { retries: 0 } });
  const get = () => client.collection("posts").get("1").catch((error: any) => error.code as string);
  on(READ, () => refusal("unavailable"));
  for (let call = 0; call < 9; call++) expect(await get()).toBe("unavailable");
  expect(client.connectivity.state).toBe("online");
  on(READ, () => portal(502), () => portal(504));
  for (let call = 0; call < 5; call++) expect(await get()).toBe("unavailable");
  expect(client.connectivity.state).toBe("offline");
  expect(await get()).toBe("connect");
  on(READ, () => portal(502), () => json({ id: "1" }));
  await clock.advance(500);
  expect([await get(), await get(), client.connectivity.state]).toEqual(["unavailable", "connect", "offline"]);
  await clock.advance(1_000);
  expect([await get(), client.connectivity.state]).toEqual([{ id: "1" }, "online"]);
});

test("a wait beyond the deadline is not begun", () => {
  const request = { method: "GET", headers: {}, retries: 3, body: null, isRepeatable: false } as unknown as ClientRequest;
  const failed = { status: 503, sent: "maybe" } as const;
  expect(verdict(request, failed, 2, 4.1, DEFAULTS, () => 1)).toBe(4);
  expect(verdict(request, failed, 2, 4, DEFAULTS, () => 1)).toBeUndefined();
  expect(verdict(request, failed, 3, 60, DEFAULTS, () => 1)).toBeUndefined();
});

test("after failures in a row calls fail at once, one probe at a time asks, and a response closes the circuit", async () => {
  const { client, on, clock, asked } = scriptedClient({ options: { retries: 0 } });
  const states: string[] = [];
  const get = () => client.collection("posts").get("1").catch((error: any) => error.code as string);
  on(READ, () => refusedConnection("ECONNRESET"));
  for (let call = 0; call < 5; call++) expect(await get()).toBe("connection_lost");
  expect(client.connectivity.state).toBe("offline");
  const times: number[] = [];
  for (let call = 0; call < 100; call++) {
    const started = performance.now();
    expect(await get()).toBe("connect");
    times.push(performance.now() - started);
  }
  expect(Math.min(...times)).toBeLessThan(1);
  expect(asked).toHaveLength(5);
  await clock.advance(500);
  on(READ, silent);
  const probe = client.collection("posts").get("1").catch((error: any) => error.code as string);
  expect(await get()).toBe("connect");
  expect(await played(clock, probe)).toBe("read_timeout");
  client.connectivity.subscribe((state) => states.push(state));
  on("GET /health", () => refusedConnection(), () => json({ status: "ok" }));
  await clock.advance(1_000 + 2_000);
  expect(states).toEqual(["online"]);
  on(READ, () => json({ id: "1" }));
  expect(await get()).toEqual({ id: "1" });
  expect(asked.filter(({ path }) => path === "/health")).toHaveLength(1 + 1);
});
