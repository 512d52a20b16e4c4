/** Stand-ins for ids that only the server gives: finding them in writes, and putting the real ids in their place. */

import type { RecordId, Write } from "./changes.js";
import { isMadeId, isRecordId, isTemporary } from "./ids.js";
import type { FieldSchema } from "./schema.js";
import { type Doc, isObject, put } from "./values.js";

/** The declared fields of a collection; others may hold any value. */
export type DeclaredFields = Readonly<Record<string, FieldSchema>>;

/** Where a stand-in belongs: the collection, the parent's path with the real ids in it, and the stand-in. */
export interface Place {
  readonly collection: string;
  readonly parent: string;
  readonly name: string;
}

/** The segments of a parent's path; none of one that is deeper than any collection. */
const segments = (path: string): string[] => {
  const parts = path ? path.split("/") : [];
  return parts.length > 128 ? [] : parts;
};

const idsIn = (path: string): string[] => segments(path).filter((_, at) => at % 2);

/** Whether a text has so many random characters that no other text is it by chance. */
const isMade = (text: string): boolean => isMadeId(text[0] === "~" ? text.slice(1) : text);

/** Whether the id of a record, a number, may be in the field. */
function mayRefer(fields: DeclaredFields, name: string): boolean {
  const field = Object.hasOwn(fields, name) ? fields[name] : null;
  return !field || /^(integer|number|int64|json)$/.test((field.kind === "list" && field.of?.kind) || field.kind);
}

/** Whether a device may create a record under this id where the server gives the ids. */
export const isStandIn = (id: unknown): id is string => isTemporary(id) || (isRecordId(id) && !/^\p{Nd}+$/u.test(id));

function map(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => map(item, change));
  if (!isObject(value)) return value;
  const mapped: Doc = {};
  for (const [name, item] of Object.entries(value)) put(mapped, name, map(item, change));
  return mapped;
}

/** Calls `take` with each text of a body's values. */
const eachText = (value: unknown, take: (text: string) => void): void => {
  map(value, (text) => (take(text), text));
};

/** The temporary id that a write brings into the world; "" if none. */
export const createdBy = ({ act, id }: Write): string => (act === "create" && isTemporary(id) ? id : "");

/** The temporary ids that a write needs to be known, its own creation's not among them. */
export function references(write: Write): Set<string> {
  const found = new Set(idsIn(write.parent ?? "").filter(isTemporary));
  eachText(write.body, (text) => isTemporary(text) && isMade(text) && found.add(text));
  if (isTemporary(write.id) && write.act !== "create") found.add(write.id);
  return found;
}

/** The ids in a write that may be stand-ins, the one of its own creation left out. */
export function candidates(write: Write, fields: DeclaredFields): Set<string> {
  const found = new Set(idsIn(write.parent ?? ""));
  for (const [name, value] of Object.entries(write.body ?? {})) {
    if (mayRefer(fields, name)) eachText(value, (text) => isMade(text) && found.add(text));
  }
  if (write.act !== "create" && typeof write.id === "string") found.add(write.id);
  return new Set([...found].filter(isStandIn));
}

/** The ids that the server gave for stand-ins; of several for one place, the last. */
export class StandIns {
  readonly #ids = new Map<string, [Place, RecordId]>();
  readonly #values = new Map<string, Map<string, RecordId>>();

  constructor(given: Iterable<readonly [Place, RecordId]> = []) {
    for (const [place, id] of given) this.add(place, id);
  }

  get size(): number {
    return this.#ids.size;
  }

  [Symbol.iterator](): Iterator<[Place, RecordId]> {
    return this.#ids.values();
  }

  /** Learn the id that was given for a stand-in. */
  add(place: Place, id: RecordId): void {
    const key = keyOf(place);
    this.#ids.set(key, [place, id]);
    if (isMade(place.name)) {
      const known = this.#values.get(place.name) ?? new Map<string, RecordId>();
      this.#values.set(place.name, known.set(key, id));
    }
  }

  /** Learn the `ids` given to creations of a mutation, by position; the places of those that had stand-ins. */
  learn(writes: readonly Write[], ids: Readonly<Record<number, RecordId>>): Map<number, Place> {
    const found = new Map<number, Place>();
    writes.forEach(({ act, collection, parent = "", id: name }, index) => {
      const id = ids[index];
      if (typeof id !== "number" || act !== "create" || !isStandIn(name)) return;
      const place = { collection, parent: this.parent(parent), name };
      found.set(index, place);
      this.add(place, id);
    });
    return found;
  }

  /** What is known but for the records that `writes` create. */
  without(writes: readonly Write[]): StandIns {
    const made = new Set(
      writes.flatMap(({ act, collection, parent = "", id = "" }) =>
        act === "create" ? [keyOf({ collection, parent: this.parent(parent), name: String(id) })] : [],
      ),
    );
    return new StandIns([...this].filter(([place]) => !made.has(keyOf(place))));
  }

  /** The id of the record that is named `id` below `parent`, a path with real ids. */
  id(collection: string, parent: string, id: RecordId): RecordId {
    return typeof id === "string" ? this.#ids.get(keyOf({ collection, parent, name: id }))?.[1] ?? id : id;
  }

  /** A parent's path with the real ids in it. */
  parent(path: string): string {
    const parts = segments(path);
    for (let at = 1; at < parts.length; at += 2) {
      parts[at] = String(this.id(parts[at - 1]!, parts.slice(0, at - 1).join("/"), parts[at]!));
    }
    return parts.length ? parts.join("/") : path;
  }

  /** The write with the real ids in it; a creation keeps its own id unless `isWhole`. */
  write(write: Write, fields: DeclaredFields, isWhole = false): Write {
    const old = { id: write.id ?? "", parent: write.parent ?? "" };
    const parent = this.parent(old.parent);
    const id = write.act === "create" && !isWhole ? old.id : this.id(write.collection, parent, old.id);
    const body: Doc = {};
    for (const [name, value] of Object.entries(write.body ?? {})) {
      put(body, name, mayRefer(fields, name) ? map(value, (text) => this.#value(text)) : value);
    }
    for (const [name, value] of [["id", id], ["parent", parent]] as const) {
      // Says again where the record is.
      if (Object.hasOwn(body, name)) body[name] = write.body![name] === old[name] ? value : write.body![name];
    }
    const changed = { ...(id === old.id ? {} : { id }), ...(parent === old.parent ? {} : { parent }) };
    return { ...write, ...changed, ...(write.body ? { body } : {}) };
  }

  #value(text: string): unknown {
    const known = this.#values.get(text);
    return known?.size === 1 ? [...known.values()][0] : text;
  }
}

const keyOf = ({ collection, parent, name }: Place): string => `${collection}\n${parent}\n${name}`;
