import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import type { SqliteDriver } from "../../src/sqlite/index.js";

export const FOLDER = mkdtempSync(join(tmpdir(), "hinterland-sqlite-"));
process.on("exit", () => rmSync(FOLDER, { recursive: true, force: true }));

/** A database on the disk, in a folder of this process. */
export function openSqlite(name: string): SqliteDriver {
  const database = new sqlite.Database(join(FOLDER, `${name.replace(/\W/g, "_")}.db`));
  return {
    run: (sql, values) => database.all(sql, values).map((row) => Object.values(row as object)),
    close: () => database.close(),
  };
}

/** A library whose answers come later, as those of React Native. */
export function openSlowly(name: string): SqliteDriver {
  const { run, close } = openSqlite(name);
  return {
    async run(sql, values) {
      await new Promise((resolve) => setImmediate(resolve));
      return run(sql, values);
    },
    close,
  };
}
