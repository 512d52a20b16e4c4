/** The local store on SQLite, for places without IndexedDB, such as React Native. */

import type { SqliteDriver } from "./driver.js";
import { keyRanges } from "./keys.js";
import { tableOf } from "./object_store.js";
import { type Asked, domException, type Handler, newRequest, newTransaction, type Transaction } from "./transaction.js";

export type { SqliteDriver, SqliteValue } from "./driver.js";

interface Database {
  onversionchange: Handler;
  onclose: Handler;
  createObjectStore(name: string): void;
  transaction(stores: unknown, mode?: string, options?: { durability?: string }): Transaction;
  close(): void;
}

interface Opening extends Asked<Database> {
  onupgradeneeded: Handler;
  onblocked: Handler;
}

function database(driver: SqliteDriver, declared: string[], onClosing: (closed: Promise<unknown>) => void): Database {
  let last: Promise<unknown> = Promise.resolve();
  let isClosed = false;
  return {
    onversionchange: null, onclose: null,
    createObjectStore: (name) => void declared.push(tableOf(name)),
    transaction(_, mode = "readonly", { durability = "strict" } = {}) {
      if (isClosed) throw new DOMException("the database is closed", "InvalidStateError");
      const work = newTransaction(driver, mode === "readonly", durability, last);
      last = work.ended;
      return work;
    },
    close() {
      if (!isClosed) onClosing(last.then(() => driver.close()).catch(console.error));
      isClosed = true;
    },
  };
}

/** Makes the tables of a database where the version is new. */
async function opened(
  driver: SqliteDriver, version: number, request: Opening, onClosing: (closed: Promise<unknown>) => void,
): Promise<void> {
  const declared: string[] = [];
  request.result = database(driver, declared, onClosing);
  await driver.run("PRAGMA journal_mode = WAL", []);
  const [row] = await driver.run("PRAGMA user_version", []);
  const before = row![0] as number;
  if (before > version) throw new DOMException(`the database has version ${before}`, "VersionError");
  if (before === version) return;
  request.onupgradeneeded?.();
  await driver.run("BEGIN IMMEDIATE", []);
  for (const statement of [...declared, `PRAGMA user_version = ${version}`, "COMMIT"]) await driver.run(statement, []);
}

/**
 * Keeps the data of `hinterland/offline` in SQLite from now on: call it once, before `openLocal`. `open` opens the
 * database of a name; one process may have it open at a time.
 */
export function installSqlite(open: (name: string) => SqliteDriver | Promise<SqliteDriver>): void {
  const closing = new Map<string, Promise<unknown>>(); // a database is not opened again before it is closed
  const indexedDB = {
    open(name: string, version: number): Opening {
      const request: Opening = { ...newRequest<Database>(), onupgradeneeded: null, onblocked: null };
      const act = async () => {
        const driver = await open(name);
        await opened(driver, version, request, (closed) => void closing.set(name, closed)).catch(async (error) => {
          await driver.close(); // what is open keeps the file locked for the next try
          throw error;
        });
      };
      (closing.get(name) ?? Promise.resolve()).then(act, act).then(
        () => request.onsuccess?.(),
        (error) => {
          request.error = domException(error);
          request.onerror?.();
        },
      );
      return request;
    },
  };
  globalThis.DOMException ??= class extends Error {
    constructor(message = "", name = "Error") {
      super(message);
      this.name = name;
    }
  } as unknown as typeof DOMException;
  Object.assign(globalThis, { indexedDB, IDBKeyRange: keyRanges });
}
