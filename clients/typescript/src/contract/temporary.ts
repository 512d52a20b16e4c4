/** Stand-ins for ids that only the server gives: finding them in writes, and putting the real ids in their place. */

import { valueAt } from "../kit/value_at.js";
import type { RecordId, Write } from "./changes.js";
import { isMadeId, isTemporary } from "./ids.js";
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

export const idsIn = (path: string): string[] => segments(path).filter((_, at) => at % 2);

/** Whether a text has so many random characters that no other text is it by chance. */
export const isMade = (text: string): boolean => isMadeId(text[0] === "~" ? text.slice(1) : text);

/** Whether the id of a record, a number, may be in the field. */
export function mayRefer(fields: DeclaredFields, name: string): boolean {
  const field = Object.hasOwn(fields, name) ? fields[name] : null;
  return !field || !/^(text|boolean|instant|bytes)$/.test((field.kind === "list" && field.of?.kind) || field.kind);
}

function map(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => map(item, change));
  if (!isObject(value)) return value;
  const mapped: Doc = {};
  for (const [name, item] of Object.entries(value)) put(mapped, name, map(item, change));
  return mapped;
}

/** Calls `take` with each text of a body's values. */
export const eachText = (value: unknown, take: (text: string) => void): void => {
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

/** The ids that the server gave for stand-ins; of several for one place, the last. */
export class StandIns {
  /** By the stand-in, then by its place. */
  readonly #known = new Map<RecordId, Map<string, [Place, RecordId]>>();

  constructor(given: Iterable<readonly [Place, RecordId]> = []) {
    for (const [place, id] of given) this.add(place, id);
  }

  *[Symbol.iterator](): Iterator<[Place, RecordId]> {
    for (const known of this.#known.values()) yield* known.values();
  }

  /** Learn the id that was given for a stand-in; undefined: it is no longer one. */
  add(place: Place, id: RecordId | undefined): void {
    const known = valueAt(this.#known, place.name, () => new Map<string, [Place, RecordId]>());
    if (id === undefined) known.delete(keyOf(place));
    else known.set(keyOf(place), [place, id]);
  }

  /** The id of the record that is named `id` below `parent`, a path with real ids. */
  id(collection: string, parent: string, id: RecordId): RecordId {
    return this.#known.get(id)?.get(keyOf({ collection, parent, name: id as string }))?.[1] ?? id;
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
    const { act, collection, id = "", parent = "" } = write;
    const place = this.parent(parent);
    const real = act === "create" && !isWhole ? id : this.id(collection, place, id);
    const body: Doc = {};
    for (const [name, value] of Object.entries(write.body ?? {})) {
      // Says again where the record is.
      const [old, now] = name === "id" ? [id, real] : name === "parent" ? [parent, place] : [];
      put(body, name, old !== undefined ? (value === old ? now : value)
        : mayRefer(fields, name) ? map(value, (text) => this.#value(text)) : value);
    }
    return {
      ...write, ...(real !== id && { id: real }), ...(place !== parent && { parent: place }), ...(write.body && { body }),
    };
  }

  #value(text: string): unknown {
    const known = [...(isMade(text) && this.#known.get(text)?.values()) || []];
    return known.length === 1 ? known[0]![1] : text;
  }
}

export const keyOf = ({ collection, parent, name }: Place): string => `${collection}\n${parent}\n${name}`;
