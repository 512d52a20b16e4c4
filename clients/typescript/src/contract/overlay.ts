/** The optimistic view: what a record looks like with the writes on top that the server has not answered for yet. */

import { apply, checkExistence, checkPlace, isTransform, unescaped, type Write } from "./changes.js";
import { refusedHere, StatusError } from "./errors.js";
import { incrementInt64, UNDECLARED } from "./kinds.js";
import { mergePatch } from "./patches.js";
import { assertFit, picked, readonlyViolations, type Shape } from "./records.js";
import { HEAD } from "./schema.js";
import { type Doc, instant, member, put } from "./values.js";

/** A write and its timestamp in seconds since 1970. */
export type Timed = readonly [write: Write, timestamp: number];

/**
 * The record after `writes` on top of `base` (null: there is none). A write that can no longer be done leaves the
 * record as it is. Without `shape` a body is taken as it is, and so is one that was kept when its collection was
 * declared in another way: the server decides. `act` is what one write does.
 */
export function replay(
  base: Doc | null,
  writes: Iterable<Timed>,
  shape?: Shape | null,
  caller?: unknown,
  act: typeof after = after,
): Doc | null {
  let record = base;
  for (const [write, timestamp] of writes) {
    try {
      record = act(record, write, timestamp, shape, caller);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (shape && error.code === "validation") record = replay(record, [[write, timestamp]]);
    }
  }
  return record;
}

/** The record after one write. Throws the refusals `conflict`, `not_found` and `validation`. */
export function after(
  record: Doc | null,
  write: Write,
  timestamp: number,
  shape?: Shape | null,
  caller?: unknown,
): Doc | null {
  const now = instant(timestamp);
  const document = record && withoutHead(record);
  const result = shape ? apply(shape, write, document, now, caller) : applyLoosely(write, document, now);
  if (!result) return null;
  const head: Doc = record
    ? { ...picked(record, HEAD), updated_at: now }
    : { id: write.id ?? "", created_at: now, updated_at: now, revision: 0 };
  return { ...head, ...result };
}

/** `after` for a write that is made now; it also refuses fields that only administrators set. */
export const afterAnew: typeof after = (record, write, timestamp, shape, caller) => {
  if (shape) assertFit(shape, readonlyViolations(shape, write.body ?? {}, record ?? {}));
  return after(record, write, timestamp, shape, caller);
};

function withoutHead(record: Doc): Doc {
  const { id, created_at, updated_at, revision, ...fields } = record;
  return fields;
}

function applyLoosely(write: Write, document: Doc | null, now: string): Doc | null {
  checkPlace(write);
  checkExistence(write, document);
  const fields = withoutHead(write.body ?? {});
  if (write.act === "create") return fields;
  if (write.act === "delete") return null;
  const result = { ...document };
  if (write.act === "replace") for (const name of Object.keys(result)) put(result, name, null);
  for (const [name, value] of Object.entries(fields)) {
    put(result, name, write.act === "replace" ? value : changed(member(document, name) ?? null, value, now));
  }
  return result;
}

function changed(old: unknown, value: unknown, now: string): unknown {
  if (!isTransform(value)) return mergePatch(old, unescaped(value));
  const [[word, operand]] = Object.entries(value as Doc) as [[string, unknown]];
  const transform = word === "$increment" && typeof old === "string" ? incrementInt64 : UNDECLARED[word]!;
  try {
    return transform(old, operand, now, { kind: "" });
  } catch (error) {
    throw refusedHere("validation", `a transform does not fit its field: ${(error as Error).message}`);
  }
}
