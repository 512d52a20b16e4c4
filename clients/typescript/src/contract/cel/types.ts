/** The types of values in expressions: a list's is `[` and that of its elements; `dyn` may hold anything. */

import type { CollectionSchema, FieldSchema } from "../schema.js";

/** What an expression reads: the variables by name. */
export type Scope = { readonly [variable: string]: unknown };
/** The value of a part of an expression; undefined is an error. */
export type Get = (scope: Scope) => unknown;

/** A checked part of an expression. */
export interface Node {
  readonly type: string;
  readonly get: Get;
  readonly isConstant?: boolean;
  /** Of a variable, or of a field of one: the variable and the fields, and whatever is there. */
  readonly path?: readonly string[];
  readonly raw?: Get;
  /** Of a written list. */
  readonly items?: readonly Node[];
  readonly isRelation?: boolean;
}

const KINDS: { [kind: string]: string } = {
  text: "string", integer: "int", number: "double", boolean: "bool", instant: "timestamp", int64: "int64",
  bytes: "bytes", json: "dyn",
};
const TEXTS = "[string";
const AUTH: { [field: string]: string } = { roles: TEXTS, client: "string", acr: "string", amr: TEXTS, auth_time: "int" };
const META: { [field: string]: string } = {
  created_at: "timestamp", updated_at: "timestamp", revision: "int", parent: "string",
};

const typeOf = (field: FieldSchema): string | undefined =>
  field.kind === "list" ? `[${KINDS[field.of?.kind ?? "text"]}` : KINDS[field.kind];

const own = (types: { [name: string]: string }, name: string) => (Object.hasOwn(types, name) ? types[name] : undefined);

/** The type of a field of `record` or `auth`; undefined: there is none. Without `schema` a record's may hold anything. */
export function fieldType(
  variable: string,
  name: string,
  schema: CollectionSchema | null | undefined,
  users: "string" | "integer",
): string | undefined {
  const isId = name === "id";
  if (variable === "auth") return isId ? (users === "integer" ? "int" : "string") : own(AUTH, name);
  const meta = own(META, name);
  if (meta || !schema) return meta ?? "dyn";
  if (isId) return schema.ids === "integer" ? "int" : "string";
  const field = schema.fields && Object.hasOwn(schema.fields, name) ? schema.fields[name] : undefined;
  return field ? typeOf(field) : schema.is_open ? "dyn" : undefined;
}

const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const finite = (value: unknown) => (Number.isFinite(value) ? value : undefined);

function int64(value: unknown): bigint | undefined {
  if (typeof value === "string" ? !/^(0|-?[1-9]\d{0,18})$/.test(value) : !Number.isInteger(value)) return;
  const number = BigInt(value as string);
  return number === BigInt.asIntN(64, number) ? number : undefined;
}

const READERS: { [type: string]: (value: unknown) => unknown } = {
  string: text,
  timestamp: text,
  bytes: text,
  bool: (value) => (typeof value === "boolean" ? value : undefined),
  int: (value) => (Number.isSafeInteger(value) ? value : undefined),
  double: finite,
  int64,
  dyn: (value) => value ?? undefined,
};
const list = (value: unknown) => (Array.isArray(value) ? value : undefined);

/** What reads a value of a type; a value of another kind is as if it were not there. */
export const readerOf = (type: string) => (type[0] === "[" ? list : READERS[type]!);
