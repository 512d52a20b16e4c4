/** Collections and their records: how a body becomes a record's document. */

import { boundedCheckOf, type Check, transformsOf, UNDECLARED } from "./kinds.js";
import { mergePatch } from "./patches.js";
import { invalid, type Refusal } from "./refusal.js";
import { type CollectionSchema, META } from "./schema.js";
import { type Doc, isObject, isSame, member, put } from "./values.js";

type Errors = { [name: string]: string[] };

/** A collection's declaration with the checks of its fields. */
export interface Shape {
  readonly schema: CollectionSchema;
  readonly names: readonly string[];
  readonly checks: ReadonlyMap<string, Check>;
  readonly transforms: ReadonlyMap<string, ReturnType<typeof transformsOf>>;
  readonly defaults: Doc;
}

export const TRANSFORMS = ["$increment", "$add", "$remove", "$now"];

/** The compiled declaration of a collection; make it once. */
export function shapeOf(schema: CollectionSchema): Shape {
  const fields = Object.entries(schema.fields ?? {});
  const checks = new Map<string, Check>();
  const defaults: Doc = {};
  for (const [name, field] of fields) {
    const check = boundedCheckOf(field);
    checks.set(name, check);
    if ((field.default ?? null) !== null) defaults[name] = check(field.default);
  }
  const transforms = new Map(fields.map(([name, field]) => [name, transformsOf(field)]));
  return { schema, names: [...checks.keys()], checks, transforms, defaults };
}

const fieldsOf = (shape: Shape) => Object.entries(shape.schema.fields ?? {});
const filledIn = (shape: Shape) => fieldsOf(shape).flatMap(([name, field]) => (field.fill === "auth.id" ? [name] : []));
const empty = (shape: Shape): Doc => Object.fromEntries(shape.names.map((name) => [name, null]));

/** Whether a record may have a field though it is not declared. */
const isUndeclared = (shape: Shape, name: string): boolean =>
  !!shape.schema.is_open && !shape.checks.has(name) && !META.includes(name);

/** The document of a record that is created from `body`; `caller` fills the fields that ask for it. */
export function created(shape: Shape, body: Doc, caller?: unknown): Doc {
  const filled: Doc = {};
  if (caller) for (const name of filledIn(shape)) filled[name] = caller;
  return written(shape, { ...empty(shape), ...shape.defaults }, { ...filled, ...body });
}

/** The document after a PUT of `body`. */
export function replaced(shape: Shape, document: Doc, body: Doc): Doc {
  const kept: Doc = {};
  for (const name of filledIn(shape)) kept[name] = member(document, name) ?? null;
  return written(shape, { ...empty(shape), ...shape.defaults, ...kept }, body);
}

/** The document after a PATCH whose transforms are resolved. */
export function patched(shape: Shape, document: Doc, body: Doc): Doc {
  const base = empty(shape);
  const changes: Doc = {};
  for (const [name, value] of Object.entries(document)) {
    if (shape.checks.has(name) || isUndeclared(shape, name)) put(base, name, value);
  }
  for (const [name, value] of Object.entries(body)) {
    const hasMembers = shape.schema.fields?.[name]?.kind === "json" || isUndeclared(shape, name);
    put(changes, name, hasMembers ? mergePatch(member(document, name), value) : value);
  }
  return written(shape, base, changes);
}

/** The errors of a body that sets fields which only administrators set; one may be repeated with its value. */
export function readonlyViolations(shape: Shape, body: Doc, document: Doc): Errors {
  const keeps = (name: string) => {
    const old = member(document, name);
    try {
      const value = body[name];
      const expected = old === undefined ? shape.defaults[name] ?? null : old;
      return isSame(value === null ? value : shape.checks.get(name)!(value), expected);
    } catch {
      return false;
    }
  };
  const refused = fieldsOf(shape).filter(([name, field]) => field.write === "admin" && name in body && !keeps(name));
  return Object.fromEntries(refused.map(([name]) => [name, ["can only be set by an administrator"]]));
}

/** The transform that a patch may use on a field, such as `$increment`. */
export const transformOf = (shape: Shape, name: string, word: string) =>
  (shape.transforms.get(name) ?? (shape.schema.is_open ? UNDECLARED : {}))[word];

/** The `validation` refusal of errors by field, in the order of the fields. */
export function refusal(shape: Shape, errors: Errors): Refusal {
  const names = new Set([...shape.names, ...Object.keys(errors)]);
  return invalid(Object.fromEntries([...names].flatMap((name) => (errors[name] ? [[name, errors[name]]] : []))));
}

function written(shape: Shape, document: Doc, body: Doc): Doc {
  const errors: Errors = {};
  let count = 0;
  const report = (name: string, message: string) => {
    put(errors, name, [message]);
    count++;
  };
  for (const [name, value] of Object.entries(body)) {
    const check = shape.checks.get(name);
    if (check) {
      try {
        document[name] = value === null ? null : check(value);
      } catch (error) {
        report(name, (error as Error).message + transformHint(value));
      }
    } else if (isUndeclared(shape, name)) {
      if (value === null) delete document[name];
      else put(document, name, value);
    } else if (!META.includes(name) && count < 100) {
      report(name, `is not a field of ${shape.schema.name}; it has ${shape.names.join(", ")}`);
    }
  }
  for (const [name, field] of fieldsOf(shape)) {
    const isMissing = document[name] === null || document[name] === "";
    if (field.required && !errors[name] && isMissing) report(name, "is required");
  }
  if (count) throw refusal(shape, errors);
  return document;
}

/** What to do where a refused value looks like a transform. */
function transformHint(value: unknown): string {
  const names = isObject(value) ? Object.keys(value) : [];
  const word = names[0];
  if (names.length !== 1 || !word?.startsWith("$")) return "";
  const known = TRANSFORMS.join(", ");
  if (TRANSFORMS.includes(word)) return `; transforms (${known}) are for PATCH, as a field's whole value`;
  return `; unknown transform ${[...word].slice(0, 40).join("")}; supported in a PATCH: ${known}`;
}
