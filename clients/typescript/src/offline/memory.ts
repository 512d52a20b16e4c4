/**
 * What a tab knows of the store: the account's outbox, and the collections that the app has asked for. The records as
 * the app sees them, with the unsent writes on top, are made of it and never stored.
 *
 * Every change is an `Op` on the database. The tab that makes one applies it here at once and writes it; the others get
 * it in the order of versions and apply it here.
 */

import type { Write } from "../contract/changes.js";
import { idMaker, isMadeId } from "../contract/ids.js";
import { after, afterAnew, replay, type Timed } from "../contract/overlay.js";
import { type Shape, shapeOf } from "../contract/records.js";
import type { CollectionSchema } from "../contract/schema.js";
import { type DeclaredFields, StandIns } from "../contract/temporary.js";
import type { Doc } from "../contract/values.js";
import { valueAt } from "../kit/value_at.js";
import type { StoreName } from "./database.js";
import type { Description } from "./remote.js";
import type { Mutation, Outcome, RecordId, Space } from "./types.js";

export type Key = [collection: string, parent: string, id: RecordId];
/** One put, or where the value is undefined, deletion. */
export type Op = [store: StoreName, key: IDBValidKey, value?: unknown];

/** A record: the server's word, and the mutations whose writes lie on it. `view` is undefined until it is asked for. */
export interface Row {
  base: Doc | null;
  revision: number;
  generation: number;
  over: Mutation[];
  view: Doc | null | undefined;
}

/** One for the whole database. */
export interface Meta {
  version: number;
  /** The last hybrid time that was given, in seconds since 1970. */
  clock: number;
  /** Whose data was shown last. */
  account: RecordId;
  /** How often everything was deleted. */
  wipes?: number;
}

/** What is different since the last publication. */
export interface StoreChange {
  /** Maybe anything. */
  isAll: boolean;
  /** The records, by the `place` of their collection and parent. */
  records: Map<string, Set<RecordId>>;
  isOutbox: boolean;
  outcomes: Outcome[];
}

export interface Memory {
  account: RecordId;
  meta: Meta;
  schema: Description | undefined;
  /** The ETag of the description that the server has confirmed since the start; of another the app may be newer. */
  certain: string | undefined;
  space: Space | undefined;
  mutations: Map<number, Mutation>;
  /** The ids that the server gave for stand-ins. */
  given: StandIns;
  tables: Map<string, Map<RecordId, Row>>;
  loaded: Set<string>;
  shapes: Map<string, Shape>;
  ops: Op[];
  change: StoreChange;
}

export const noChange = (): StoreChange => ({ isAll: false, records: new Map(), isOutbox: false, outcomes: [] });

export const newMemory = (): Memory => ({
  account: "", meta: { version: 0, clock: 0, account: "" }, schema: undefined, certain: undefined, space: undefined,
  mutations: new Map(), given: new StandIns(), tables: new Map(), loaded: new Set(), shapes: new Map(),
  ops: [], change: noChange(),
});

/** What is kept of an account at first. */
export const newSpace = (now: number): Space => ({
  device: idMaker()(now), nextSeq: 1, acknowledged: 0, number: 0, wanted: [], subscription: "", cursor: "", newest: 0,
  isCurrent: false, isWhole: false, generations: {},
});

/** Names the records of a collection below a parent. */
export const placeOf = (collection: string, parent: string): string => `${collection}\n${parent}`;

export const keyOf = ({ collection, parent, id }: Write): Key => [collection, parent!, id!];

const isAt = (write: Write, key: Key) => keyOf(write).every((part, at) => part === key[at]);

export const findRow = (memory: Memory, [collection, parent, id]: Key): Row | undefined =>
  memory.tables.get(placeOf(collection, parent))?.get(id);

const rowAt = (memory: Memory, [collection, parent, id]: Key): Row =>
  valueAt(valueAt(memory.tables, placeOf(collection, parent), () => new Map<RecordId, Row>()), id,
    () => ({ base: null, revision: 0, generation: 0, over: [], view: undefined }));

/** The record as the app sees it; null: it is not there. */
export function seen(memory: Memory, key: Key): Doc | null {
  const row = findRow(memory, key);
  return row ? viewOf(memory, row, key) : null;
}

export function viewOf(memory: Memory, row: Row, key: Key): Doc | null {
  if (row.view !== undefined) return row.view;
  // An applied write whose revision the base has reached is in the base already.
  const waiting = row.over.filter(({ state, outcome }) => state !== "applied" || outcome!.revision! > row.revision);
  const writes = waiting.flatMap(({ writes, timestamp }) =>
    writes.filter((write) => isAt(write, key)).map((write): Timed => [write, timestamp]));
  return (row.view = replay(row.base, writes, memory.shapes.get(key[0]), memory.account, withMadeIds(after)));
}

/** `apply` for writes in which the id that this device has made for a record stands where the server's, a number, will be. */
const withMadeIds = (apply: typeof after): typeof after => (record, write, timestamp, shape, caller) => {
  const named = Object.entries(write.body!).filter(([name, value]) =>
    typeof value === "string" && isMadeId(value.replace("~", "")) && /^int|^number/.test(shape?.fields.get(name)?.kind ?? ""));
  const checked = named.map(([name]) => {
    const { kind, minimum, maximum } = shape!.fields.get(name)!;
    const number = Math.min(Math.max(0, minimum ?? 0), maximum ?? Infinity);
    return [name, kind === "int64" ? String(number) : number];
  });
  const body = { ...write.body, ...Object.fromEntries(checked) };
  const result = apply(record, { ...write, body }, timestamp, shape, caller);
  return result && { ...result, ...Object.fromEntries(named) };
};

