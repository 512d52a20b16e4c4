import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { build } from "esbuild";
import { type Browser, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"];

/** The machine's Chromium; the variable CHROMIUM names another. `without`: what of Playwright's options is left out. */
export function launchChromium(...without: string[]): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? PLACES.find((place) => existsSync(place));
  if (!executablePath) throw new Error("no Chromium is on this machine; install it, or name it in CHROMIUM");
  return chromium.launch({ executablePath, args: FLAGS, ignoreDefaultArgs: without });
}

/** A page, on a port of its own, whose script is the bundled module `entry`. */
export async function servedPage(entry: string): Promise<{ url: string; close: () => Promise<void> }> {
  const { outputFiles } = await build({
    entryPoints: [entry], bundle: true, format: "iife", target: "es2022", write: false, jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
  });
  const page = `<!doctype html><title>page</title><link rel=icon href=data:,><body><script>${outputFiles[0]!.text}</script>`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(page));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}/`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
