/** The records on the device: one database, of one user at a time. */

import type { Records } from "./normal.js";

const STORE = "records";
const USER = 0; // the key of whose records they are; others are texts

export interface RecordStore {
  /** The records of `user`; those of anybody else are deleted. */
  load(user: string | number): Promise<Records>;
  /** Keep what `records` has at these keys, soon. */
  save(keys: Iterable<string>): void;
  /** Delete everything; the records are of `user` from now on. */
  clear(user: string | number): void;
  /** Resolves when everything is on the disk. */
  settled(): Promise<void>;
  close(): void;
}

// The errors are those of the browser, which are only reported: the texts of the local store's would be larger than all of this.
const asked = <T>(request: IDBRequest<T>) => new Promise<T>((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const ended = (work: IDBTransaction) => new Promise<void>((resolve, reject) => {
  work.oncomplete = () => resolve();
  work.onabort = () => reject(work.error);
});

/** What can't be kept is reported to the console: the cache goes on in memory. */
export function recordStore(name: string, records: () => Records): RecordStore {
  let dirty = new Set<string>();
  let owner: string | number | undefined; // to be written, with nothing left of the former one
  let writing: Promise<void> | undefined;
  let isLost = false;
  let opened: Promise<IDBDatabase> | undefined;

  function open(): Promise<IDBDatabase> {
    return opened ??= new Promise<IDBOpenDBRequest>((resolve) => {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      resolve(request);
    }).then((request) => asked<IDBDatabase>(request)).then((database) => {
      database.onversionchange = () => database.close();
      return database;
    });
  }

  function lost(error: unknown) {
    if (!isLost) console.warn("hinterland: results of GraphQL can't be kept on this device", error);
    isLost = true;
  }

  async function write() {
    while (!isLost && (dirty.size || owner !== undefined)) {
      const [keys, user] = [dirty, owner];
      dirty = new Set();
      owner = undefined;
      try {
        const work = (await open()).transaction(STORE, "readwrite", { durability: "relaxed" });
        const store = work.objectStore(STORE);
        if (user !== undefined) {
          store.clear();
          store.put(user, USER);
        }
        const all = records();
        for (const key of keys) {
          const record = all.get(key);
          if (record === undefined) store.delete(key);
          else store.put(record, key);
        }
        await ended(work);
      } catch (error) {
        lost(error);
      }
    }
    writing = undefined;
  }
  const soon = () => void (writing ??= Promise.resolve().then(write));

  return {
    async load(user) {
      try {
        const store = (await open()).transaction(STORE).objectStore(STORE);
        const [keys, values] = await Promise.all([asked(store.getAllKeys()), asked(store.getAll())]);
        const found = new Map(keys.map((key, at) => [key, values[at]]));
        if (found.get(USER) === user) {
          found.delete(USER);
          return found as unknown as Records;
        }
      } catch (error) {
        lost(error);
      }
      owner = user;
      soon();
      return new Map();
    },
    save(keys) {
      for (const key of keys) dirty.add(key);
      soon();
    },
    clear(user) {
      dirty.clear();
      owner = user;
      soon();
    },
    async settled() {
      while (writing) await writing;
    },
    close: () => void opened?.then((database) => database.close(), () => {}),
  };
}
