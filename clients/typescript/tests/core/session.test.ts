import { expect, test } from "vitest";
import { ChallengeRequired, createClient, memoryVault, type Vault, WrongServer } from "../../src/index.js";
import { empty, json, played, portal, refusal, refusedConnection, scriptedClient, session, silent } from "../support/scripted.js";

const READ = "GET /v1/records/posts";
const REFRESH = "POST /v1/auth/refresh";
const PAGE = { items: [], next: "" };

/** Answers reads that carry one of these access tokens; others are refused. */
const byToken = (...numbers: number[]) => ({ headers }: { headers: Record<string, string> }) =>
  numbers.some((number) => headers["authorization"] === `Bearer access-${number}`) ? json(PAGE) : refusal("unauthorized");

test("100 calls that are refused at once share one renewal, and each is sent again once", async () => {
  const { client, on, asked, logIn } = scriptedClient();
  await logIn();
  on(READ, byToken(2));
  on(REFRESH, () => json(session(2)));
  await Promise.all(Array.from({ length: 100 }, () => client.collection("posts").list()));
  expect(asked.filter(({ path }) => path === "/v1/auth/refresh")).toHaveLength(1);
  expect(asked).toHaveLength(201);
});

test("a token is renewed before it expires, by the clock that does not jump", async () => {
  const { client, on, asked, logIn, clock } = scriptedClient();
  await logIn();
  on(READ, byToken(1, 2));
  on(REFRESH, () => json(session(2)));
  clock.jump = 86_400_000;
  await clock.advance(839_000);
  await client.collection("posts").list();
  expect(asked.map(({ path }) => path)).toEqual(["/v1/records/posts"]);
  await clock.advance(1_000);
  await client.collection("posts").list();
  expect(asked.map(({ path }) => path)).toEqual(["/v1/records/posts", "/v1/auth/refresh", "/v1/records/posts"]);
});

