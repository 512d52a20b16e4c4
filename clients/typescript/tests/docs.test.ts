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
