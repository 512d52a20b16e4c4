// Prints each entry's size, minified and compressed, and fails above its budget.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { exports: entries } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

// `with`: entries that are measured together with it; the others, and packages, are left out. `goal`: what a budget is to
// come down to; until then it only keeps the entry from growing.
const BUDGETS = {
  ".": { bytes: 10_240, with: [] },
  "./offline": { bytes: 33_280, goal: 25_600, with: ["."] },
  "./react": { bytes: 1_536, with: [] },
  "./tanstack-db": { bytes: 1_536, with: [] },
};

/** The minified code of an entry, everything that it exports included. */
async function bundled(name, budget) {
  const measured = [...budget.with, name];
  const others = Object.keys(entries).filter((other) => !measured.includes(other) && entries[other].default);
  const apart = new Set(others.map((other) => new URL(entries[other].default, `file://${root}`).pathname));
  const { outputFiles } = await build({
    stdin: {
      contents: measured.map((one) => `export * from ${JSON.stringify(entries[one].default)};`).join("\n"),
      resolveDir: root,
    },
    plugins: [{
      name: "other-entries",
      setup({ onResolve }) {
        onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) =>
          apart.has(new URL(path, `file://${resolveDir}/`).pathname) ? { path, external: true } : undefined);
      },
    }],
    bundle: true, minify: true, format: "esm", target: "es2022", packages: "external", write: false, logLevel: "warning",
  });
  return outputFiles[0].contents;
}

let isOver = false;
for (const name of Object.keys(entries).filter((entry) => entries[entry].default)) {
  const budget = BUDGETS[name];
  if (!budget) throw new Error(`entry ${name} has no budget; add one to tools/size.mjs`);
  const code = await bundled(name, budget);
  const size = gzipSync(code, { level: 9 }).length;
  isOver ||= size > budget.bytes;
  const together = budget.with.length ? ` (with ${budget.with.join(", ")})` : "";
  console.log(`${name}${together}: ${code.length} bytes minified, ${size} compressed, budget ${budget.bytes}`
    + (budget.goal ? `, goal ${budget.goal}` : "") + (size > budget.bytes ? "; TOO LARGE" : ""));
}
process.exitCode = isOver ? 1 : 0;
