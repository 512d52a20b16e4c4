/** Questions to the records in memory, and live ones, to which a change is applied without asking again. */

import { failure, refusedHere, StatusError } from "../contract/errors.js";
import { checked } from "../contract/kinds.js";
import { comparator, NEWEST_FIRST, rank, type Term, termsOf, whole } from "../contract/order.js";
import type { Query } from "../contract/query.js";
import { META } from "../contract/schema.js";
import { type Doc, isSame, member } from "../contract/values.js";
import type { Page } from "../core/repository.js";
import { later } from "./loading.js";
import { type Memory, placeOf, seen, viewOf } from "./memory.js";
import type { RecordId } from "./types.js";

/** Whether `planOf` can be asked for the question. */
export const isReady = ({ filter, search }: Query): boolean => !(filter || search) || !!later;

/** A question that was checked: which records it finds, and their order. */
export interface Plan {
  finds: (record: Doc) => boolean;
  terms: Term[];
  compare: (one: Doc, other: Doc) => number;
}

/** The plan of a question. Throws `invalid_query`, and UnsupportedExpression where only the server can tell. */
export function planOf(memory: Memory, collection: string, query: Query): Plan {
  const shape = memory.shapes.get(collection);
  const { where = {}, sort = [] } = query;
  const known = (name: string) => {
    if (!shape || shape.isOpen || shape.fields.has(name) || META.includes(name)) return name;
    const names = [...META, ...shape.fields.keys()].join(", ");
    throw refusedHere("invalid_query", `unknown field '${name}' of ${collection}; allowed: ${names}`);
  };
  const expected = Object.entries(where).filter(([, value]) => value !== undefined).map(([name, value]): [string, unknown] => {
    try {
      const field = shape?.fields.get(known(name));
      return [name, value === null || !field ? value : checked(field, value)];
    } catch (error) {
      if (error instanceof StatusError) throw error;
      throw refusedHere("invalid_query", `${name} ${(error as Error).message}`);
    }
  });
  const keys = typeof sort === "string" ? sort.split(",").filter(Boolean) : sort;
  const terms = termsOf(keys.length ? keys : NEWEST_FIRST, (name) =>
    shape?.fields.get(known(name))?.kind === "int64" ? whole : rank);
  const test = later?.compile(query, shape?.schema);
  const finds = (record: Doc) =>
    expected.every(([name, value]) => isSame(member(record, name) ?? null, value)) && (!test || test(record));
  return { finds, terms, compare: comparator(terms) };
}

/** All records of a collection below a parent that the question finds, in order. */
export function foundBy(memory: Memory, collection: string, parent: string, { finds, compare }: Plan): Doc[] {
  const at = memory.given.parent(parent);
  const found: Doc[] = [];
  for (const [id, row] of memory.tables.get(placeOf(collection, at)) ?? []) {
    const view = viewOf(memory, row, [collection, at, id]);
    if (view && finds(view)) found.push(view);
  }
  return found.sort(compare);
}

/** A page of what is found, and the cursor of the next. */
export function pageOf<T>(rows: Doc[], { terms, compare }: Plan, query: Query): Page<T> {
  const { limit = 20, page = 1, cursor, total } = query;
  if (!(limit >= 1 && (limit <= 1000 || limit === Infinity) && page >= 1)) {
    throw refusedHere("invalid_query", "limit must be 1 to 1000, page at least 1");
  }
  const place = cursor && placeIn(cursor, terms);
  const rest = place ? rows.filter((row) => compare(row, place) > 0) : rows.slice((page - 1) * limit);
  const items = rest.slice(0, limit);
  const last = rest.length > items.length && items.at(-1);
  const next = last ? JSON.stringify(Object.fromEntries(terms.map(({ name }) => [name, member(last, name)]))) : null;
  return { items: items as T[], next, total: total ? rows.length : null };
}

function placeIn(cursor: string, terms: Term[]): Doc {
  try {
    const place = JSON.parse(cursor) as Doc;
    if (terms.every(({ name }) => Object.hasOwn(place, name))) return place;
  } catch {
    // It is another list's.
  }
  throw failure("invalid_cursor", { sent: "no" });
}

/** Whether two lists have the same elements. */
export const areSame = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((each, at) => each === other[at]);

/** The records of a live question in order. */
export interface LiveWindow {
  rows: Doc[];
  /** Applies the changes of these records; undefined: maybe any. Whether the rows are different now. */
  apply(ids: ReadonlySet<RecordId> | undefined): boolean;
}

export function liveWindow(memory: Memory, collection: string, parent: string, query: Query): LiveWindow {
  let plan: Plan;
  let known = new Map<unknown, Doc>();

  const placeFor = (record: Doc) => {
    let low = 0, high = live.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (plan.compare(live.rows[middle]!, record) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  function refill(): boolean {
    plan = planOf(memory, collection, query);
    const before = live.rows;
    live.rows = foundBy(memory, collection, parent, plan).map((row) => {
      const old = known.get(row.id);
      return old && isSame(old, row) ? old : row;
    });
    known = new Map(live.rows.map((row) => [row.id, row]));
    return !areSame(before, live.rows);
  }

  const live: LiveWindow = {
    rows: [],
    apply(ids) {
      if (!ids || !plan || ids.size > 64 + live.rows.length / 8) return refill();
      const at = memory.given.parent(parent);
      let isOther = false;
      for (const id of ids) {
        const view = seen(memory, [collection, at, id]);
        const now = view && plan.finds(view) ? view : undefined;
        const old = known.get(id);
        if (isSame(old, now)) continue;
        if (!isOther) live.rows = [...live.rows]; // the app holds the last
        isOther = true;
        if (old) live.rows.splice(placeFor(old), 1);
        known.delete(id);
        if (!now) continue;
        live.rows.splice(placeFor(now), 0, now);
        known.set(id, now);
      }
      return isOther;
    },
  };
  return live;
}

export const isUnsupported = (error: unknown): boolean => !!later && error instanceof later.UnsupportedExpression;
