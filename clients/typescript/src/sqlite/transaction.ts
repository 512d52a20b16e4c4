/** A transaction of IndexedDB over one of SQLite, as far as the local store uses it. */

import type { SqliteDriver, SqliteValue } from "./driver.js";
import { objectStore } from "./object_store.js";

export type Handler = (() => void) | null;

/** A question that is answered later, by `onsuccess` or `onerror`. */
export interface Asked<T = unknown> {
  result: T | undefined;
  error: Error | null;
  onsuccess: Handler;
  onerror: Handler;
}

/** Asks a statement; `read` makes the result of its rows. */
export type Ask = <T>(sql: string, values: SqliteValue[], read: (rows: unknown[][]) => T) => Asked<T>;

interface Job {
  request: Asked<any>;
  sql: string;
  values: SqliteValue[];
  read: (rows: unknown[][]) => unknown;
}

export interface Transaction {
  error: DOMException | null;
  oncomplete: Handler;
  onabort: Handler;
  readonly ended: Promise<void>;
  objectStore(name: string): ReturnType<typeof objectStore>;
  commit(): void;
  abort(): void;
}

export const newRequest = <T>(): Asked<T> => ({ result: undefined, error: null, onsuccess: null, onerror: null });

const turn = () => new Promise<boolean>((resolve) => setTimeout(() => resolve(false)));

/** An error of SQLite as a browser's. */
export function domException(error: unknown): DOMException {
  if (error instanceof DOMException) return error;
  const { message = String(error) } = error as Error;
  const name = /\bfull\b/i.test(message) ? "QuotaExceededError"
    : /malformed|not a database|corrupt/i.test(message) ? "NotReadableError" : "UnknownError";
  return new DOMException(message, name);
}

/** A transaction that runs as soon as `isTurn` resolves, and is committed when nothing more is asked of it. */
export function newTransaction(
  driver: SqliteDriver, isReadonly: boolean, durability: string, isTurn: Promise<unknown>,
): Transaction {
  const jobs: Job[] = [];
  let isAborted = false, isCommitted = false, isOver = false;
  let wake = (_: boolean) => {};

  function check() {
    if (isOver || isAborted) throw new DOMException("the transaction is over", "InvalidStateError");
  }

  const ask: Ask = (sql, values, read) => {
    check();
    const request = newRequest<any>();
    jobs.push({ request, sql, values, read });
    wake(true);
    return request;
  };

  function fail(request: Asked<any>, error: DOMException | null) {
    request.error = error ?? new DOMException("the transaction was aborted", "AbortError");
    request.onerror?.();
  }

  async function answer({ request, sql, values, read }: Job) {
    try {
      request.result = read(await driver.run(sql, values));
    } catch (error) {
      fail(request, domException(error));
      throw error;
    }
    request.onsuccess?.();
  }

  async function work() {
    while (!isAborted) {
      const job = jobs.shift();
      if (job) await answer(job);
      else if (isCommitted) return;
      // What a caller asks next, after a result, comes before the next turn of the event loop.
      else if (!await Promise.race([new Promise<boolean>((resolve) => (wake = resolve)), turn()]) && !jobs.length) return;
    }
  }

  async function run() {
    try {
      await driver.run(`PRAGMA synchronous = ${durability === "relaxed" ? "NORMAL" : "FULL"}`, []);
      await driver.run(isReadonly ? "BEGIN" : "BEGIN IMMEDIATE", []);
      await work();
      isOver = true;
      await driver.run(isAborted ? "ROLLBACK" : "COMMIT", []);
    } catch (error) {
      isOver = isAborted = true;
      transaction.error = domException(error);
      try {
        await driver.run("ROLLBACK", []);
      } catch {
        // SQLite has rolled it back by itself, or never begun it.
      }
    }
    for (const { request } of jobs.splice(0)) fail(request, transaction.error);
    (isAborted ? transaction.onabort : transaction.oncomplete)?.();
  }

  const transaction: Transaction = {
    error: null, oncomplete: null, onabort: null,
    ended: isTurn.then(run, run),
    objectStore: (name) => objectStore(name, ask, isReadonly),
    commit() {
      isCommitted = true;
      wake(true);
    },
    abort() {
      check();
      isAborted = true;
      wake(true);
    },
  };
  return transaction;
}
