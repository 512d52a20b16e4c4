import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ownDatabase } from "./databases.js";
import { freePort } from "./server.js";

const ROOT = join(import.meta.dirname, "../../../..");
const ENVIRONMENT = join(ROOT, ".venv/bin/python");
export const PYTHON = process.env["PYTHON"] ?? (existsSync(ENVIRONMENT) ? ENVIRONMENT : "python3");

/** `hinterland serve` of an app file, as a process on a free port, with its data in a folder of its own. */
export interface Served {
  readonly url: string;
  stop(): Promise<void>;
}

export async function served(app: string, env: Record<string, string> = {}): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "hinterland-"));
  const port = await freePort();
  const process_ = spawn(
    PYTHON, ["-m", "hinterland", "serve", resolve(ROOT, app), "--data", join(folder, "data"), "--port", String(port)],
    { cwd: ROOT, env: { ...process.env, ...ownDatabase(), ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let log = "";
  for (const pipe of [process_.stdout, process_.stderr]) pipe.on("data", (text) => (log += text));
  const exited = once(process_, "exit");
  const url = `http://127.0.0.1:${port}`;
  while (!await isReady(url)) {
    if (process_.exitCode !== null) throw new Error(`the server ended:\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    async stop() {
      process_.kill("SIGTERM");
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

const isReady = (url: string): Promise<boolean> => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);
