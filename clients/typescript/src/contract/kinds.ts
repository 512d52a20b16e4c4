/** What each kind of field takes: the store's form of a value, or an Error with a message for who filled in the form. */

import { normalizedEmail } from "./email.js";
import { add, remove } from "./lists.js";
import type { FieldSchema } from "./schema.js";
import { codePoints, parseBase64, parseInstant, parseInt64, utf8Length } from "./values.js";

export type Check = (value: unknown) => unknown;
type Transform = (old: any, operand: any, now: string) => unknown;

/** The inside of a character class: what Python's regular expressions know as a blank. */
const BLANK = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORDS = new Map([["d", "\\p{Nd}"], ["w", "\\p{L}\\p{N}_"], ["s", BLANK]]);

function fail(message: string): never {
  throw Error(message);
}

/** A pattern of the server, which is Python's, as ECMAScript's; null where the two may differ: then the server decides. */
export function patternOf(pattern: string): RegExp | null {
  let text = "";
  let isInside = false;
  for (const { 0: part, 1: escaped, index } of pattern.matchAll(/\\([^])|[^]/gu)) {
    if (escaped) {
      const inner = WORDS.get(escaped);
      if (inner) text += isInside ? inner : `[${inner}]`;
      else if (/[nrtfv]/.test(escaped)) text += part;
      else if (/[\p{L}\p{N}]/u.test(escaped)) return null;
      else text += /[\^$\\.*+?()[\]{}|/-]/.test(escaped) && (isInside || escaped !== "-") ? part : escaped;
    } else if (part === "." && !isInside) text += "[^\\n]";
    else if (part === "$" && !isInside) text += "(?=\\n?$)";
    else {
      if (isInside ? part === "[" : /^\(\?[^:=!]/.test(pattern.slice(index, index + 3))) return null;
      isInside = part === "[" || (isInside && part !== "]");
      text += part;
    }
  }
  try {
    return RegExp(`^(?:${text})$`, "u");
  } catch {
    return null;
  }
}

/** A number as C's %g writes it. */
function general(value: number): string {
  const exponent = value && Math.floor(Math.log10(Math.abs(Number(value.toPrecision(6)))));
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const [digits, power] = value.toExponential(5).split("e") as [string, string];
  return `${Number(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

type Kind = (field: FieldSchema) => Check;

const text: Kind = ({ min_length: low = 0, max_length: high = 10_000, format, choices, pattern }) => {
  const form = pattern && !format && !choices?.length ? patternOf(pattern) : null;
  const url = format === "url" && RegExp(`^https?://[^${BLANK}/][^${BLANK}]*$`, "iu");
  return (value) => {
    if (typeof value !== "string") fail("must be text");
    const length = codePoints(value);
    if (length < low) fail(`must have at least ${low} characters`);
    if (length > high) fail(`must have at most ${high} characters, has ${length}`);
    if (choices?.length) return choices.includes(value) ? value : fail(`must be one of ${choices.join(", ")}`);
    if (!value) return value;
    if (format === "email") return normalizedEmail(value);
    if (url && !url.test(value)) fail("must be a web address such as https://example.org");
    return form && !form.test(value) ? fail(`must match ${pattern}`) : value;
  };
};

const integer: Kind = ({ minimum, maximum }) => {
  const low = minimum ?? Number.MIN_SAFE_INTEGER;
  const high = maximum ?? Number.MAX_SAFE_INTEGER;
  return (value) => {
    if (!Number.isInteger(value)) fail("must be a whole number");
    return (value as number) < low || (value as number) > high ? fail(`must be between ${low} and ${high}`) : value;
  };
};

const number: Kind = ({ minimum: low = null, maximum: high = null }) => (value) => {
  if (typeof value !== "number") fail("must be a number");
  if (!Number.isFinite(value)) fail("must be a finite number");
  if (value >= (low ?? -Infinity) && value <= (high ?? Infinity)) return value;
  if (low === null) fail(`must be at most ${general(high!)}`);
  return fail(high === null ? `must be at least ${general(low)}` : `must be between ${general(low)} and ${general(high)}`);
};

const list: Kind = ({ of = { kind: "text" }, max_items: most = 1_000 }) => {
  const item = checkOf(of);
  return (value) => {
    if (!Array.isArray(value)) fail("must be a list");
    if (value.length > most) fail(`must have at most ${most} items, has ${value.length}`);
    return value.map((element, index) => {
      try {
        return item(element);
      } catch (error) {
        return fail(`item ${index}: ${(error as Error).message}`);
      }
    });
  };
};

const KINDS: { [kind: string]: Kind } = {
  text,
  integer,
  number,
  list,
  boolean: () => (value) => (typeof value === "boolean" ? value : fail("must be true or false")),
  instant: () => (value) =>
    typeof value === "string" ? parseInstant(value) : fail("must be an instant such as 2026-01-31T12:00:00Z"),
  int64: () => (value) => {
    if (Number.isInteger(value) || typeof value === "bigint") value = String(BigInt(value as number));
    return typeof value === "string" ? parseInt64(value) : fail("must be a 64-bit integer as a decimal string");
  },
  bytes: ({ max_length: most = 1_000_000 }) => (value) => {
    if (typeof value !== "string") fail("must be base64 text");
    const found = parseBase64(value);
    return bytesIn(found) > most ? fail(`must have at most ${most} bytes`) : found;
  },
};

const bytesIn = (base64: string): number => (base64.length / 4) * 3 - (base64.match(/=/g)?.length ?? 0);

/** The check of a field's values; any value of a kind that only the app's server knows. Null never reaches it. */
export const checkOf = (field: FieldSchema): Check => KINDS[field.kind]?.(field) ?? ((value) => value);

/** The check of an indexed field of texts or bytes: what is kept of its value has at most `limit` bytes. */
export function bounded(field: FieldSchema, check: Check, limit: number): Check {
  const isBytes = field.kind === "bytes";
  return (value) => {
    const kept = check(value) as string;
    const size = utf8Length(kept);
    if (size <= limit) return kept;
    const [most, count] = isBytes ? [Math.floor((limit * 3) / 4), bytesIn(kept)] : [limit, size];
    return fail(`must have at most ${grouped(most)} bytes, since it is indexed; has ${grouped(count)}`);
  };
}

const increment: Transform = (old, operand) =>
  typeof operand === "number" ? (old || 0) + operand : fail("$increment takes a number");

const lists = (word: string, change: typeof add): Transform => (old, operand) =>
  Array.isArray(operand) && (old === null || Array.isArray(old))
    ? change(old ?? [], operand)
    : fail(`${word} takes a list, and needs a list or nothing in the record`);

/** What the transforms make of a value that no declaration describes. */
export const UNDECLARED: { [word: string]: Transform } = {
  $increment(old, operand, now) {
    if (old !== null && typeof old !== "number") fail("$increment needs a number in the record");
    const sum = increment(old, operand, now);
    return Number.isFinite(sum) ? sum : fail("a number is NaN or infinite; JSON has finite numbers only");
  },
  $add: lists("$add", add),
  $remove: lists("$remove", remove),
  $now: (_old, _operand, now) => now,
};

/** An int64 after `$increment`. */
export const incrementInt64: Transform = (old, operand) => {
  if (typeof operand !== "string" && !Number.isInteger(operand)) fail("$increment takes a whole number");
  return String(BigInt(old || 0) + BigInt(parseInt64(String(operand))));
};

const NONE = {};
const TRANSFORMS: { [kind: string]: (check: Check) => { [word: string]: Transform } } = {
  integer: () => ({ $increment: increment }),
  number: () => ({ $increment: increment }),
  int64: () => ({ $increment: incrementInt64 }),
  instant: () => ({ $now: UNDECLARED.$now! }),
  list: (check) => ({
    $add: (old, operand) => add(old || [], check(operand) as unknown[]),
    $remove: (old, operand) => remove(old || [], check(operand) as unknown[]),
  }),
  text: () => NONE,
  boolean: () => NONE,
  bytes: () => NONE,
  json: () => NONE,
};

/** The transforms that a patch may use on a field, by their words. */
export const transformsOf = (field: FieldSchema): { [word: string]: Transform } =>
  TRANSFORMS[field.kind]?.(checkOf(field)) ?? UNDECLARED;
