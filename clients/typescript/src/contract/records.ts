/** Collections and their records: how a body becomes a record's document. */

import { checked, isKnown, TRANSFORMS, UNDECLARED } from "./kinds.js";
import { mergePatch } from "./patches.js";
import { assertValid } from "./refusal.js";
import { type CollectionSchema, type FieldSchema, META } from "./schema.js";
import { type Doc, isObject, isSame, member, put } from "./values.js";

type Errors = { [name: string]: string[] };

/** A collection's declaration as far as it is known. */
export interface Shape {
  readonly schema: CollectionSchema;
  /** The fields of known kinds; others are as those of an open collection. */
  readonly fields: ReadonlyMap<string, FieldSchema>;
  readonly isOpen: boolean;
  /** Whether the declaration is surely not older than the app; else writes may have fields that it lacks. */
  readonly isCertain: boolean;
  readonly defaults: Doc;
}

export const WORDS = ["$increment", "$add", "$remove", "$now"];

/** The compiled declaration of a collection; make it once. */
export function shapeOf(schema: CollectionSchema, isCertain = true): Shape {
  const given = Object.entries(schema.fields ?? {});
  const fields = given.filter(([, field]) => isKnown(field));
  const defaults = fields.map(([name, field]) => [name, field.default == null ? null : checked(field, field.default)]);
  return {
    schema,
    fields: new Map(fields),
    isOpen: !!schema.is_open || fields.length < given.length,
    isCertain,
    defaults: Object.fromEntries(defaults),
  };
}

/** The names of the fields whose declaration passes a test. */
const namesOf = (shape: Shape, test: (field: FieldSchema) => unknown): string[] =>
  [...shape.fields].filter(([, field]) => test(field)).map(([name]) => name);
const isFilled = (field: FieldSchema) => field.fill === "auth.id";

/** Some members of a document; null where it has none. */
export const picked = (document: Doc, names: Iterable<string>): Doc =>
  Object.fromEntries([...names].map((name) => [name, member(document, name) ?? null]));

/** Whether a record may have a field though it is not declared. */
const isUndeclared = (shape: Shape, name: string): boolean =>
  shape.isOpen && !shape.fields.has(name) && !META.includes(name);

/** The document of a record that is created from `body`; `caller` fills the fields that ask for it. */
export function created(shape: Shape, body: Doc, caller?: unknown): Doc {
  const filled = caller ? namesOf(shape, isFilled).map((name) => [name, caller]) : [];
  return written(shape, "create", { ...shape.defaults }, { ...Object.fromEntries(filled), ...body }, {}, body);
}

/** The document after a PUT of `body`. */
export const replaced = (shape: Shape, document: Doc, body: Doc): Doc =>
  written(shape, "update", { ...shape.defaults, ...picked(document, namesOf(shape, isFilled)) }, body, document, body);

/** The document after a PATCH whose transforms are resolved. */
export function patched(shape: Shape, document: Doc, body: Doc): Doc {
  const base = picked(document, shape.fields.keys());
  const changes: Doc = {};
  // Also what the declaration lacks: its reader may see more than others.
  for (const name of Object.keys(document)) if (!shape.fields.has(name)) put(base, name, document[name]);
  for (const [name, value] of Object.entries(body)) {
    const hasMembers = shape.fields.get(name)?.kind === "json" || isUndeclared(shape, name);
    put(changes, name, hasMembers ? mergePatch(member(document, name), value) : value);
  }
  return written(shape, "update", base, changes, document, body);
}

/** The errors of a body that sets fields which only administrators set; one may be repeated with its value. */
export function readonlyViolations(shape: Shape, body: Doc, document: Doc): Errors {
  const keeps = (name: string) => {
    const old = member(document, name);
    try {
      const value = body[name];
      const expected = old === undefined ? shape.defaults[name] : old;
      return isSame(value === null ? value : checked(shape.fields.get(name)!, value), expected);
    } catch {
      return false;
    }
  };
  const named = namesOf(shape, (field) => field.write === "admin").filter((name) => Object.hasOwn(body, name));
  const refused = named.filter((name) => !keeps(name));
  return Object.fromEntries(refused.map((name) => [name, ["can only be set by an administrator"]]));
}

/** The transform that a patch may use on a field, such as `$increment`. */
export function transformOf(shape: Shape, name: string, word: string) {
  const field = shape.fields.get(name);
  return (field ? TRANSFORMS[field.kind] : shape.isOpen || !shape.isCertain ? UNDECLARED : null)?.[word];
}

/** Throws the refusal `validation` for errors by field, in the order of the fields, if there are any. */
export function assertFit(shape: Shape, errors: Errors): void {
  const names = [...shape.fields.keys(), ...Object.keys(errors)];
  assertValid(picked(errors, names.filter((name) => Object.hasOwn(errors, name))) as Errors);
}

/** `document` with the fields of `body`; `given` is the body as it was sent, `old` the document before. */
function written(shape: Shape, kind: "create" | "update", document: Doc, body: Doc, old: Doc, given: Doc): Doc {
  const errors: Errors = { __proto__: null as never };
  const report = (name: string, message: string) => put(errors, name, [message]);
  for (const [name, value] of Object.entries(body)) {
    const field = shape.fields.get(name);
    if (field) {
      try {
        document[name] = value === null ? null : checked(field, value);
      } catch (error) {
        report(name, (error as Error).message + transformHint(value));
      }
    } else if (isUndeclared(shape, name)) {
      if (value === null) delete document[name];
      else put(document, name, value);
    } else if (!META.includes(name)) {
      report(name, `is not a field of ${shape.schema.name}; it has ${[...shape.fields.keys()].join(", ")}`);
    }
  }
  for (const name of namesOf(shape, (field) => field.required)) {
    if (!errors[name] && (document[name] === null || document[name] === "")) report(name, "is required");
  }
  if (kind === "update") {
    // Fields that not every reader sees may have a value though the document lacks them.
    for (const name of namesOf(shape, ({ read_access: access = "everybody" }) => access !== "everybody")) {
      if (Object.hasOwn(old, name) || Object.hasOwn(given, name)) continue;
      delete document[name];
      delete errors[name];
    }
  }
  for (const name of Object.keys(errors)) {
    // Only the server knows what is wrong: the record shows what was sent.
    if (shape.schema.hooks?.includes(kind) || !(shape.isCertain || shape.fields.has(name))) {
      delete errors[name];
      if (Object.hasOwn(given, name)) put(document, name, given[name]);
      else if (kind === "update") document[name] = member(old, name) ?? null;
    }
  }
  assertFit(shape, errors);
  return document;
}

/** What to do where a refused value looks like a transform. */
function transformHint(value: unknown): string {
  const [word, ...more] = isObject(value) ? Object.keys(value) : [];
  if (more.length || word?.[0] !== "$") return "";
  const known = WORDS.join(", ");
  if (WORDS.includes(word)) return `; transforms (${known}) are for PATCH, as a field's whole value`;
  return `; unknown transform ${[...word].slice(0, 40).join("")}; supported in a PATCH: ${known}`;
}
