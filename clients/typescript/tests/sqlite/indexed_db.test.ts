import "fake-indexeddb/auto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { asked, ended } from "../../src/offline/database.js";
import { installSqlite, type SqliteDriver } from "../../src/sqlite/index.js";
import { placeOf } from "../../src/sqlite/keys.js";
import { seeded } from "../support/gateway.js";
import { FOLDER, openSlowly, openSqlite } from "../support/sqlite.js";

interface Engine {
  indexedDB: IDBFactory;
  IDBKeyRange: typeof IDBKeyRange;
}
const fake: Engine = { indexedDB, IDBKeyRange };
installSqlite((name) => drivers(name));
const own: Engine = { indexedDB, IDBKeyRange };
let drivers: (name: string) => SqliteDriver = openSqlite;

const random = seeded(7);
const some = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const CHARACTERS = ["", "\0", "\x01", "\x02", "\x03", "0", "a", "b", "ä", "\uffff", "~"];

function someKey(depth = 2): IDBValidKey {
  const kind = random();
  if (kind < 0.35) return some([0, 1, -1, 2, 10, 0.5, -1e-9, 1e300, -1e300, random() * 1e6]);
  if (kind < 0.7 || !depth) return `${some(CHARACTERS)}${some(CHARACTERS)}${some(CHARACTERS)}`;
  return Array.from({ length: Math.floor(random() * 3) }, () => someKey(depth - 1));
}

