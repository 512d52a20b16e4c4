/** What a response to a mutation of GraphQL says of it: pure, and the same in each client. */

import { isObject } from "../contract/values.js";
import { pathOf, type SentError } from "../graphql/errors.js";

/** `later`: it is sent again, with the same key. `pause`: nothing is sent before the user has signed in again. */
export type Verdict = "applied" | "refused" | "later" | "pause";

// Of what may be gone at the next try; the server keeps no response of them.
const LATER = [408, 429, 500, 502, 503, 504, 507];
const LATER_CODES: unknown[] = ["in_progress", "timeout", "rate_limited", "unavailable", "storage_full", "internal"];

const codeOf = ({ extensions }: SentError): unknown => isObject(extensions) && extensions.code;

/** What became of a mutation, and which error says so, by its position (-1: none). */
export function verdict(
  status: number, errors: readonly SentError[], data: Record<string, unknown> | null,
): [verdict: Verdict, index: number] {
  const first = errors.length ? 0 : -1;
  if (status === 401) return ["pause", first];
  if (LATER.includes(status)) return ["later", first];
  // An error within the value of a field of the root says that a part can't be read: its write has happened.
  const isAtRoot = (error: SentError) => {
    const [field, ...more] = pathOf(error);
    return !more.length || !data || (data[field!] ?? null) === null;
  };
  const deciding = errors.flatMap((error, at) => (isAtRoot(error) ? [at] : []));
  const later = deciding.find((at) => LATER_CODES.includes(codeOf(errors[at]!)));
  if (later !== undefined) return ["later", later];
  if (deciding.length) return ["refused", deciding[0]!];
  return data ? ["applied", -1] : ["refused", first];
}
