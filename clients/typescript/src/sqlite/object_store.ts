/** A store of records of IndexedDB as a table of SQLite: the key's place in the order, the key and the value as JSON. */

import { type KeyRange, placeOf, rangeOf } from "./keys.js";
import type { Ask } from "./transaction.js";

export const tableOf = (name: string): string =>
  `CREATE TABLE "${name}" (place TEXT PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID`;

const valuesIn = (rows: unknown[][]): any[] => rows.map(([text]) => JSON.parse(text as string));
const nothing = () => undefined;

function where({ lower, upper }: KeyRange): string {
  const terms = [...(lower === undefined ? [] : ["place >= ?"]), ...(upper === undefined ? [] : ["place <= ?"])];
  return terms.length ? ` WHERE ${terms.join(" AND ")}` : "";
}

const places = ({ lower, upper }: KeyRange): string[] => [lower, upper].filter((one) => one !== undefined).map(placeOf);

export function objectStore(name: string, ask: Ask, isReadonly: boolean) {
  /** Asks `begin` of the records with the key, or of the range. */
  const asked = <T>(begin: string, key: unknown, read: (rows: unknown[][]) => T, end = "", limit: number[] = []) => {
    const range = rangeOf(key);
    return ask(`${begin} "${name}"${where(range)}${end}`, [...places(range), ...limit], read);
  };
  const listed = (column: string, key: unknown, limit = -1) =>
    asked(`SELECT ${column} FROM`, key, valuesIn, " ORDER BY place LIMIT ?", [limit]);
  const writes = <T>(act: () => T): T => {
    if (isReadonly) throw new DOMException("the transaction is for reading", "ReadOnlyError");
    return act();
  };
  return {
    get: (key: unknown) => asked("SELECT value FROM", key, (rows) => valuesIn(rows)[0]),
    getAll: (key?: unknown, limit?: number) => listed("value", key, limit),
    getAllKeys: (key?: unknown, limit?: number) => listed("name", key, limit),
    count: () => asked("SELECT count(*) FROM", undefined, ([row]) => row![0] as number),
    put: (value: unknown, key: unknown) => writes(() =>
      ask(`INSERT OR REPLACE INTO "${name}" (place, name, value) VALUES (?, ?, ?)`,
        [placeOf(key), JSON.stringify(key), JSON.stringify(value)], nothing)),
    delete: (key: unknown) => writes(() => asked("DELETE FROM", key, nothing)),
    clear: () => writes(() => asked("DELETE FROM", undefined, nothing)),
  };
}
