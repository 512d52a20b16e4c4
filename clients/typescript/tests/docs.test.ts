import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { expect, test } from "vitest";
import { docsApp } from "./support/docs_app.js";
import { served } from "./support/served.js";

// Caches a query, and restores it into an empty cache; after signing out nothing is left to restore.
const CACHING = `
import "fake-indexeddb/auto";
import { client, keepCache, logOut, notes, queryClient } from "./query_client.mjs";
await client.auth.signUp({ name: "Ada", email: "ada@example.org", password: "7 lean oysters" });
await client.collection("notes").create({ title: "Kept" });
const cached = () => queryClient.getQueryData(notes.queryKey)?.items.map(({ title }) => title).join() ?? "nothing";
const restored = async () => {
  queryClient.clear();
  await keepCache("ada");
  return cached();
};
const saved = () => new Promise((resolve) => {
  indexedDB.open("query-cache", 1).onsuccess = ({ target: { result } }) => {
    result.transaction("users").objectStore("users").get("ada").onsuccess = ({ target }) => resolve(target.result);
  };
});
await keepCache("ada");
await queryClient.fetchQuery(notes);
while (!(await saved())?.queries.length) await new Promise((resolve) => setImmediate(resolve));
console.log(await restored());
await logOut();
console.log(await restored());
process.exit();
`;

test("the app of the page on React compiles by the strictest settings, and so does its service worker", async () => {
  const app = await docsApp("docs/react.md");
  try {
    expect(app.files).toContain("src/App.tsx");
    expect(await app.run("tsc", "-p", ".")).toBe("");
    expect(await app.run("tsc", "-p", "worker")).toBe("");
  } finally {
    app.close();
  }
});

test("the code of the page on TanStack DB and TanStack Query compiles by the strictest settings", async () => {
  const app = await docsApp("docs/tanstack.md");
  try {
    expect(app.files).toEqual(["src/collections.ts", "src/query_client.ts"]);
    expect(await app.run("tsc", "-p", ".", "--declaration")).toBe(""); // what it exports can be named
  } finally {
    app.close();
  }
});

test("the cache of the page on TanStack Query is restored, and forgotten when the user signs out", async () => {
  const app = await docsApp("docs/tanstack.md");
  const server = await served(app.notes());
  try {
    const { code } = await transform(readFileSync(join(app.folder, "src/query_client.ts"), "utf8"), { loader: "ts" });
    app.write("query_client.mjs", code.replace("createClient()", `createClient({ url: "${server.url}" })`));
    app.write("caching.mjs", CACHING);
    expect(await app.node("caching.mjs")).toBe("Kept\nnothing\n");
  } finally {
    await server.stop();
    app.close();
  }
});