test("a second refusal of a fresh token signs out", async () => {
  const { client, on, logIn } = scriptedClient();
  await logIn();
  on(READ, () => refusal("unauthorized"));
  on(REFRESH, () => json(session(2)));
  await expect(client.collection("posts").list()).rejects.toMatchObject({ code: "unauthorized" });
  expect(client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
});

test("only the server's own invalid_grant ends a session: no outage, portal, gateway or other server does", async () => {
  const { client, on, logIn, clock } = scriptedClient();
  await logIn();
  on(READ, () => refusal("unauthorized"));
  const answers = [
    () => refusedConnection(), () => refusal("internal"), () => portal(200), () => portal(401), () => portal(400),
    () => json({ error: "invalid_grant" }, 400), () => json({ code: "invalid_grant", status: 400 }, 401),
  ];
  for (const answer of answers) {
    on(REFRESH, answer);
    const error = await played(clock, client.collection("posts").list());
    expect(error).toMatchObject({ operation: "auth.refresh", sent: "no" });
    expect(client.auth.user).toEqual({ id: "ada", name: "ada" });
    await clock.advance(10_000);
  }
  on(READ, () => portal(401));
  await expect(client.collection("posts").list()).rejects.toMatchObject({ status: 401, isFromServer: false });
  expect(client.auth.state.kind).toBe("signedIn");
  on(READ, () => refusal("unauthorized"));
  on(REFRESH, () => refusal("invalid_grant", { details: { reason: "another_server" } }));
  await expect(client.collection("posts").list()).rejects.toBeInstanceOf(WrongServer);
  await expect(client.auth.refresh()).rejects.toMatchObject({
    code: "invalid_grant", message: "This is another server than the one that you signed in to.",
  });
  expect(client.auth.state.kind).toBe("signedIn");
  on(REFRESH, () => refusal("invalid_grant"));
  await expect(client.collection("posts").list()).rejects.toMatchObject({ code: "unauthorized" });
  expect(client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
});

test("a renewal that fails before the token expires does no harm", async () => {
  const { client, on, logIn, clock, asked } = scriptedClient();
  await logIn();
  on(READ, byToken(1));
  on(REFRESH, silent);
  await clock.advance(850_000);
  expect(await played(clock, client.collection("posts").list(), 10_000)).toEqual({ items: [], next: null, total: null });
  const renewals = () => asked.filter(({ path }) => path === "/v1/auth/refresh").length;
  const before = renewals();
  await client.collection("posts").list();
  expect(renewals()).toBe(before);
});

test("tabs that share a vault make one renewal, and follow each other's sign-in and sign-out", async () => {
  const vault = watched();
  const one = scriptedClient({ vault });
  await one.logIn();
  const other = scriptedClient({ vault, fetch: one.fetch });
  one.on(READ, byToken(2));
  one.on(REFRESH, () => json(session(2)));
  const calls = [one.client, other.client].flatMap((client) =>
    Array.from({ length: 20 }, () => client.collection("posts").list()));
  await Promise.all(calls);
  expect(one.asked.filter(({ path }) => path === "/v1/auth/refresh")).toHaveLength(1);
  one.on("POST /v1/auth/logout", () => empty());
  await other.client.auth.logOut();
  expect(other.client.auth.state).toEqual({ kind: "signedOut", reason: "log_out" });
  expect(one.client.auth.state).toEqual({ kind: "signedOut", reason: "elsewhere" });
  await one.logIn(3, "grace");
  expect(other.client.auth.user).toMatchObject({ id: "grace" });
});

/** A vault that reports each change, as localStorage does to other tabs. */
function watched(): Vault {
  const vault = memoryVault();
  const listeners = new Set<() => void>();
  const notify = () => listeners.forEach((listener) => listener());
  return {
    ...vault,
    save: (data) => (vault.save(data), notify()),
    clear: () => (vault.clear(), notify()),
    watch: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
  };
}

test("a request is never sent again in the name of another user", async () => {
  const { client, on, logIn } = scriptedClient();
  await logIn();
  on(READ, () => refusal("unauthorized"));
  on(REFRESH, async () => {
    on("POST /v1/auth/login", () => json(session(9, "grace")));
    on("GET /v1/records/own", () => json(PAGE));
    return json(session(9, "grace"));
  });
  const error: any = await client.collection("posts").list().catch((caught: unknown) => caught);
  expect(error).toMatchObject({ code: "unauthorized" });
  expect(client.auth.user).toMatchObject({ id: "grace" });
});

test("states: signing in, signed in, and back where that fails; a listener that fails harms nothing", async () => {
  const { client, on } = scriptedClient();
  const kinds: string[] = [];
  client.auth.subscribe(() => {
    throw new Error("a listener's own failure");
  });
  const stop = client.auth.subscribe(({ kind }) => kinds.push(kind));
  expect(client.auth.state).toEqual({ kind: "signedOut", reason: "never" });
  on("POST /v1/auth/login", () => refusal("challenge_required", { details: { challenge: "c-1", methods: ["totp"] } }));
  const error: any = await client.auth.logIn({ email: "a", password: "b" }).catch((caught: unknown) => caught);
  expect([error instanceof ChallengeRequired, error.challenge]).toEqual([true, "c-1"]);
  on("POST /v1/auth/challenge", () => portal(), () => json(session(1)));
  await expect(client.auth.answer({ challenge: "c-1", code: "1" })).rejects.toMatchObject({ code: "invalid_response" });
  await client.auth.answer({ challenge: "c-1", code: "1" });
  expect(kinds).toEqual(["signingIn", "signedOut", "signingIn", "signedOut", "signingIn", "signedIn"]);
  stop();
  on("POST /v1/auth/logout", () => refusedConnection());
  on("GET /v1/auth/me", () => json({ id: "ada", name: "Ada Lovelace" }));
  expect(await client.auth.me()).toEqual(client.auth.user);
  expect(kinds).toHaveLength(6);
});

test("log-out ends the session here though the server can't be reached", async () => {
  const { client, on, logIn, clock, asked } = scriptedClient();
  await logIn();
  on("POST /v1/auth/logout", () => refusedConnection());
  await played(clock, client.auth.logOut());
  expect(client.auth.state).toEqual({ kind: "signedOut", reason: "log_out" });
  on(READ, () => json(PAGE));
  await client.collection("posts").list();
  expect(asked.at(-1)!.headers["authorization"]).toBeUndefined();
});

test("a stored session is used by the next start, of its server only; one that can't be read signs out", async () => {
  const { client, on, logIn, fetch, asked } = scriptedClient({ vault: undefined });
  await logIn();
  expect(client.auth.state.kind).toBe("signedIn");
  const kept = memoryVault();
  const first = scriptedClient({ vault: kept });
  await first.logIn();
  const late: Vault = { ...kept, load: () => Promise.resolve(kept.load()) };
  const next = createClient({ url: "http://127.0.0.1:1", vault: late, fetch });
  expect(next.auth.state).toEqual({ kind: "loading" });
  on(READ, byToken(1));
  await next.collection("posts").list();
  expect(asked.at(-1)!.headers["authorization"]).toBe("Bearer access-1");
  expect(next.auth.user).toEqual({ id: "ada", name: "ada" });
  expect(createClient({ url: "http://127.0.0.1:2", vault: kept }).auth.user).toBeNull();
  const damaged: Vault = { ...kept, load: () => "?" };
  expect(createClient({ url: "http://127.0.0.1:1", vault: damaged }).auth.state)
    .toEqual({ kind: "signedOut", reason: "unreadable" });
});

test("a vault that can't store holds the session as long as the page", async () => {
  const full = () => {
    throw new DOMException("full", "QuotaExceededError");
  };
  const { client, on, logIn } = scriptedClient({ vault: { ...memoryVault(), save: full, clear: full } });
  await logIn();
  on(READ, byToken(2));
  on(REFRESH, () => json(session(2)));
  await client.collection("posts").list();
  expect(client.auth.state.kind).toBe("signedIn");
});
