import { expect, test } from "vitest";
import { memoryVault } from "../../src/index.js";
import { settled } from "../support/manual_clock.js";
import { json, played, refusal, scriptedClient, session } from "../support/scripted.js";

const READ = "GET /v1/records/posts";
const REFRESH = "POST /v1/auth/refresh";
const PAGE = { items: [], next: "" };

test("the token goes to its server, and to no other", async () => {
  const { client, on, asked, logIn } = scriptedClient();
  await logIn();
  on("GET /path", () => json({}));
  await client.request("GET", "/path");
  await client.request("GET", "http://127.0.0.1:2/path");
  await client.request("GET", "http://localhost:1/path");
  expect(asked.map(({ headers }) => headers["authorization"])).toEqual(["Bearer access-1", undefined, undefined]);
});

test("a token that another tab had renewed and that has aged too is renewed, not given up", async () => {
  const vault = memoryVault();
  const { client, on, logIn } = scriptedClient({ vault });
  await logIn();
  const kept = JSON.parse(await vault.load() as string);
  kept.session.accessToken = "access-2";
  kept.session.refreshToken = "refresh-2";
  await vault.save(JSON.stringify(kept));
  on(READ, ({ headers }) => headers["authorization"] === "Bearer access-3" ? json(PAGE) : refusal("unauthorized"));
  on(REFRESH, ({ json: body }) => body.refresh_token === "refresh-2" ? json(session(3)) : refusal("invalid_grant"));
  expect((await client.collection("posts").list()).items).toEqual([]);
  expect(client.auth.state.kind).toBe("signedIn");
});

test("a session ends by the server's refusal though its user became known meanwhile, and a newer session does not", async () => {
  const { lock: _, ...vault } = memoryVault();
  const { client, on, logIn } = scriptedClient({ vault: { ...vault, lock: (act) => act() } });
  await logIn();
  on(READ, ({ headers }) => headers["authorization"] === "Bearer access-6" ? json(PAGE) : refusal("unauthorized"));
  const pending: (() => void)[] = [];
  on(REFRESH, () => new Promise((resolve) => pending.push(() => resolve(refusal("invalid_grant")))));
  on("GET /v1/auth/me", () => json({ id: "ada", name: "Ada Lovelace" }));
  const first = client.collection("posts").list().catch((error: any) => error.code);
  await settled();
  await client.auth.me();
  pending.pop()!();
  expect(await first).toBe("unauthorized");
  expect(client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
  await logIn(5);
  const second = client.collection("posts").list();
  await settled();
  await logIn(6);
  pending.pop()!();
  expect((await second).items).toEqual([]);
  expect(client.auth.state.kind).toBe("signedIn");
});

test("the code of a refused token in a response that is not the server's ends no session", async () => {
  for (const answer of [
    json({ code: "invalid_grant", status: 400 }, 401), json({ code: "invalid_grant" }, 400),
    json({ error: "invalid_grant" }, 400),
  ]) {
    const { client, on, logIn, clock } = scriptedClient();
    await logIn();
    on(REFRESH, () => answer);
    expect(await played(clock, client.auth.refresh())).toMatchObject({ operation: "auth.refresh", isFromServer: false });
    expect(client.auth.state.kind).toBe("signedIn");
  }
});

test("a session that ends here leaves alone the one that another tab has begun meanwhile", async () => {
  const vault = memoryVault();
  const [first, second] = [scriptedClient({ vault }), scriptedClient({ vault })];
  await first.logIn();
  first.on(REFRESH, () => json(session(2)));
  first.on(READ, async ({ headers }) => {
    if (headers["authorization"] === "Bearer access-2") await second.logIn(7);
    return refusal("unauthorized");
  });
  expect(await played(first.clock, first.client.collection("posts").list())).toMatchObject({ code: "unauthorized" });
  expect(first.client.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
  expect(await vault.load()).toContain("access-7");
});
