import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// The client's sources, so that its build is not needed. An app of its own installs the package instead.
const client = here("../../../clients/typescript/src");

// The build takes Preact, which runs the same code and leaves room for the client: the page stays below 100 KB.
const small = [
  { find: /^react-dom\/client$/, replacement: "preact/compat/client" },
  { find: /^react(-dom)?$/, replacement: "preact/compat" },
  { find: /^react\/jsx-runtime$/, replacement: "preact/jsx-runtime" },
];

/** Writes sw.js: the service worker with the names of all files of this build, and their hash. */
const worker = {
  name: "service-worker",
  apply: "build",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const built = Object.values(bundle).map((file) => [file.fileName, file.code ?? file.source]);
      const fixed = readdirSync(here("public")).map((name) => [name, readFileSync(here(`public/${name}`))]);
      const files = [...built, ...fixed].filter(([name]) => name !== "licenses.md").sort(([a], [b]) => (a < b ? -1 : 1));
      const hash = createHash("sha256");
      for (const [name, content] of files) hash.update(name).update(content);
      const names = files.map(([name]) => name);
      const source = readFileSync(here("src/worker.js"), "utf8")
        .replace("__FILES__", JSON.stringify(names))
        .replace("__HASH__", hash.digest("hex").slice(0, 16));
      this.emitFile({ type: "asset", fileName: "sw.js", source });
    },
  },
};

/** What the client's store loads later is asked for with the rest: without it nothing is read. */
const preload = {
  name: "preload",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler: (_, { bundle }) =>
      Object.values(bundle)
        .filter(({ isDynamicEntry, facadeModuleId }) => isDynamicEntry && facadeModuleId.endsWith("/later.ts"))
        .map(({ fileName }) => ({
          tag: "link",
          attrs: { rel: "modulepreload", crossorigin: true, href: `./${fileName}` },
          injectTo: "head",
        })),
  },
};

export default defineConfig(({ command }) => ({
  plugins: [react(), worker, preload],
  base: "./",
  resolve: {
    dedupe: ["react", "react-dom", "preact"],
    alias: [
      ...(command === "build" ? small : []),
      { find: /^hinterland$/, replacement: `${client}/index.ts` },
      { find: /^hinterland\/(\w+)$/, replacement: `${client}/$1/index.ts` },
    ],
  },
  build: { license: { fileName: "licenses.md" } },
  server: { host: "127.0.0.1", fs: { allow: [".", client] } },
  preview: { host: "127.0.0.1" },
}));
