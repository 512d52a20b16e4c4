/** What is loaded behind the first paint, in a file of its own. */

import { compile as compiled, UnsupportedExpression } from "../contract/cel/index.js";
import type { Query } from "../contract/query.js";
import type { CollectionSchema } from "../contract/schema.js";
import type { Doc } from "../contract/values.js";

export { UnsupportedExpression };

/**
 * What a record must be for the filter of a question; undefined: anything. Throws UnsupportedExpression where only the
 * server can tell, as for searches and for what reads `auth`.
 */
export function compile({ filter, search }: Query, schema?: CollectionSchema | null): ((record: Doc) => boolean) | undefined {
  if (search || /\bauth\b/.test(filter!)) throw new UnsupportedExpression("only the server can tell");
  return filter ? compiled(filter, schema) : undefined;
}
export { createLoop } from "./loop.js";
