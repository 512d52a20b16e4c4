import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { type Gateway, startGateway } from "./gateway.js";
import { type Server, startServer } from "./server.js";
import "./page.js";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
  "--host-resolver-rules=MAP offline.example 127.0.0.1"];
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** A real browser, a real server and the gateway between them. */
export interface Stage {
  readonly browser: Browser;
  readonly server: Server;
  readonly gateway: Gateway;
  /** A page of a visitor; pages of one context share their storage as tabs do. */
  page(context?: BrowserContext, url?: string): Promise<Page>;
  /** Until no request has passed for a while. */
  settled(): Promise<void>;
  /** A visitor whose storage is on the disk, and whose browser is another process. */
  onDisk(preferences?: object): Promise<BrowserContext>;
  close(): Promise<void>;
}

export async function openStage(seed?: number): Promise<Stage> {
  const executablePath = process.env["CHROMIUM"] ?? PLACES.find((place) => existsSync(place));
  if (!executablePath) throw new Error("no Chromium is on this machine; install it, or name it in CHROMIUM");
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "page.ts")], bundle: true, format: "iife", target: "es2022", write: false,
  });
  const server = await startServer();
  const gateway = await startGateway(server.url, outputFiles[0]!.text, seed);
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const folders: string[] = [];
  const contexts: BrowserContext[] = [];
  return {
    browser, server, gateway,
    async page(context, url = gateway.url) {
      const page = await (context ?? (await browser.newContext())).newPage();
      page.on("pageerror", (error) => console.error(`page: ${error.stack}`));
      page.on("console", (message) => {
        if (message.type() === "warning" || (message.type() === "error" && !/Failed to load/.test(message.text()))) {
          console.error(`page: ${message.text()}`);
        }
      });
      await page.goto(url);
      return page;
    },
    async settled() {
      const count = () => [...gateway.passed.values()].reduce((sum, each) => sum + each, 0);
      for (let before = -1, steady = 0; steady < 20; ) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        steady = count() === before ? steady + 1 : 0;
        before = count();
      }
    },
    async onDisk(preferences) {
      const folder = mkdtempSync(join(tmpdir(), "hinterland-browser-"));
      folders.push(folder);
      if (preferences) {
        mkdirSync(join(folder, "Default"));
        writeFileSync(join(folder, "Default", "Preferences"), JSON.stringify(preferences));
      }
      const context = await chromium.launchPersistentContext(folder, { executablePath, args: FLAGS });
      contexts.push(context);
      return context;
    },
    async close() {
      for (const context of contexts) await context.close();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
      await browser.close();
      await gateway.close();
      await server.close();
    },
  };
}
