// The benchmark's app by hand: fastify, its JSON web tokens, and node:sqlite. `node server.mjs PORT FOLDER`.
//
// As durable as ours: WAL with synchronous=FULL, and each insert is a transaction of its own.

import { randomBytes, scryptSync, timingSafeEqual } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import fastify from "fastify";
import jwt from "@fastify/jwt";

const [port, folder] = [Number(process.argv[2]), process.argv[3]];
const database = new DatabaseSync(`${folder}/data.db`);
database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY");
database.exec(`CREATE TABLE IF NOT EXISTS secret (value TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE NOT NULL, password BLOB NOT NULL)`);
const COLUMNS = "id, members, title, rank, category, done, due, created, updated";
for (const name of ["notes", "articles"]) {
  database.exec(`CREATE TABLE IF NOT EXISTS ${name} (id TEXT PRIMARY KEY, members TEXT NOT NULL, title TEXT, rank REAL,
    category TEXT, done INTEGER, due TEXT, created TEXT NOT NULL, updated TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS ${name}_rank ON ${name} (rank);
    CREATE INDEX IF NOT EXISTS ${name}_category_rank ON ${name} (category, rank)`);
}
database.exec("CREATE VIRTUAL TABLE IF NOT EXISTS articles_words USING fts5(title, content='articles')");
const REFERENCES = { tags: [], posts: ["a", "b", "c"], comments: ["post"], likes: ["comment"] };
for (const [name, references] of Object.entries(REFERENCES)) {
  database.exec(`CREATE TABLE IF NOT EXISTS ${name} (id TEXT PRIMARY KEY, title TEXT, rank REAL, done INTEGER,
    ${references.map((field) => `${field} TEXT,`).join("")} created TEXT NOT NULL, updated TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS ${name}_rank ON ${name} (rank)`);
  for (const field of references) database.exec(`CREATE INDEX IF NOT EXISTS ${name}_${field} ON ${name} (${field})`);
}
const search = database.prepare(`SELECT ${COLUMNS} FROM articles JOIN (SELECT rowid AS number, rank AS weight
  FROM articles_words WHERE articles_words MATCH ? ORDER BY weight LIMIT ?) ON articles.rowid = number ORDER BY weight`);
const secret = () => database.prepare("SELECT value FROM secret").get()?.value;
if (!secret()) database.prepare("INSERT INTO secret VALUES (?)").run(randomBytes(32).toString("hex"));

