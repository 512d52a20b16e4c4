/** What each kind of field takes: the store's form of a value, or an Error with a message for the form's user. */

import { NOT_FINITE } from "../kit/json.js";
import { add, remove } from "./lists.js";
import type { FieldSchema } from "./schema.js";
import { codePoints, parseBase64, parseInstant, parseInt64, utf8Length } from "./values.js";

type Transform = (old: any, operand: any, now: string, field: FieldSchema) => unknown;
type Kind = (value: any, field: FieldSchema) => unknown;

function fail(message: string): never {
  throw Error(message);
}

/** The inside of a character class: what Python's regular expressions know as a blank, and U+FEFF. */
const BLANK = "\\s\\x1c-\\x1f\\x85";
const INNER: { [letter: string]: string } = { d: "\\p{Nd}", w: "\\p{L}\\p{N}_", s: BLANK };

/** The escapes of a server's pattern as ECMAScript writes them. Throws for those that differ in more than that. */
const translated = (text: string, isInside: boolean): string =>
  text.replace(/\[((?:\\[^]|[^\]\\])*)\]|\\([^])/g, (part, inside?: string, letter?: string) => {
    if (inside !== undefined) return isInside ? fail("") : `[${translated(inside, true)}]`;
    const inner = INNER[letter!];
    if (inner) return isInside ? inner : `[${inner}]`;
    if (/[a-zA-Z0-9]/.test(letter!) && !/[nrtfv]/.test(letter!)) fail("");
    return /[^\w^$\\.*+?()[\]{}|/-]/.test(letter!) || (letter === "-" && !isInside) ? letter! : part;
  });

