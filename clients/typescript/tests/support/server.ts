import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownDatabase } from "./databases.js";
import { wait } from "./wait.js";

const ROOT = join(import.meta.dirname, "../../../..");
const own = join(ROOT, ".venv/bin/python");
const PYTHON = process.env["PYTHON"] ?? (existsSync(own) ? own : "python3");

/** `hinterland serve` of an app file as a real process, in a folder of its own. */
export interface Server {
  readonly url: string;
  /** With another app file where one is named. */
  start(app?: string): Promise<void>;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Migrates the records of the ended server to another app file. */
  migrate(app: string): void;
  stop(): Promise<void>;
  /** Ends it and deletes its data. */
  close(): Promise<void>;
}

export async function startServer(
  app = join(import.meta.dirname, "app.py"), settings: Record<string, string> = {},
): Promise<Server> {
  const settled = { ...ownDatabase(), ...settings };
  const data = mkdtempSync(join(tmpdir(), "hinterland-"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let process_: ChildProcess | undefined;
  let log = "";

  async function end(signal: NodeJS.Signals) {
    const process = process_;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const ended = new Promise((resolve) => process.once("exit", resolve));
    process.kill(signal);
    await ended;
  }

  const server: Server = {
    url,
    async start(other = app) {
      const env = { ...process.env, PYTHONUNBUFFERED: "1", ...settled };
      process_ = spawn(PYTHON, ["-m", "hinterland", "serve", other, "--data", join(data, "data"), "--port", String(port)],
        { env, cwd: ROOT });
      for (const stream of [process_.stdout!, process_.stderr!]) stream.on("data", (piece) => (log += piece));
      await wait(async () => (await fetch(`${url}/readyz`)).ok, () => `the server did not start: ${log}`);
    },
    migrate: (other) => void execFileSync(PYTHON, ["-m", "hinterland", "migrate", other, "--data", join(data, "data"), "--yes"],
      { cwd: ROOT, env: { ...process.env, ...settled } }),
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async close() {
      await end("SIGTERM");
      rmSync(data, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** A port below those that the system gives to connections, so that none takes it while a server is away from it. */
export function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 10_000);
  return new Promise((resolve) => {
    const probe = createServer().listen(port, "127.0.0.1", () => probe.close(() => resolve(port)));
    probe.on("error", () => resolve(freePort()));
  });
}
