import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type AnyRecord, type Client, Conflict, createClient, type LiveEvent, memoryVault, NotFound, Stale, Unauthorized,
  ValidationFailed, type Vault, WrongServer,
} from "../../src/index.js";
import { type CuttingProxy, cuttingProxy } from "../support/cutting_proxy.js";
import { type Served, served } from "../support/served.js";

interface Post extends AnyRecord {
  title: string;
  body: string | null;
  author: string;
}

let server: Served;
let proxy: CuttingProxy;
let people = 0;
const clients: Client[] = [];

beforeAll(async () => {
  server = await served("examples/shop/app.py");
  proxy = await cuttingProxy(server.url);
});

afterAll(async () => {
  clients.forEach((client) => client.close());
  await proxy.close();
  await server.stop();
});

function reaching(url: string, vault: Vault = memoryVault()): Client {
  const client = createClient({ url, vault });
  clients.push(client);
  return client;
}

/** A client of a new user. */
async function signedUp(url = server.url, vault?: Vault): Promise<Client> {
  const client = reaching(url, vault);
  const email = `person-${++people}@example.org`;
  await client.auth.signUp({ name: `Person ${people}`, email, password: "7 lean oysters" });
  return client;
}

describe("accounts", () => {
  test("sign up, log out, log in, change the password, and the sessions of all devices", async () => {
    const client = await signedUp();
    const { email, id } = client.auth.user!;
    expect(await client.auth.me()).toMatchObject({ email, id });
    await client.auth.logOut();
    await expect(client.auth.me()).rejects.toBeInstanceOf(Unauthorized);
    await expect(client.auth.logIn({ email, password: "wrong" })).rejects.toMatchObject({ code: "invalid_credentials" });
    await client.auth.logIn({ email, password: "7 lean oysters" });
    await client.auth.changePassword({ password: "7 lean oysters", newPassword: "8 lean oysters" });
    const other = reaching(server.url);
    await other.auth.logIn({ email, password: "8 lean oysters" });
    const sessions = await client.auth.sessions();
    expect(sessions).toHaveLength(2);
    await client.auth.endSession(sessions.find(({ is_current }) => !is_current)!.id);
    await expect(other.auth.me()).rejects.toBeInstanceOf(Unauthorized);
    expect(other.auth.state).toEqual({ kind: "signedOut", reason: "refused" });
    await client.auth.deleteAccount({ password: "8 lean oysters" });
    expect(client.auth.user).toBeNull();
  });

  test("a sign-up is refused with messages by field, or since the address is taken", async () => {
    const client = await signedUp();
    const { email } = client.auth.user!;
    const form = { name: "Ada", email: "no address", password: "1" };
    const error = await reaching(server.url).auth.signUp(form).catch((caught: unknown) => caught) as ValidationFailed;
    expect(error).toBeInstanceOf(ValidationFailed);
    expect(Object.keys(error.errors)).toContain("email");
    await expect(reaching(server.url).auth.signUp({ ...form, email, password: "7 lean oysters" }))
      .rejects.toBeInstanceOf(Conflict);
  });
});

