// Prints each entry's size, minified and compressed, and fails above its budget.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const { exports: entries } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

// `bytes`: what has to be there at the start; `later`: what the entry then loads by itself, by `import()`. `with`: entries
// that are measured together with it; the others, and packages, are left out.
const BUDGETS = {
  ".": { bytes: 10_240, later: 0, with: [] },
  "./graphql": { bytes: 20_480, later: 0, with: ["."] },
  "./offline": { bytes: 25_600, later: 8_704, with: ["."] },
  "./queue": { bytes: 40_960, later: 8_704, with: [".", "./graphql", "./offline"] },
  "./react": { bytes: 1_536, later: 0, with: [] },
  "./socket": { bytes: 16_384, later: 0, with: ["."] },
  "./sqlite": { bytes: 2_560, later: 0, with: [] },
  "./tanstack-db": { bytes: 1_536, later: 0, with: [] },
};

/** The files of a build, minified or not, by their paths below `root`, and what is known of each. */
async function built(contents, plugin, minify) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root }, plugins: [{ name: "measured", setup: plugin }],
    bundle: true, splitting: true, minify, format: "esm", target: "es2022", packages: "external", write: false,
    metafile: true, outdir: root, absWorkingDir: root, logLevel: "warning",
  });
  return outputFiles.map(({ path, text }) => {
    const below = path.slice(root.length);
    return { path: `./${below}`, text, ...metafile.outputs[below] };
  });
}

/** The code of an entry, everything that it exports included: what is needed at the start in one file, and the others. */
async function bundled(name, budget) {
  const measured = [...budget.with, name];
  const others = Object.keys(entries).filter((other) => !measured.includes(other) && entries[other].default);
  const apart = new Set(others.map((other) => new URL(entries[other].default, `file://${root}`).pathname));
  const contents = measured.map((one) => `export * from ${JSON.stringify(entries[one].default)};`).join("\n");
  const otherEntries = ({ onResolve }) => onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) =>
    apart.has(new URL(path, `file://${resolveDir}/`).pathname) ? { path, external: true } : undefined);
  const split = async (minify) => {
    const files = new Map((await built(contents, otherEntries, minify)).map((file) => [file.path, file]));
    const start = [...files.values()].filter(({ entryPoint }) => entryPoint === "<stdin>");
    for (const { imports } of start) {
      for (const { path, kind } of imports) {
        const file = files.get(`./${path}`);
        if (kind === "import-statement" && file && !start.includes(file)) start.push(file);
      }
    }
    return [start, [...files.values()].filter((file) => !start.includes(file))];
  };
  const [start, later] = await split(false);
  // Bundlers of apps leave in one file what is needed at the start, with short names for what the others use of it.
  const used = later.flatMap(({ text }) => [...text.matchAll(/^import \{([^}]*)\} from ("[^"]+");$/gm)])
    .flatMap(([, names, path]) => names.split(",").map((one) => `${one.trim().split(" ")[0]} } from ${path};`));
  const inMemory = ({ onResolve, onLoad }) => {
    onResolve({ filter: /./ }, ({ path }) =>
      start.some((file) => file.path === path) ? { path, namespace: "start" } : { path, external: true });
    onLoad({ filter: /./, namespace: "start" }, ({ path }) => ({ contents: start.find((file) => file.path === path).text }));
  };
  const kept = [...new Set(used)].map((one, at) => `export { ${one.replace(" }", ` as $${at} }`)}`);
  const [{ text }] = await built([`export * from ${JSON.stringify(start[0].path)};`, ...kept].join("\n"), inMemory, true);
  return { bytes: [text], later: (await split(true))[1].map((file) => file.text) };
}

const sum = (files, size) => files.reduce((total, file) => total + size(file), 0);
let isOver = false;
for (const name of Object.keys(entries).filter((entry) => entries[entry].default)) {
  const budget = BUDGETS[name];
  if (!budget) throw new Error(`entry ${name} has no budget; add one to tools/size.mjs`);
  const together = budget.with.length ? ` (with ${budget.with.join(", ")})` : "";
  let all = 0;
  for (const [part, files] of Object.entries(await bundled(name, budget)).filter(([, files]) => files.length)) {
    const size = sum(files, (file) => gzipSync(file, { level: 9 }).length);
    all += size;
    isOver ||= size > budget[part];
    console.log(`${name}${together}${part === "later" ? ", loaded later" : ""}: ${sum(files, Buffer.byteLength)} bytes minified, `
      + `${size} compressed, budget ${budget[part]}${size > budget[part] ? "; TOO LARGE" : ""}`
      + (part === "later" ? `; ${all} in all` : ""));
  }
}
process.exitCode = isOver ? 1 : 0;
