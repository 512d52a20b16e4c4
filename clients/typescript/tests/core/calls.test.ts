import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { createClient, HinterlandError, InvalidResponse, NetworkError, NotFound, ValidationFailed } from "../../src/index.js";
import { empty, json, played, portal, refusal, refusedConnection, scriptedClient, silent } from "../support/scripted.js";

const PAGE = { items: [{ id: "1" }], next: "", total: 1 };

test("a list asks in the query string, and null by the filter", async () => {
  const { client, on, asked } = scriptedClient();
  on("GET /v1/records/posts/42/comments", () => json(PAGE));
  const page = await client.collection<any>("comments", { parent: "posts/42" }).list({
    filter: "record.likes > 3", where: { limit: 5, author: "ada", title: null, "a-b": null, x: undefined },
    sort: ["-created_at", "title"], limit: 10, page: 2, total: true,
  });
  expect(page).toEqual({ items: [{ id: "1" }], next: null, total: 1 });
  const url = new URL(asked[0]!.path, "http://x");
  expect([...url.searchParams]).toEqual([
    ["where.limit", "5"], ["where.author", "ada"],
    ["filter", "(record.likes > 3) && record.title == null && record[\"a-b\"] == null"],
    ["sort", "-created_at,title"], ["limit", "10"], ["page", "2"], ["total", "true"],
  ]);
});

test("a limit or page of 0 is sent, so that the server refuses it", async () => {
  const { client, on, asked } = scriptedClient();
  on("GET /v1/records/posts", () => json(PAGE));
  await client.collection("posts").list({ limit: 0, page: 0, cursor: "", sort: [], filter: "", total: false });
  expect(asked.map(({ path }) => path)).toEqual(["/v1/records/posts?limit=0&page=0"]);
});

test("an iteration reads all pages by their cursors", async () => {
  const { client, on, asked } = scriptedClient();
  on("GET /v1/records/posts", () => json({ items: [1, 2], next: "c" }), () => json({ items: [3], next: "" }));
  const items: unknown[] = [];
  for await (const item of client.collection<any>("posts").iterate({ limit: 2, sort: "title" })) items.push(item);
  expect(items).toEqual([1, 2, 3]);
  expect(asked.map(({ path }) => path)).toEqual([
    "/v1/records/posts?limit=2&sort=title", "/v1/records/posts?limit=2&sort=title&cursor=c",
  ]);
});

test("every write has its own idempotency key, and the revision is a condition", async () => {
  const { client, on, asked } = scriptedClient();
  const posts = client.collection<any>("posts");
  for (const method of ["PATCH", "PUT"]) on(`${method} /v1/records/posts/user%3A1%20b`, () => json({ id: "1" }));
  on("POST /v1/records/posts", () => json({ id: "1" }, 201));
  on("DELETE /v1/records/posts/7", () => empty());
  await posts.create({ title: "a" });
  await posts.update("user:1 b", { stock: { $increment: -1 } }, { revision: 4 });
  await posts.replace("user:1 b", { title: "c" }, { key: "own" });
  await posts.delete(7, { revision: 0 });
  expect(asked.map(({ headers }) => headers["if-match"])).toEqual([undefined, "\"4\"", undefined, "\"0\""]);
  expect(asked.map(({ json: body }) => body)).toEqual([
    { title: "a" }, { stock: { $increment: -1 } }, { title: "c" }, undefined,
  ]);
  const keys = asked.map(({ headers }) => headers["idempotency-key"]!);
  expect(new Set(keys).size).toBe(4);
  expect(keys[2]).toBe("own");
  expect(keys[0]).toMatch(/^[0-9]{16,48}$/);
});

test("what can't be is refused before anything is sent, as the server would", async () => {
  const { client, asked } = scriptedClient();
  const posts = client.collection<any>("posts");
  for (const id of ["", "a/b", ".", "..", "~x", "__x", "a\nb", "\ud800", "a".repeat(129), 1.5]) {
    const error = await posts.get(id).catch((caught: unknown) => caught) as NotFound;
    expect(error, String(id)).toBeInstanceOf(NotFound);
    expect([error.code, error.status, error.sent, error.isDecided]).toEqual(["not_found", 0, "no", true]);
  }
  for (const act of [posts.get, posts.delete, (id: any) => posts.update(id, {}), (id: any) => posts.replace(id, {})]) {
    await expect(act(undefined as any)).rejects.toMatchObject({ code: "not_found", sent: "no" }); // and not the whole list
  }
  expect(() => client.collection("posts/42")).toThrow(ValidationFailed);
  expect(() => client.collection("posts", { parent: "42" })).toThrow(
    "collection: must be a name, or a path such as posts/42/comments; it is '42/posts'");
  await expect(posts.create({ price: Number.NaN })).rejects.toMatchObject({ code: "invalid_body", status: 0 });
  await expect(client.request("GET", "elsewhere")).rejects.toMatchObject({ code: "unsafe_request", sent: "no" });
  await expect(client.request("GET", "/", { headers: { "a b": "c" } })).rejects.toMatchObject({ code: "unsafe_request" });
  expect(asked).toEqual([]);
});