/** What matches as the server's pattern does, or more; null where only the server can tell. */
export function patternOf(pattern: string): RegExp | null {
  try {
    return /\(\?[^:=!]/.test(pattern) ? null : RegExp(`^(?:${translated(pattern, false)})$`, "su");
  } catch {
    return null;
  }
}

/** A number as C's %g writes it. */
function general(value: number): string {
  const [digits, power] = value.toExponential(5).split("e") as [string, string];
  if (+power > -5 && +power < 6) return String(+value.toPrecision(6));
  return `${+digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

const ATOM = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const EMAIL = /* @__PURE__ */ RegExp(`^${ATOM}(\\.${ATOM})*@(${LABEL}\\.)+(?!\\d+$)${LABEL}$`);

const URL = /^https?:\/\/(?!\/)[^\s\x1c-\x1f\x85]+$/iu;

/** The one form of an address in ASCII; of any other, the server makes it. */
function email(text: string): string {
  if (/[^\0-\x7f]|xn--/i.test(text)) return text;
  const small = text.toLowerCase();
  if (EMAIL.test(small) ? small.length > 254 || small.indexOf("@") > 64 : small.length > 1016) {
    fail("must have at most 64 bytes before the @, and 254 in all");
  }
  return EMAIL.test(small) ? small : fail("must be an e-mail address such as ada@example.org");
}

const KINDS: { [kind: string]: Kind } = {
  json: (value) => value,
  text(value, { min_length: low, max_length: high, format, choices, pattern }) {
    if (typeof value !== "string") fail("must be text");
    const length = codePoints(value);
    if (length < low!) fail(`must have at least ${low} characters`);
    if (length > high!) fail(`must have at most ${high} characters, has ${length}`);
    if (choices?.length) return choices.includes(value) ? value : fail(`must be one of ${choices.join(", ")}`);
    if (!value) return value;
    if (format === "email") return email(value);
    if (format) return URL.test(value) ? value : fail("must be a web address such as https://example.org");
    return pattern && patternOf(pattern)?.test(value) === false ? fail(`must match ${pattern}`) : value;
  },
  integer(value, { minimum: low, maximum: high }) {
    if (!Number.isInteger(value)) fail("must be a whole number");
    return value < low! || value > high! ? fail(`must be between ${low} and ${high}`) : value;
  },
  number(value, { minimum: low = -Infinity, maximum: high = Infinity }) {
    if (typeof value !== "number") fail("must be a number");
    if (!Number.isFinite(value)) fail("must be a finite number");
    if (value >= low && value <= high) return value;
    if (low === -Infinity) fail(`must be at most ${general(high)}`);
    if (high === Infinity) fail(`must be at least ${general(low)}`);
    return fail(`must be between ${general(low)} and ${general(high)}`);
  },
  list(value, { of, max_items: most }) {
    if (!Array.isArray(value)) fail("must be a list");
    if (value.length > most!) fail(`must have at most ${most} items, has ${value.length}`);
    return value.map((element: unknown, index: number) => {
      try {
        return checked(of!, element);
      } catch (error) {
        return fail(`item ${index}: ${(error as Error).message}`);
      }
    });
  },
  boolean: (value) => (typeof value === "boolean" ? value : fail("must be true or false")),
  instant: (value) =>
    typeof value === "string" ? parseInstant(value) : fail("must be an instant such as 2026-01-31T12:00:00Z"),
  int64(value) {
    const text = Number.isSafeInteger(value) || typeof value === "bigint" ? String(BigInt(value)) : value;
    return typeof text === "string" ? parseInt64(text) : fail("must be a 64-bit integer as a decimal string");
  },
  bytes(value, { max_length: most }) {
    if (typeof value !== "string") fail("must be base64 text");
    const found = parseBase64(value);
    return bytesIn(found) > most! ? fail(`must have at most ${most} bytes`) : found;
  },
};

const bytesIn = (base64: string): number => atob(base64).length;

/** Whether values of the kind are checked here: dates, objects, references and an app's own are left to the server. */
export const isKnown = ({ kind, of }: FieldSchema): boolean => Object.hasOwn(KINDS, kind) && (!of || isKnown(of));

/** The stored form of a field's value that is not null. Throws an Error with a message for the form's user. */
export function checked(field: FieldSchema, value: unknown): unknown {
  const kept = KINDS[field.kind]!(value, field);
  const { max_bytes: most } = field;
  const size = !most ? 0 : field.kind === "bytes" ? bytesIn(kept as string) : utf8Length(kept as string);
  if (!most || size <= most) return kept;
  const [high, has] = [most, size].map((count) => count.toLocaleString("en"));
  return fail(`must have at most ${high} bytes, since it is indexed; has ${has}`);
}

const noNumber = "$increment needs a number in the record";

const increment: Transform = (old, operand) => {
  if (typeof operand !== "number") fail("$increment takes a number");
  return old === null || typeof old === "number" ? (old || 0) + operand : fail(noNumber);
};

/** The list that a record has. */
const held = (old: unknown): unknown[] =>
  old === null || Array.isArray(old) ? old ?? [] : fail("needs a list or nothing in the record");

const now: Transform = (_old, _operand, now) => now;

const lists = (word: string, change: typeof add): Transform => (old, operand) =>
  Array.isArray(operand) && (old === null || Array.isArray(old))
    ? change(old ?? [], operand)
    : fail(`${word} takes a list, and needs a list or nothing in the record`);

/** What the transforms make of a value that no declaration describes. */
export const UNDECLARED: { [word: string]: Transform } = {
  $increment(...given) {
    const sum = increment(...given);
    return Number.isFinite(sum) ? sum : fail(NOT_FINITE);
  },
  $add: lists("$add", add),
  $remove: lists("$remove", remove),
  $now: now,
};

/** An int64 after `$increment`. */
export function incrementInt64(old: any, operand: any): string {
  if (typeof operand !== "string" && !Number.isInteger(operand)) fail("$increment takes a whole number");
  if (old !== null && typeof old !== "string") fail(noNumber);
  return String(BigInt(parseInt64(old || "0")) + BigInt(parseInt64(String(operand))));
}

/** By the kinds of fields. */
export const TRANSFORMS: { [kind: string]: { [word: string]: Transform } } = {
  integer: { $increment: increment },
  number: { $increment: increment },
  int64: { $increment: incrementInt64 },
  instant: { $now: now },
  list: {
    $add: (old, operand, _now, field) => add(held(old), checked(field, operand) as unknown[]),
    $remove: (old, operand, _now, field) => remove(held(old), checked(field, operand) as unknown[]),
  },
};