/** The record after a write that is made now. Throws the refusals `conflict`, `not_found` and `validation`. */
export const afterWrite = (memory: Memory, record: Doc | null, write: Write, timestamp: number): Doc | null =>
  withMadeIds(afterAnew)(record, write, timestamp, memory.shapes.get(write.collection), memory.account);

/** The record's last revision that this device knows of, from the server's word or an own write's answer. */
export function revisionSeen(memory: Memory, key: Key): number {
  const row = findRow(memory, key);
  return row ? Math.max(row.revision, ...row.over.map(({ outcome }) => outcome?.revision ?? 0)) : 0;
}

/** Whether the store holds something of every record of the subscription that is to be seen. */
export const isWhole = ({ space }: Memory, names: string): boolean => !!space?.isWhole && space.subscription === names;

// ---------------------------------------------------------------- changes

/** Changes the database, and what is known of it here. */
export function put(memory: Memory, store: StoreName, key: IDBValidKey, value?: unknown): void {
  const op: Op = [store, key, value];
  memory.ops.push(op);
  applyOp(memory, op);
}

export const putSpace = (memory: Memory, changes: Partial<Space>): void =>
  put(memory, "spaces", memory.account, { ...memory.space, ...changes });

export const putMutation = (memory: Memory, mutation: Mutation): void =>
  put(memory, "mutations", [memory.account, mutation.number], mutation);

export const dropMutation = (memory: Memory, { number }: Mutation): void =>
  put(memory, "mutations", [memory.account, number]);

export function applyOp(memory: Memory, [store, key, value]: Op): void {
  if (store === "meta" && key) {
    memory.certain = (value as Description).etag;
    setSchema(memory, value as Description);
  } else if (store === "meta") memory.meta = value as Meta;
  else if (store === "outcomes") memory.change.outcomes.push(value as Outcome);
  else {
    const [account, ...rest] = (Array.isArray(key) ? key : [key]) as [RecordId, ...RecordId[]];
    if (account !== memory.account) return;
    if (store === "spaces") {
      const space = value as Space;
      memory.change.isOutbox ||= space.wanted.length !== memory.space?.wanted.length;
      memory.space = space;
    }
    else if (store === "mutations") applyMutation(memory, rest[0] as number, value as Mutation | undefined);
    else if (store === "temporaries") {
      const [collection, parent, name] = rest as [string, string, string];
      memory.given.add({ collection, parent, name }, value as RecordId | undefined);
    } else if (memory.loaded.has(rest[0] as string)) setBase(memory, rest as Key, value as Row | undefined);
  }
}

/** Keeps the description of the app; what it does not understand of it counts as not known. */
export function setSchema(memory: Memory, schema: Description): void {
  const { collections } = (schema.document ?? {}) as { collections?: unknown };
  memory.schema = schema;
  memory.shapes = new Map();
  memory.change.isAll = true;
  for (const table of memory.tables.values()) for (const row of table.values()) row.view = undefined;
  for (const collection of Array.isArray(collections) ? (collections as CollectionSchema[]) : []) {
    try {
      memory.shapes.set(collection.name, shapeOf(collection, schema.etag === memory.certain));
    } catch {
      // Of this collection nothing is known.
    }
  }
}

/** Keeps what the server says of a record. */
export function setBase(memory: Memory, key: Key, value: Pick<Row, "base" | "revision" | "generation"> | undefined): void {
  const row = rowAt(memory, key);
  Object.assign(row, value ?? { base: null, revision: 0, generation: 0 });
  altered(memory, row, key);
}

function altered(memory: Memory, row: Row, key: Key): void {
  const place = placeOf(key[0], key[1]);
  row.view = undefined;
  valueAt(memory.change.records, place, () => new Set<RecordId>()).add(key[2]);
  if (row.base || row.over.length) return;
  memory.tables.get(place)!.delete(key[2]);
  if (row.revision) memory.ops.push(["records", [memory.account, ...key]]); // kept only for the writes that lay on it
}

const lies = (mutation: Mutation | undefined): mutation is Mutation =>
  !!mutation && mutation.state !== "refused" && mutation.state !== "conflicted" && !mutation.isContained;

export function applyMutation(memory: Memory, number: number, now: Mutation | undefined): void {
  const before = memory.mutations.get(number);
  if (now) memory.mutations.set(number, now);
  else memory.mutations.delete(number);
  memory.change.isOutbox = true;
  const keys = new Map<Row, Key>();
  for (const each of [before, now]) {
    if (lies(each)) for (const key of each.writes.map(keyOf)) keys.set(rowAt(memory, key), key);
  }
  for (const [row, key] of keys) {
    let at = row.over.length;
    while (at && row.over[at - 1]!.number >= number) at--;
    const isOn = lies(now) && now.writes.some((write) => isAt(write, key));
    row.over.splice(at, +(row.over[at]?.number === number), ...(isOn ? [now] : []));
    altered(memory, row, key);
  }
}

export const fieldsOf = (memory: Memory, { collection }: Write): DeclaredFields =>
  memory.shapes.get(collection)?.schema.fields ?? {};