test("addresses that can't be used are refused", () => {
  for (const url of ["", "nonsense", "ftp://x", "localhost:8000", "127.0.0.1:8000"]) {
    const refused = { code: "invalid_setting", advice: "Begin it with https:// or http://." };
    expect(() => createClient({ url }), url).toThrow(expect.objectContaining(refused));
  }
  expect(() => createClient({ url: "http://10.0.2.2:8000" })).toThrow(expect.objectContaining({ code: "insecure_address" }));
  expect(createClient({ url: "http://10.0.2.2:8000/api/", allowHttp: true }).url).toBe("http://10.0.2.2:8000/api");
  expect(createClient().url).toBe("http://127.0.0.1:8000");
});

test("own operations are called by name, GET with a query, and have no body to read after 204", async () => {
  const { client, on, asked } = scriptedClient();
  on("POST /v1/functions/orders.total", () => json({ total: 3 }));
  on("GET /v1/functions/orders.find", () => json([1]));
  on("POST /v1/functions/forget", () => empty());
  expect(await client.call("orders.total", { ids: [1] })).toEqual({ total: 3 });
  expect(await client.call("orders.find", { tag: ["a", "b"], none: null }, { method: "GET" })).toEqual([1]);
  expect(await client.call("forget")).toBeNull();
  expect(asked.map(({ path }) => path)[1]).toBe("/v1/functions/orders.find?tag=a&tag=b");
  expect(asked[0]!.json).toEqual({ ids: [1] });
});

test("the app's own headers go to the backend only", async () => {
  const { client, on, asked } = scriptedClient({ options: { headers: { "x-app": "notes" } } });
  on("GET /path", () => json({}));
  await client.request("get", "/path", { query: { a: 1 } });
  await client.request("GET", "http://localhost:2/path");
  expect(asked.map(({ headers }) => headers["x-app"])).toEqual(["notes", undefined]);
});

describe("a response that is not this app's server's", () => {
  test("is an InvalidResponse where it claims success", async () => {
    const { client, on } = scriptedClient();
    on("GET /v1/records/posts", () => portal(), () => json([]), () => json({ items: 1 }));
    on("GET /v1/records/posts/1", () => portal(), () => json(null));
    on("DELETE /v1/records/posts/1", () => portal());
    const posts = client.collection("posts");
    for (const act of [posts.list, posts.list, posts.list, () => posts.get("1"), () => posts.get("1"), () => posts.delete("1")]) {
      await expect(act()).rejects.toBeInstanceOf(InvalidResponse);
    }
    await expect(posts.get("1")).rejects.toMatchObject({ code: "invalid_response", sent: "yes" });
  });

  test("is an error of its status, and not decided by the server", async () => {
    const { client, on } = scriptedClient();
    on("GET /v1/records/posts/1", () => portal(404), () => json({ message: "gone" }, 410), () => refusal("not_found"));
    const errors = [];
    for (let at = 0; at < 3; at++) {
      errors.push(await client.collection("posts").get("1").catch((error: unknown) => error) as NotFound);
    }
    expect(errors.map(({ code, isDecided, message }) => [code, isDecided, message])).toEqual([
      ["not_found", false, "This was not found."], ["not_found", false, "gone"], ["not_found", true, "not_found; it is so"],
    ]);
  });

  test("is refused where it redirects to another place", async () => {
    const { client, on } = scriptedClient();
    on("POST /v1/records/posts", () => new Response(null, { status: 307, headers: { location: "http://portal.example" } }));
    await expect(client.collection<any>("posts").create({})).rejects.toMatchObject({ code: "redirect_refused", sent: "yes" });
  });
});

