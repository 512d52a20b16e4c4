/**
 * The records of results, the newest value of each field, with layers of results that are expected on top. Pure, and the same in
 * each client. Acts return the keys of the records that have changed.
 */

import { isSame } from "../contract/values.js";
import { type Fields, type Found, type Records, ROOT, type Shape } from "./normal.js";

const MOST_RECORDS = 10_000;

/**
 * "cache-first": what is on the device, else the server's. "cache-and-network": what is on the device, and the server is asked
 * too. "network-only": the server's. "cache-only": what is on the device.
 */
export type FetchPolicy = "cache-first" | "cache-and-network" | "network-only" | "cache-only";

/** What a query does where the cache has everything, or not; with neither, it is an error. */
export const plan = (policy: FetchPolicy, isComplete: boolean): { reads: boolean; fetches: boolean } => ({
  reads: isComplete && policy !== "network-only",
  fetches: policy !== "cache-only" && (policy !== "cache-first" || !isComplete),
});

export type RecordCache = ReturnType<typeof recordCache>;

/** Where there are more than `most` records, those go that no query reaches, and then the queries that were used least lately. */
export function recordCache(most = MOST_RECORDS) {
  const records: Records = new Map();
  const layers = new Map<unknown, Records>();
  const used = new Set<string>(); // fields of the root, the one used last at the end

  const over = (before: Fields | null | undefined, next: Fields | null): Fields | null => next && { ...before, ...next };

  function get(key: string): Fields | null | undefined {
    let record = records.get(key);
    for (const layer of layers.values()) if (layer.has(key)) record = over(record, layer.get(key)!);
    return record;
  }

  function use(shape: Shape) {
    if (!shape.isQuery) return;
    for (const field of shape.rootFields()) {
      used.delete(field);
      used.add(field);
    }
  }

  function has(key: string, part: Fields | null): boolean {
    const record = records.get(key);
    if (!record || !part) return record === part;
    return Object.entries(part).every(([name, value]) => Object.hasOwn(record, name) && isSame(record[name], value));
  }

  function reached(): Set<string> {
    const found = new Set<string>();
    const visit = (value: unknown) => {
      if (Array.isArray(value)) value.forEach(visit);
      else if (typeof value === "string" && records.has(value) && !found.has(value)) {
        found.add(value);
        Object.values(records.get(value) ?? {}).forEach(visit);
      }
    };
    visit(ROOT);
    return found;
  }

  function trim(changed: Set<string>) {
    while (records.size > most) {
      const needed = reached();
      for (const key of [...records.keys()]) {
        if (needed.has(key)) continue;
        records.delete(key);
        changed.add(key);
      }
      const root = records.get(ROOT) ?? {};
      const oldest = [...used].find((field) => Object.hasOwn(root, field));
      if (records.size <= most || oldest === undefined || Object.keys(root).length === 1) return;
      delete root[oldest];
      used.delete(oldest);
      changed.add(ROOT);
    }
  }

  function keep(made: Records): Set<string> {
    const changed = new Set<string>();
    for (const [key, record] of made) {
      if (has(key, record)) continue;
      changed.add(key);
      records.set(key, over(records.get(key), record));
    }
    return changed;
  }

  function forget(keys: string[]): Set<string> {
    for (const key of keys) records.delete(key);
    return new Set(keys);
  }

  return {
    records, used,
    /** What the cache has of a selection, with results that are expected. */
    read(shape: Shape): Found {
      use(shape);
      return shape.resultOf(get);
    },
    /** Keep a result, but for the records of which something newer `isKnown`. */
    write(shape: Shape, data: Fields, isKnown: (key: string) => boolean = () => false): Set<string> {
      const changed = keep(new Map([...shape.recordsIn(data)].filter(([key]) => !isKnown(key))));
      use(shape);
      trim(changed);
      return changed;
    },
    /** Show a result that is expected, until `rollback`. */
    optimistic(id: unknown, shape: Shape, data: Fields): Set<string> {
      const made = shape.recordsIn(data);
      layers.set(id, made);
      return new Set(made.keys());
    },
    rollback(id: unknown): Set<string> {
      const keys = new Set(layers.get(id)?.keys());
      layers.delete(id);
      return keys;
    },
    /** Records were deleted: they are null, and in no list. */
    remove: (keys: string[]): Set<string> => keep(new Map(keys.map((key) => [key, null]))),
    /** Forget a record (`Post:42`), those of a type (`Post:`), or a field of queries with all arguments (`posts`). */
    evict(name: string): Set<string> {
      if (name.includes(":")) {
        return forget([...records.keys()].filter((key) => key === name || (name.endsWith(":") && key.startsWith(name))));
      }
      const root = records.get(ROOT) ?? {};
      const fields = Object.keys(root).filter((field) => field === name || field.startsWith(`${name}(`));
      for (const field of fields) {
        delete root[field];
        used.delete(field);
      }
      return new Set(fields.length ? [ROOT] : []);
    },
    /** Forget everything. */
    clear(): Set<string> {
      const keys = new Set([...records.keys(), ...[...layers.values()].flatMap((layer) => [...layer.keys()])]);
      for (const part of [records, layers, used]) part.clear();
      return keys;
    },
  };
}
