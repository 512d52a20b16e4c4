import { expect, test } from "vitest";
import { docsApp } from "./support/docs_app.js";

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
    expect(await app.run("tsc", "-p", ".")).toBe("");
  } finally {
    app.close();
  }
});