describe("a call ends", () => {
  test("at its deadline, over all attempts", async () => {
    const { client, on, clock } = scriptedClient();
    on("GET /v1/records/posts/1", silent);
    const error = await played(clock, client.collection("posts").get("1"));
    expect(error).toMatchObject({ code: "deadline", operation: "records.view", attempts: 2 });
    expect(clock.monotonic()).toBe(60_000);
  });

  test("with its attempt's limit where it may not be repeated", async () => {
    const { client, on, clock } = scriptedClient();
    on("POST /v1/functions/pay", silent);
    const error = await played(clock, client.call("pay", {}));
    expect(error).toMatchObject({ code: "read_timeout", sent: "maybe", attempts: 1 });
    expect(clock.monotonic()).toBe(30_000);
  });

  test("at its own signal, with the signal's reason", async () => {
    const { client, on, clock } = scriptedClient();
    on("GET /v1/records/posts/1", silent);
    const controller = new AbortController();
    const call = client.collection("posts").get("1", { signal: controller.signal });
    controller.abort(new Error("left"));
    await expect(call).rejects.toThrow("left");
    await expect(client.collection("posts").get("1", { signal: controller.signal })).rejects.toThrow("left");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    expect(clock.waits).toEqual([]);
  });

  test("when the client is closed", async () => {
    const { client, on } = scriptedClient();
    on("GET /v1/records/posts/1", silent);
    const call = client.collection("posts").get("1");
    client.close();
    await expect(call).rejects.toMatchObject({ code: "closed" });
    await expect(client.collection("posts").get("1")).rejects.toMatchObject({ code: "closed", sent: "no" });
  });
});

test("each way in which no response comes has its error", async () => {
  for (const [code, kind, sent] of [
    ["ECONNREFUSED", "connect", "no"], ["ENOTFOUND", "connect", "no"], ["ECONNRESET", "connection_lost", "maybe"],
    ["CERT_HAS_EXPIRED", "tls", "no"],
  ] as const) {
    const { client, on } = scriptedClient({ options: { retries: 0 } });
    on("GET /", () => refusedConnection(code));
    const error = await client.request("GET", "/").catch((caught: unknown) => caught) as HinterlandError;
    expect(error).toBeInstanceOf(NetworkError);
    expect([error.code, error.sent]).toEqual([kind, sent]);
  }
});

test("layers see each call once, and a trace has no secret", async () => {
  const traces: any[] = [];
  const seen: string[] = [];
  const { client, on } = scriptedClient({
    onTrace: (trace) => traces.push(trace),
    layers: [async (request, send) => {
      seen.push(request.operation);
      const response = await send({ ...request, headers: { ...request.headers, "x-layer": "1" } });
      return response;
    }],
  });
  on("GET /v1/records/posts/1", () => json({ id: "1" }, 200, { "x-request-id": "r-1" }));
  on("GET /x", () => refusal("forbidden"));
  await client.collection("posts").get("1");
  await client.request("GET", "/x", { query: { token: "hidden" } }).catch(() => {});
  expect(seen).toEqual(["records.view", ""]);
  expect(traces[0]).toMatchObject({ operation: "records.view", method: "GET", status: 200, attempts: 1, requestId: "r-1" });
  expect(traces[1]).toMatchObject({ status: 403, error: "" });
  expect(JSON.stringify(traces)).not.toContain("hidden");
});

test("streams that have ended leave nothing behind on the caller's signal", async () => {
  const { client, on, clock } = scriptedClient();
  on("GET /file", () => new Response("abc"), () => new Response(null));
  const { signal } = new AbortController();
  for (let count = 0; count < 3; count++) {
    const response = await client.request("GET", "/file", { isStream: true, signal });
    if (response.body) for await (const piece of response.body) expect(piece).toHaveLength(3);
  }
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(clock.waits).toEqual([]);
});

test("the reader of a stream may take its time between two pieces; a sender may not", async () => {
  const { client, on, clock } = scriptedClient();
  let control!: ReadableStreamDefaultController<Uint8Array>;
  on("GET /file", (_, signal) => {
    const body = new ReadableStream<Uint8Array>({ start: (given) => void (control = given) });
    signal.addEventListener("abort", () => control.error(signal.reason));
    return new Response(body);
  });
  const { body } = await client.request("GET", "/file", { isStream: true, deadline: Infinity });
  const pieces = body![Symbol.asyncIterator]();
  control.enqueue(new Uint8Array([1]));
  expect((await pieces.next()).value).toEqual(new Uint8Array([1]));
  await clock.advance(100_000);
  control.enqueue(new Uint8Array([2]));
  expect((await pieces.next()).value).toEqual(new Uint8Array([2]));
  const next = pieces.next().catch((error: HinterlandError) => error.code);
  await clock.advance(30_000);
  expect(await next).toBe("read_timeout");
});