function openWith({ indexedDB }: Engine, name: string, version = 1): Promise<IDBDatabase> {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = () => void request.result.createObjectStore("things");
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

test("keys have the order that IndexedDB gives them, of all kinds that the store uses", () => {
  const keys = Array.from({ length: 600 }, () => someKey());
  const sign = (one: string, other: string) => Math.sign(Buffer.compare(Buffer.from(one), Buffer.from(other)));
  for (const one of keys) {
    for (const other of keys.slice(0, 60)) expect(sign(placeOf(one), placeOf(other))).toBe(fake.indexedDB.cmp(one, other));
  }
  for (const wrong of [NaN, Infinity, null, undefined, true, {}]) expect(() => placeOf(wrong)).toThrow("is no key");
  expect(placeOf(-0)).toBe(placeOf(0));
});

test("random transactions have the results that they have with IndexedDB, also after reopening", async () => {
  const keys = Array.from({ length: 25 }, () => someKey());
  const engines = [fake, own];
  let databases = await Promise.all(engines.map((engine) => openWith(engine, "random")));
  for (let round = 0; round < 60; round++) {
    const steps = Array.from({ length: 1 + Math.floor(random() * 6) }, () =>
      ({ act: some(["put", "put", "put", "delete", "range", "upper", "get", "all", "keys", "few", "count", "clear"]),
        key: some(keys), end: some(keys), value: { round, at: random(), text: some(CHARACTERS) } }));
    const isAborted = random() < 0.2;
    const isEmptied = random() < 0.1;
    const results = await Promise.all(engines.map(async ({ IDBKeyRange }, which) => {
      const work = databases[which]!.transaction("things", "readwrite", { durability: some(["strict", "relaxed"] as const) });
      const end = ended(work).then(() => "complete", () => "aborted");
      const found: unknown[] = [];
      for (const { act, key, end, value } of steps) {
        const store = work.objectStore("things");
        const below = IDBKeyRange.bound([key], [key, []]);
        if (act === "put") await asked(store.put(value, key));
        else if (act === "delete") await asked(store.delete(key));
        else if (act === "clear") isEmptied && await asked(store.clear());
        else if (act === "upper") await asked(store.delete(IDBKeyRange.upperBound([end])));
        else if (act === "range") found.push(await asked(store.getAll(below)), await asked(store.getAllKeys(below)));
        else if (act === "get") found.push(await asked(store.get(key)));
        else if (act === "all") found.push(await asked(store.getAll()));
        else if (act === "keys") found.push(await asked(store.getAllKeys()));
        else if (act === "few") found.push(await asked(store.getAllKeys(null, 3)));
        else found.push(await asked(store.count()));
      }
      if (isAborted) work.abort();
      return [...found, await end];
    }));
    expect(results[1]).toEqual(results[0]);
    if (random() < 0.1) {
      for (const database of databases) database.close();
      drivers = some([openSqlite, openSlowly]);
      databases = await Promise.all(engines.map((engine) => openWith(engine, "random")));
    }
  }
  for (const database of databases) database.close();
  drivers = openSqlite;
});

test("several requests at once are answered in order, and a transaction ends by itself when nothing more is asked", async () => {
  const database = await openWith(own, "order");
  const write = database.transaction("things", "readwrite");
  const done = ended(write);
  const store = write.objectStore("things");
  store.put("a", 1);
  const first = asked(store.get(1));
  store.put("b", 1);
  expect(await Promise.all([first, asked(store.get(1))])).toEqual(["a", "b"]);
  await done;
  expect(() => store.put("c", 1)).toThrow("the transaction is over");
  const reading = database.transaction("things", "readonly").objectStore("things");
  expect(() => reading.put("c", 1)).toThrow("for reading");
  expect(await asked(reading.get(1))).toBe("b");
  database.close();
  expect(() => database.transaction("things")).toThrow("the database is closed");
});

test("a database that is closed ends what it has begun, and is opened again only then", async () => {
  drivers = openSlowly;
  const first = await openWith(own, "again");
  first.transaction("things", "readwrite").objectStore("things").put("late", 1);
  first.close();
  const again = await openWith(own, "again");
  expect(await asked(again.transaction("things").objectStore("things").get(1))).toBe("late");
  again.close();
  drivers = openSqlite;
});

test("a database whose closing failed says so, which ends no process, and is opened again", async () => {
  drivers = (name) => {
    const { run, close } = openSqlite(name);
    return {
      run,
      close() {
        close();
        throw new Error("disk I/O error");
      },
    };
  };
  const log = vi.spyOn(console, "error").mockReturnValue();
  (await openWith(own, "torn")).close();
  drivers = openSqlite;
  (await openWith(own, "torn")).close();
  expect(log.mock.calls.map(String)).toEqual(["Error: disk I/O error"]);
  log.mockRestore();
});

test("a full disk, a newer version and a file that is no database have their errors, and nothing is half kept", async () => {
  drivers = (name) => {
    const driver = openSqlite(name);
    void driver.run("PRAGMA max_page_count = 30", []);
    return driver;
  };
  const small = await openWith(own, "small");
  drivers = openSqlite;
  const work = small.transaction("things", "readwrite");
  work.objectStore("things").put("kept?", 0);
  for (let at = 1; at < 50; at++) work.objectStore("things").put("x".repeat(10_000), at);
  await expect(ended(work)).rejects.toMatchObject({ code: "store_full" });
  expect(await asked(small.transaction("things").objectStore("things").getAllKeys())).toEqual([]);
  small.close();

  (await openWith(own, "newer", 3)).close();
  await expect(openWith(own, "newer", 2)).rejects.toMatchObject({ name: "VersionError" });
  writeFileSync(join(FOLDER, "text.db"), "no database at all ".repeat(100));
  await expect(openWith(own, "text")).rejects.toMatchObject({ name: "NotReadableError" });
});

test("an opening that failed half way leaves nothing behind, and the next one works", async () => {
  drivers = (name) => {
    const { run, close } = openSqlite(name);
    const fail = () => {
      throw new Error("database or disk is full");
    };
    return { close, run: (sql, values) => (sql === "COMMIT" ? fail() : run(sql, values)) };
  };
  await expect(openWith(own, "half")).rejects.toMatchObject({ name: "QuotaExceededError" });
  drivers = openSqlite;
  const database = await openWith(own, "half");
  const work = database.transaction("things", "readwrite");
  work.objectStore("things").put({ is: "kept" }, 1);
  await ended(work);
  expect(await asked(database.transaction("things").objectStore("things").get(1))).toEqual({ is: "kept" });
  database.close();
});
