// Compiled by the strictest settings against the built package, as an app would be.
import {
  type Client, createClient, type Draft, HinterlandError, type Layer, type LiveEvent, memoryVault,
  type Page, type Repository, type SessionState, type Stored, type Trace, type Vault,
} from "hinterland";
import { type Local } from "hinterland/offline";
import { installSqlite, type SqliteDriver } from "hinterland/sqlite";

interface Post extends Stored {
  title: string;
  stock: number;
  tags: string[];
}

const counting: Layer = async (request, send) => {
  const response = await send({ ...request, headers: { ...request.headers, "x-count": "1" } });
  return response;
};
const traces: Trace[] = [];
const vault: Vault = { ...memoryVault(), load: () => Promise.resolve(null) };

export function start(url: string | undefined): Client {
  return createClient({ url, vault, layers: [counting], onTrace: (trace) => traces.push(trace), options: { deadline: 10 } });
}

export async function use(client: Client): Promise<Page<Post>> {
  const posts: Repository<Post> = client.collection<Post>("posts", { parent: undefined });
  const draft: Draft<Post> = { title: "a", tags: [] };
  const post: Post = await posts.create(draft, { key: "k", signal: undefined });
  await posts.update(post.id, { stock: { $increment: 1 }, tags: { $add: ["x"] }, title: null }, { revision: post.revision });
  // @ts-expect-error a field must have a value of its type
  await posts.update(post.id, { stock: "many" });
  // @ts-expect-error a list compares fields that there are
  await posts.list({ where: { titel: "a" } });
  for await (const event of client.events("posts") satisfies AsyncIterable<LiveEvent>) {
    if (event.kind === "commit") break;
  }
  for await (const { changes } of client.events<Post>(["posts"])) {
    changes[0]?.record?.stock satisfies number | undefined;
    // @ts-expect-error a change has the fields of a record
    changes[0]?.record?.titel;
  }
  const labels: string[] = (await client.auth.sessions()).map(({ label }) => label);
  const state: SessionState = client.auth.state;
  // @ts-expect-error only a signed-in state has a user
  state.user;
  const total = await client.call<{ total: number }>("orders.total", { ids: [1] });
  if (total.total > labels.length) throw new HinterlandError("stale");
  return posts.list({ where: { title: null }, sort: ["-title"], cursor: null, total: true });
}

const rows: string[][] = [];
const driver: SqliteDriver = { run: (sql) => (rows.push([sql]), rows), close: () => {} };
installSqlite(async () => driver);

// Without a type of its own: the declarations of an app can name what it gets.
export const bodies = (local: Local) => local.outbox.list().flatMap(({ writes }) => writes.map(({ body }) => body));
