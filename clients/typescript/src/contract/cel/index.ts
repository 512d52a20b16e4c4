/**
 * A subset of the server's expressions (CEL), evaluated on the device: literals, paths of `record` and `auth`,
 * comparisons, logic, `in`, `has`, `size`, searches in texts, `exists` and `all`. Anything else is UnsupportedExpression.
 */

import type { CollectionSchema } from "../schema.js";
import type { Doc } from "../values.js";
import { compileNode } from "./compile.js";

export { CelError, UnsupportedExpression } from "./errors.js";

/** A test of a record: true, false, or undefined for an error, which denies. */
export type Evaluation = (record: Doc | null, auth?: Doc | null) => boolean | undefined;

/**
 * The three-valued test that an expression is. Without `schema`, a record's fields may hold anything. `users` are the ids
 * of `auth`; null: there is no such variable, as in a filter.
 *
 * Throws CelError and UnsupportedExpression.
 */
export function evaluator(
  text: string,
  schema?: CollectionSchema | null,
  users: "string" | "integer" | null = "string",
): Evaluation {
  const { get } = compileNode(text, schema, users);
  return (record, auth = null) => get({ record, auth }) as boolean | undefined;
}

/** The test that an expression is: only true allows. Throws CelError and UnsupportedExpression. */
export function compile(
  text: string,
  schema?: CollectionSchema | null,
  users: "string" | "integer" | null = "string",
): (record: Doc | null, auth?: Doc | null) => boolean {
  const test = evaluator(text, schema, users);
  return (record, auth) => test(record, auth) === true;
}
