import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { served } from "./support/served.js";

const PACKAGE = join(import.meta.dirname, "..");
const ROOT = join(PACKAGE, "../..");
const STRICT = {
  compilerOptions: {
    target: "ES2022", lib: ["ES2022", "DOM", "DOM.Iterable", "DOM.AsyncIterable"], module: "NodeNext", types: [],
    strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true,
    noPropertyAccessFromIndexSignature: true,
    noImplicitOverride: true, noUnusedLocals: true, verbatimModuleSyntax: true, isolatedModules: true, skipLibCheck: false,
    jsx: "react-jsx", outDir: "out",
  },
};
const run = promisify(execFile);
let folder: string;

const TSC = join(PACKAGE, "node_modules/.bin/tsc");
const compiled = (...options: string[]): Promise<string> =>
  run(TSC, options, { cwd: folder }).then(() => "", ({ stdout }: { stdout: string }) => stdout);

/** The TypeScript of a page: its blocks in order, and apart from them those that do not end by themselves. */
function blocksOf(page: string): { all: string; ending: string } {
  const blocks = [...readFileSync(join(ROOT, page), "utf8").matchAll(/^```ts( stream)?\n(.*?)^```$/gms)];
  const text = (found: RegExpExecArray[]) => found.map(([, , code]) => code).join("\n");
  return { all: text(blocks), ending: text(blocks.filter(([, mark]) => !mark)) };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "hinterland-app-"));
  const installed = join(folder, "node_modules/hinterland");
  mkdirSync(installed, { recursive: true });
  cpSync(join(PACKAGE, "package.json"), join(installed, "package.json"));
  const build = ["-p", join(PACKAGE, "tsconfig.build.json"), "--outDir", join(installed, "dist")];
  await run(TSC, build);
  for (const name of ["react", "ws", "@types", "@graphql-typed-document-node", "@msgpack", "graphql"]) {
    symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(STRICT));
});

afterAll(() => rmSync(folder, { recursive: true }));

test.each([
  ["app.ts", "an app"], ["documents.ts", "every call with documents that have types"],
])("%s: %s compiles against the package by the strictest settings, in both ways to resolve it", async (name) => {
  cpSync(join(PACKAGE, "tests/consumer", name), join(folder, name));
  expect(await compiled("-p", ".", "--noEmit", "--declaration")).toBe("");
  expect(await compiled("-p", ".", "--noEmit", "--module", "ESNext", "--moduleResolution", "bundler")).toBe("");
  rmSync(join(folder, name));
});

test("a component of the documentation compiles", async () => {
  const [, component] = /^```tsx\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, "docs/typescript.md"), "utf8"))!;
  writeFileSync(join(folder, "component.tsx"), component!);
  expect(await compiled("-p", ".", "--noEmit")).toBe("");
  expect(await compiled("-p", ".", "--noEmit", "--module", "ESNext", "--moduleResolution", "bundler")).toBe("");
});

test.each([
  ["docs/typescript.md", ["{ title: [ 'is required' ] }", "GET /v1/records/notes/1"]],
  ["docs/typescript-live.md", ["201 Milk", "packed: 1", "notes: 1", "validation [ 'createNote' ]"]],
])("the code of %s compiles, and runs against the README's notes", async (page, printed) => {
  const { all, ending } = blocksOf(page);
  const [, notes] = /^```python server\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, "README.md"), "utf8"))!;
  writeFileSync(join(folder, "notes.py"), notes!);
  const server = await served(join(folder, "notes.py"));
  try {
    writeFileSync(join(folder, "every.ts"), all);
    writeFileSync(join(folder, "page.ts"), ending.replaceAll("http://127.0.0.1:8001", server.url));
    expect(await compiled("-p", ".")).toBe("");
    const { stdout } = await run(process.execPath, ["out/page.js"], { cwd: folder });
    for (const text of printed) expect(stdout).toContain(text);
  } finally {
    await server.stop();
  }
});