describe("records", () => {
  test("are created, read, changed with a condition, replaced and deleted", async () => {
    const client = await signedUp();
    const posts = client.collection<Post>("posts");
    const post = await posts.create({ title: "First" });
    expect(post).toMatchObject({ title: "First", body: null, author: client.auth.user!.id });
    const changed = await posts.update(post.id, { body: "Text" }, { revision: post.revision });
    await expect(posts.update(post.id, { title: "Late" }, { revision: post.revision })).rejects.toBeInstanceOf(Stale);
    expect(await posts.get(post.id)).toEqual(changed);
    expect(await posts.replace(post.id, { title: "Second" })).toMatchObject({ title: "Second", body: null });
    await posts.delete(post.id);
    const error = await posts.get(post.id).catch((caught: unknown) => caught) as NotFound;
    expect(error).toBeInstanceOf(NotFound);
    expect(error.isDecided).toBe(true);
    await expect(posts.create({ title: "x", id: "a" })).resolves.toMatchObject({ id: "a" });
    await expect(posts.create({ title: "x", id: "a" })).rejects.toBeInstanceOf(Conflict);
    await expect(posts.create({} as Post)).rejects.toMatchObject({ errors: { title: ["is required"] } });
    await expect(client.collection("nothing").list()).rejects.toMatchObject({ code: "unknown_collection" });
  });

  test("are listed by page and cursor, filtered, sorted and counted", async () => {
    const client = await signedUp();
    const posts = client.collection<Post>("posts");
    const author = client.auth.user!.id as string;
    for (let number = 0; number < 25; number++) await posts.create({ title: `Post ${String(number).padStart(2, "0")}` });
    const titles: string[] = [];
    for await (const post of posts.iterate({ where: { author }, sort: "-title", limit: 7 })) titles.push(post.title);
    expect(titles).toHaveLength(25);
    expect(titles).toEqual([...titles].sort().reverse());
    const page = await posts.list({ where: { author, body: null }, filter: "record.title < 'Post 10'", total: true, limit: 3 });
    expect([page.total, page.items.length, typeof page.next]).toEqual([10, 3, "string"]);
    const second = await posts.list({ where: { author }, page: 2, limit: 20, sort: ["title"] });
    expect([second.items.length, second.next]).toEqual([5, null]);
    await expect(posts.list({ cursor: "nonsense" })).rejects.toMatchObject({ code: "invalid_cursor" });
  });

  test("a response that was lost leaves one record: the write is repeated with its key", async () => {
    const client = await signedUp(proxy.url);
    const posts = client.collection<Post>("posts");
    for (let number = 0; number < 5; number++) {
      proxy.loseResponses(2);
      await posts.create({ title: `Lost ${number}` });
    }
    const { items } = await posts.list({ where: { author: client.auth.user!.id as string }, sort: "title" });
    expect(items.map(({ title }) => title)).toEqual([0, 1, 2, 3, 4].map((number) => `Lost ${number}`));
    expect(proxy.requests.filter((line) => line.startsWith("POST /v1/records/posts"))).toHaveLength(15);
  });
});

describe("sessions", () => {
  test("20 calls with a stale token make one renewal, and so do those of two clients that share a vault", async () => {
    const vault = memoryVault();
    const client = await signedUp(proxy.url, vault);
    const kept = JSON.parse(await vault.load() as string);
    kept.session.accessToken = `${kept.session.accessToken.slice(0, -6)}aaaaaa`;
    await vault.save(JSON.stringify(kept));
    client.close();
    const [one, other] = [reaching(proxy.url, vault), reaching(proxy.url, vault)];
    const before = proxy.requests.length;
    await Promise.all([one, other].flatMap((each) => Array.from({ length: 20 }, () => each.auth.me())));
    const renewals = proxy.requests.slice(before).filter((line) => line.startsWith("POST /v1/auth/refresh"));
    expect(renewals).toHaveLength(1);
  });
});

test("another server at the address is named, and the session is kept until the right one is back", async () => {
  const other = await served("examples/shop/app.py");
  const between = await cuttingProxy(server.url);
  try {
    const client = await signedUp(between.url);
    const { id } = client.auth.user!;
    between.redirect(other.url);
    await expect(client.auth.me()).rejects.toBeInstanceOf(WrongServer);
    await expect(client.auth.refresh()).rejects.toBeInstanceOf(WrongServer);
    expect(client.auth.user!.id).toBe(id);
    between.redirect(server.url);
    expect(await client.auth.me()).toMatchObject({ id });
  } finally {
    await between.close();
    await other.stop();
  }
});

describe("live events", () => {
  test("a stream that is cut resumes without a gap and without a repetition", async () => {
    const [reader, writer] = [await signedUp(proxy.url), await signedUp()];
    const posts = writer.collection<Post>("posts");
    const controller = new AbortController();
    const events: LiveEvent[] = [];
    const seen: string[] = [];
    let ready = () => {};
    const isReady = new Promise<void>((resolve) => (ready = resolve));
    const reading = (async () => {
      for await (const event of reader.events(["posts"], { signal: controller.signal })) {
        events.push(event);
        if (event.kind === "ready") ready();
        seen.push(...event.changes.map(({ record }) => record!["title"] as string));
        if (seen.includes("Live 39")) controller.abort();
      }
    })();
    await isReady;
    for (let number = 0; number < 40; number++) {
      await posts.create({ title: `Live ${number}` });
      if (number % 8 === 3) proxy.cut();
    }
    await reading;
    expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => `Live ${number}`));
    expect(events.filter(({ kind }) => kind === "ready").length).toBeGreaterThan(1);
    const [first] = events;
    for await (const event of reader.events("posts", { cursor: first!.cursor })) {
      if (event.kind === "ready") continue;
      expect(event.changes[0]!.record!["title"]).toBe("Live 0");
      break;
    }
  });
});
