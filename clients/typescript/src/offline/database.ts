/** IndexedDB by promises. */

import { type StoreError, storeError } from "./errors.js";

export const STORES = ["meta", "spaces", "records", "mutations", "outcomes", "temporaries"] as const;
export type StoreName = (typeof STORES)[number];
const VERSION = 1;
const PATIENCE = 3_000; // milliseconds in which a tab with older code has to let go of the database

/** The result of a request. */
export const asked = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(translated(request.error));
  });

/** Resolves when the transaction is on the disk. */
export const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(translated(transaction.error));
  });

/** The value of a key. */
export const valueIn = <T>(work: IDBTransaction, store: StoreName, key: IDBValidKey): Promise<T | undefined> =>
  asked(work.objectStore(store).get(key));

/** The keys that begin with `parts`, and their values. */
export function entriesIn(
  work: IDBTransaction, store: StoreName, ...parts: IDBValidKey[]
): Promise<[keys: any[][], values: any[]]> {
  const from = work.objectStore(store);
  const range = IDBKeyRange.bound(parts, [...parts, []]);
  return Promise.all([asked(from.getAllKeys(range)) as Promise<any[]>, asked(from.getAll(range))]);
}

/**
 * Opens the database. `onClosed` gets the reason where the browser, or a tab with newer code, closes it later (null: it
 * may be opened again). Rejects with StoreError's kinds.
 */
export function openDatabase(name: string, onClosed: (error: StoreError | null) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let request: IDBOpenDBRequest;
    try {
      request = indexedDB.open(name, VERSION);
    } catch (error) {
      return reject(translated(error)); // as where the browser blocks all storage
    }
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
    };
    request.onblocked = () => void (timer = setTimeout(() => reject(storeError("store_busy")), PATIENCE));
    request.onerror = () => {
      const { name = "" } = request.error ?? {};
      // Chromium says no more where the user lets the site keep nothing.
      reject(name === "UnknownError" ? storeError("store_unavailable", String(request.error)) : translated(request.error));
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      database.onversionchange = ({ newVersion }) => {
        database.close();
        onClosed(newVersion ? storeError("store_too_new") : null);
      };
      database.onclose = () => onClosed(null);
      resolve(database);
    };
  });
}

const CODES: Record<string, string> = {
  QuotaExceededError: "store_full",
  VersionError: "store_too_new",
  SecurityError: "store_unavailable",
  InvalidStateError: "store_unavailable",
  NotSupportedError: "store_unavailable",
  ReferenceError: "store_unavailable",
  TypeError: "store_unavailable",
  NotReadableError: "store_damaged",
  DataError: "store_damaged",
};

/** The store's error for one of the browser's. */
export function translated(error: unknown): Error {
  const { name = "", message = "" } = (error ?? {}) as Error;
  return storeError(CODES[name] ?? "store", `${name}: ${message}`);
}
