/** What a write does to a document: pure, so that the optimistic view and the server agree. */

import { refusedHere } from "./errors.js";
import { add, remove } from "./lists.js";
import { difference, mergePatch, standing } from "./patches.js";
import { created, patched, replaced, type Shape, transformOf, WORDS } from "./records.js";
import { assertValid } from "./refusal.js";
import type { Merge } from "./schema.js";
import { type Doc, isObject, isSame, member, parseInt64, put } from "./values.js";

/** A record's id; a number in collections with integer ids. */
export type RecordId = string | number;

/** One act on one record, with its preconditions, as it is on the wire. */
export interface Write {
  /** What to do; "replace" sets all fields, "patch" those of the body. */
  readonly act: "create" | "replace" | "patch" | "delete";
  /** The collection's name. */
  readonly collection: string;
  /** The record's id; a creation without one gets one. */
  readonly id?: RecordId;
  /** The path of the record that owns it, `posts/42`. */
  readonly parent?: string;
  /** The fields, or of a patch their changes. */
  readonly body?: Doc;
  /** Only if the record still has this revision. */
  readonly revision?: number;
  /** Only if the record exists, or if it does not. */
  readonly exists?: boolean;
}

/** A text as the server's messages quote it. */
function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  return mark + text.replace(/\\/g, "\\\\").replaceAll(mark, `\\${mark}`) + mark;
}

/** Throws the refusal `validation` where the body has another id or parent than the write. */
export function checkPlace({ id = "", parent = "", body = {} }: Write): void {
  const errors: { [name: string]: string[] } = {};
  for (const [name, expected] of [["id", id], ["parent", parent]] as const) {
    const named = member(body, name) ?? "";
    if (named !== "" && String(named) !== String(expected) && (name !== "id" || expected !== "")) {
      const is = quoted([...String(named)].slice(0, 64).join(""));
      errors[name] = [`must be ${quoted(String(expected))}, as in the path, is ${is}; change it or leave it out`];
    }
  }
  assertValid(errors);
}

/** The only name and value of an object; undefined where it has none or several. */
function only(value: unknown): [string, unknown] | undefined {
  const entries = isObject(value) ? Object.entries(value) : [];
  return entries.length === 1 ? entries[0] : undefined;
}

/** Whether a value, in a patch, is a transform: it counts on whatever the record holds, so that it never clashes. */
export const isTransform = (value: unknown): boolean => WORDS.includes(only(value)?.[0] as string);

/** A value of a patch that is not a transform, as it is meant: an escaped word loses one `$`. */
export function unescaped(value: unknown): unknown {
  const [name, inner] = only(value) ?? [""];
  return /^\$\$+(increment|add|remove|now)$/.test(name) ? { [name.slice(1)]: inner } : value;
}

/** The body of a patch with its transforms replaced by the values that they give on `document` at the instant `now`. */
export function resolve(shape: Shape, document: Doc, body: Doc, now: string): Doc {
  const resolved: Doc = {};
  const errors: { [name: string]: string[] } = {};
  for (const [name, value] of Object.entries(body)) {
    if (!isTransform(value)) put(resolved, name, unescaped(value));
    else {
      const [word, operand] = only(value)!;
      const transform = transformOf(shape, name, word);
      try {
        if (!transform) throw Error(`${word} can't be used on this field${ownKeyHint(shape, name, word)}`);
        put(resolved, name, transform(member(document, name) ?? null, operand, now, shape.fields.get(name)!));
      } catch (error) {
        put(errors, name, [(error as Error).message]);
      }
    }
  }
  assertValid(errors);
  return resolved;
}

const ownKeyHint = (shape: Shape, name: string, word: string): string =>
  shape.fields.get(name)?.kind === "json" ? `; for a key of your own send $${word}` : "";

/** Throws the refusals `conflict` and `not_found` where a write does not fit a record that is there or not. */
export function checkExistence({ act, collection, id = "" }: Write, document: Doc | null): void {
  if (act === "create" && document) throw refusedHere("conflict", `${collection}/${id} already exists`);
  if (act !== "create" && !document) throw refusedHere("not_found", `there is no ${collection}/${id}`);
}

/**
 * The document after `write` (null: deleted), given the one before it (null: there is none).
 *
 * Throws the refusals `conflict`, `not_found` and `validation`.
 */
export function apply(shape: Shape, write: Write, document: Doc | null, now: string, caller?: unknown): Doc | null {
  const { act, body = {} } = write;
  checkPlace(write);
  checkExistence(write, document);
  if (act === "create") return created(shape, body, caller);
  if (act === "delete") return null;
  if (act === "replace") return replaced(shape, document!, body);
  return patched(shape, document!, resolve(shape, document!, body, now));
}

/** The outcome of merging a field; `isLost`: the device's own edit, or a part of it, was lost. */
export interface Merged {
  readonly value: unknown;
  readonly isLost: boolean;
}

/** Merge one field that both sides changed since `base`. */
export function merge(policy: Merge, base: any, server: any, device: any, isDeviceNewer: boolean): Merged {
  if (isObject(server) && isObject(device)) {
    const { patch, isLost } = standing(base, server, device, isDeviceNewer && policy === "newest");
    return { value: patch, isLost };
  }
  const count = policy === "counter" ? counted(base, server, device) : null;
  if (count !== null) return { value: count, isLost: false };
  if (isSame(server, device)) return { value: server, isLost: false };
  if (policy === "set") return { value: united(base || [], server || [], device || []), isLost: false };
  const isKept = policy === "newest" && isDeviceNewer;
  return { value: isKept ? device : server, isLost: !isKept };
}

/** What a device that had seen `base` takes a field to be after its own edit, which made `device` of `server`. */
export function followed(policy: Merge, base: any, server: any, device: any): unknown {
  if (isObject(server) && isObject(device)) return mergePatch(base, difference(server, device));
  if (policy === "counter") return counted(server, base ?? (typeof device === "string" ? "0" : 0), device) ?? device;
  return policy === "set" && device !== null ? united(server || [], base || [], device) : device;
}

/** What either side added is in, what either side removed is out. */
const united = (base: unknown[], server: unknown[], device: unknown[]): unknown[] =>
  add(remove(server, remove(base, device)), remove(device, base));

/** Both differences on top of `base`, in the form of the server's value; null: not numbers. */
function counted(base: any, server: any, device: any): unknown {
  if (typeof server === "string") {
    try {
      return String(whole(server) + BigInt(parseInt64(String(device))) - whole(base || 0));
    } catch {
      return null;
    }
  }
  return typeof server === "number" && typeof device === "number" ? server + device - (base || 0) : null;
}

/** A whole number that is written or is one. Throws where it is none. */
export function whole(value: unknown): bigint {
  if (typeof value === "string" && !/^-?\d+$/.test(value)) throw Error("not a whole number");
  return BigInt(typeof value === "number" ? Math.trunc(value) : (value as string));
}
