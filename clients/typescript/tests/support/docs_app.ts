import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const PACKAGE = join(import.meta.dirname, "../..");
const ROOT = join(PACKAGE, "../..");
const INDEX = `<!doctype html><html lang="en"><head><title>app</title></head>
<body><div id="root"></div><script type="module" src="/src/main.tsx"></script></body></html>`;
const STRICT = {
  target: "ES2023", lib: ["ES2023", "DOM", "DOM.Iterable"], module: "ESNext", moduleResolution: "bundler",
  types: ["vite/client", "node"], strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true,
  noPropertyAccessFromIndexSignature: true, noUnusedLocals: true, noUnusedParameters: true, verbatimModuleSyntax: true,
  erasableSyntaxOnly: true, moduleDetection: "force", skipLibCheck: true, noEmit: true, jsx: "react-jsx",
};
const WORKER = {
  target: "ES2022", lib: ["ES2022", "WebWorker"], types: [], strict: true, allowJs: true, checkJs: true, noEmit: true,
};
const run = promisify(execFile);

/** An app in a folder of its own, with the files that a page of the documentation shows and the package as it is published. */
export interface DocsApp {
  readonly folder: string;
  readonly files: readonly string[];
  readonly index: string;
  write(name: string, text: string): void;
  /** The path of the README's notes. */
  notes(): string;
  /** Runs a program of the package's dependencies; what it printed. */
  run(program: string, ...options: string[]): Promise<string>;
  /** Runs a file of it; what it printed. */
  node(file: string): Promise<string>;
  close(): void;
}

export async function docsApp(page: string): Promise<DocsApp> {
  const folder = mkdtempSync(join(tmpdir(), "hinterland-docs-"));
  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const printed = (file: string, options: string[]) =>
    run(file, options, { cwd: folder, env: { ...process.env, NODE_ENV: "production" } })
      .then(({ stdout }) => stdout, ({ stdout, stderr }) => Promise.reject(new Error(`${file}: ${stdout}${stderr}`)));
  const bin = (program: string) => join(PACKAGE, "node_modules/.bin", program);
  mkdirSync(join(folder, "node_modules/hinterland"), { recursive: true });
  for (const name of readdirSync(join(PACKAGE, "node_modules")).filter((name) => !name.startsWith("."))) {
    symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name));
  }
  cpSync(join(PACKAGE, "package.json"), join(folder, "node_modules/hinterland/package.json"));
  await run(bin("tsc"), ["-p", join(PACKAGE, "tsconfig.build.json"), "--outDir", join(folder, "node_modules/hinterland/dist")]);
  const text = readFileSync(join(ROOT, page), "utf8");
  const shown = [...text.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms)].map(([, name, code]) => [name!, code!] as const);
  for (const [name, code] of shown) write(name, code);
  write("package.json", JSON.stringify({ type: "module" }));
  write("index.html", INDEX);
  write("tsconfig.json", JSON.stringify({ compilerOptions: STRICT, include: ["src", "vite.config.ts"] }));
  write("worker/globals.d.ts", "declare const VERSION: string;\ndeclare const FILES: string[];\n");
  write("worker/tsconfig.json", JSON.stringify({ compilerOptions: WORKER, files: ["globals.d.ts", "../src/sw.js"] }));
  return {
    folder, write, index: INDEX, files: shown.map(([name]) => name),
    notes() {
      const [, notes] = /^```python server\n(.*?)^```$/ms.exec(readFileSync(join(ROOT, "README.md"), "utf8"))!;
      write("server/app.py", notes!);
      return join(folder, "server/app.py");
    },
    run: (program, ...options) => printed(bin(program), options),
    node: (file) => printed(process.execPath, [file]),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