const statements = {};
for (const name of ["notes", "articles"]) {
  statements[name] = {
    read: database.prepare(`SELECT ${COLUMNS} FROM ${name} WHERE id = ?`),
    insert: database.prepare(`INSERT INTO ${name} (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    list: database.prepare(`SELECT ${COLUMNS} FROM ${name} WHERE category = ? ORDER BY rank, id LIMIT ?`),
    total: database.prepare(`SELECT count(*) AS total FROM ${name} WHERE category = ?`),
    count: database.prepare(`SELECT count(*) AS total FROM ${name}`),
  };
}

const text = { type: "string" };
const fields = {
  members: { type: "array", maxItems: 10, items: { type: "string", maxLength: 64 } },
  title: { type: "string", maxLength: 200 }, rank: { type: "number" }, category: { type: "string", maxLength: 40 },
  done: { type: "boolean" }, due: { type: "string", format: "date-time" },
};
const record = { type: "object", properties: { id: text, created: text, updated: text, ...fields } };
const body = { type: "object", properties: fields, additionalProperties: false };
const page = { type: "object", properties: { items: { type: "array", items: record }, total: { type: "integer" } } };

const app = fastify();
await app.register(jwt, { secret: secret(), verify: { cache: true } });
const signedIn = async (request) => { await request.jwtVerify(); };
const shown = (row) => ({ ...row, members: JSON.parse(row.members), done: row.done === 1 });
const refusal = (status, message) => Object.assign(new Error(message), { statusCode: status });

app.get("/health", async () => ({ status: "ok" }));

app.post("/signup", async ({ body: { email, password } }) => {
  const [id, salt] = [randomBytes(10).toString("hex"), randomBytes(16)];
  const hash = Buffer.concat([salt, scryptSync(password, salt, 32)]);
  database.prepare("INSERT INTO users VALUES (?, ?, ?)").run(id, email, hash);
  return { id, token: app.jwt.sign({ sub: id }, { expiresIn: "1h" }) };
});

app.post("/login", async ({ body: { email, password } }) => {
  const user = database.prepare("SELECT id, password FROM users WHERE email = ?").get(email);
  const kept = user && Buffer.from(user.password);
  if (!kept || !timingSafeEqual(scryptSync(password, kept.subarray(0, 16), 32), kept.subarray(16))) {
    throw refusal(401, "wrong e-mail or password");
  }
  return { id: user.id, token: app.jwt.sign({ sub: user.id }, { expiresIn: "1h" }) };
});

const streams = new Set();

app.get("/records/:name/:id", { onRequest: signedIn, schema: { response: { 200: record } } }, async (request) => {
  const row = statements[request.params.name]?.read.get(request.params.id);
  if (row === undefined) throw refusal(404, "not found");
  const found = shown(row);
  if (!found.members.includes(request.user.sub)) throw refusal(404, "not found");
  return found;
});

app.get("/records/:name", { onRequest: signedIn, schema: { response: { 200: page } } }, async (request) => {
  const { params: { name }, query: { category, limit, total, search: words } } = request;
  const known = statements[name];
  if (words !== undefined) return { items: search.all(words, Math.min(Number(limit), 500)).map(shown) };
  if (category === undefined) return { items: [], total: known.count.get().total };
  const items = known.list.all(category, Math.min(Number(limit), 500)).map(shown);
  return total === "true" ? { items, total: known.total.get(category).total } : { items };
});

const sums = database.prepare(`SELECT done, count(*) AS count, sum(rank) AS sum_rank, max(rank) AS max_rank
  FROM articles GROUP BY done ORDER BY done`);
app.get("/sums", { onRequest: signedIn }, async () => (
  { items: sums.all().map((row) => ({ ...row, done: row.done === 1 })) }
));

const related = {
  posts: database.prepare("SELECT * FROM posts ORDER BY rank, id LIMIT 20"),
  tag: database.prepare("SELECT * FROM tags WHERE id = ?"),
  comments: database.prepare("SELECT * FROM comments WHERE post = ? ORDER BY id LIMIT 10"),
  likes: database.prepare("SELECT * FROM likes WHERE comment = ? ORDER BY id LIMIT 5"),
};
const plain = (row) => ({ ...row, done: row.done === 1 });
const plainFields = { id: text, title: text, rank: { type: "number" }, done: { type: "boolean" }, created: text,
  updated: text };
const schemaOf = (name, expand = {}) => ({ type: "object", properties: { ...plainFields,
  ...Object.fromEntries(REFERENCES[name].map((field) => [field, text])),
  ...(Object.keys(expand).length ? { expand: { type: "object", properties: expand } } : {}) } });
const listOf = (items) => ({ type: "array", items });
const postsWith = (expand) => ({ response: { 200: { type: "object", properties: {
  items: listOf(schemaOf("posts", expand)) } } } });
const tags = { a: schemaOf("tags"), b: schemaOf("tags"), c: schemaOf("tags") };
const comments = { comments: listOf(schemaOf("comments", { likes: listOf(schemaOf("likes")) })) };

app.get("/posts/with-tags", { onRequest: signedIn, schema: postsWith(tags) }, async () => ({
  items: related.posts.all().map((post) => ({ ...plain(post), expand: Object.fromEntries(
    REFERENCES.posts.map((field) => [field, plain(related.tag.get(post[field]))])) })),
}));

app.get("/posts/with-likes", { onRequest: signedIn, schema: postsWith(comments) }, async () => ({
  items: related.posts.all().map((post) => ({ ...plain(post), expand: {
    comments: related.comments.all(post.id).map((comment) => ({ ...plain(comment), expand: {
      likes: related.likes.all(comment.id).map(plain) } })) } })),
}));

const many = { body: { type: "array", maxItems: 10_000, items: body } };
app.post("/bulk/notes", { onRequest: signedIn, schema: many }, async (request, reply) => {
  const [ids, now] = [[], new Date().toISOString()];
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const given of request.body) {
      if (!given.members.includes(request.user.sub)) throw refusal(403, "only members create records");
      const id = randomBytes(13).toString("hex");
      const values = [given.title, given.rank, given.category, given.done ? 1 : 0, given.due];
      statements.notes.insert.run(id, JSON.stringify(given.members), ...values, now, now);
      ids.push(id);
    }
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
  reply.code(201);
  return { ids };
});

const creation = { body, response: { 201: record } };
app.post("/records/:name", { onRequest: signedIn, schema: creation }, async (request, reply) => {
  const given = request.body;
  if (!given.members.includes(request.user.sub)) throw refusal(403, "only members create records");
  const [id, now] = [randomBytes(13).toString("hex"), new Date().toISOString()];
  const values = [given.title, given.rank, given.category, given.done ? 1 : 0, given.due];
  statements[request.params.name].insert.run(id, JSON.stringify(given.members), ...values, now, now);
  const made = { id, ...given, created: now, updated: now };
  if (request.params.name === "notes" && streams.size > 0) {
    const event = `event: created\ndata: ${JSON.stringify(made)}\n\n`;
    for (const stream of streams) if (given.members.includes(stream.user)) stream.raw.write(event);
  }
  reply.code(201);
  return made;
});

app.get("/events", { onRequest: signedIn }, (request, reply) => {
  reply.hijack();
  const stream = { user: request.user.sub, raw: reply.raw };
  reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  reply.raw.write("event: ready\ndata: {}\n\n");
  streams.add(stream);
  request.raw.on("close", () => streams.delete(stream));
});

process.on("SIGTERM", () => { database.close(); process.exit(0); });
await app.listen({ port, host: "127.0.0.1" });
