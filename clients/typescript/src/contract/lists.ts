/** Lists as sets. */

import { isObject } from "./values.js";

/** What two JSON values have in common where they are equal, and no others. */
function identity(value: unknown): unknown {
  return typeof value === "object" && value ? `\0${JSON.stringify(sorted(value))}` : value;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.keys(value)
    .sort()
    .map((name) => [name, sorted(value[name]), 0]); // a triple of names and values, which no list is taken for
}

/** `old` and those `items` that it lacks, in order. */
export function add(old: readonly unknown[], items: readonly unknown[]): unknown[] {
  const known = new Set(old.map(identity));
  return [...old, ...items.filter((item) => known.size < known.add(identity(item)).size)];
}

/** `old` without `items`. */
export function remove(old: readonly unknown[], items: readonly unknown[]): unknown[] {
  const gone = new Set(items.map(identity));
  return old.filter((item) => !gone.has(identity(item)));
}
