/** What no server takes is refused before it is kept. */

import type { Write } from "../contract/changes.js";
import { ID_HINT, isRecordId, isTemporary } from "../contract/ids.js";
import { assertValid } from "../contract/refusal.js";
import type { Doc } from "../contract/values.js";
import { NOT_FINITE } from "../kit/json.js";

const MAX_DEPTH = 64;

/** The write as it comes back from JSON. Throws `validation`, by field, for an invalid id and values that are no JSON. */
export function checkedWrite(write: Write): Write {
  const { act, id, body = {} } = write;
  const errors: Record<string, string[]> = {};
  if (act === "create" && !Number.isInteger(id) && !isRecordId(id) && !isTemporary(id)) errors.id = [ID_HINT];
  const plain: Doc = {};
  for (const [name, value] of Object.entries(body)) {
    const defect = defectOf({ [name]: value }, 1);
    if (defect) errors[name] = [defect];
    else if (value !== undefined) plain[name] = JSON.parse(JSON.stringify(value));
  }
  assertValid(errors);
  return { ...write, body: plain };
}

function defectOf(value: unknown, depth: number): string {
  if (typeof value === "number" && !Number.isFinite(value)) return NOT_FINITE;
  if (typeof value === "bigint") return "a number is beyond a double; send it as text";
  if (typeof value === "string") {
    if (value.includes("\0")) return "a text holds the character NUL (U+0000)";
    return /\p{Surrogate}/u.test(value) ? "a text holds half of a surrogate pair" : "";
  }
  if (typeof value !== "object" || !value || value instanceof Date) return "";
  if (depth > MAX_DEPTH) return `nested more than ${MAX_DEPTH} levels deep`;
  for (const entry of Object.entries(value).flat()) {
    const defect = defectOf(entry, depth + 1);
    if (defect) return defect;
  }
  return "";
}
