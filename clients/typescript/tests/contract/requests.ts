import * as errors from "../../src/contract/errors.js";
import { parameters } from "../../src/contract/query.js";
import type { ClientRequest, ClientResponse } from "../../src/core/exchange.js";
import { DEFAULTS } from "../../src/core/options.js";
import { failureOf, verdict } from "../../src/core/retry.js";
import { fullJitter } from "../../src/kit/backoff.js";

type Case = Record<string, any>;

const request = (given: Case): ClientRequest => ({
  method: given["method"],
  url: "http://127.0.0.1/v1/x",
  headers: given["has_key"] ? { "idempotency-key": "k" } : {},
  operation: "",
  deadline: Infinity,
  read: 30,
  retries: DEFAULTS.retries,
  isRepeatable: false,
  hasAuth: false,
  journal: { attempts: 0, waited: 0, sent: "no" },
});

const response = ({ status, headers, body }: Case): ClientResponse => ({
  status, headers: new Headers(headers), text: JSON.stringify(body), body: null, json: () => body, isInDoubt: false,
});

export function retry({ call, attempt, base, cap, random, headers, now, left, ...given }: Case): unknown {
  if (call === "full_jitter") return fullJitter(attempt, base, cap, () => random);
  if (call === "retry_after") return errors.retryAfter(new Headers(headers), now * 1000) ?? null;
  if (call === "failure") {
    const failed = failureOf(response({ ...given, headers }), request(given), now * 1000);
    return failed ? { ...failed, asked: failed.asked ?? null } : null;
  }
  const { status, sent, asked } = given;
  const failed = { status, sent, asked: asked ?? undefined };
  return verdict(request(given), failed, attempt, left, DEFAULTS, () => random) ?? null;
}

/** An error of a class that TypeScript does not have is of the next one above. */
export function errorTexts({ now, ...given }: Case, expected: any): unknown {
  const error = errors.errorIn(response(given), now * 1000);
  const wanted = (errors as Record<string, any>)[expected.class];
  return {
    class: !wanted || error instanceof wanted ? expected.class : error.constructor.name,
    code: error.code,
    message: error.message,
    advice: error.advice,
    sent: error.sent,
    errors: error.errors,
    retry_after: error.retryAfter ?? null,
    is_from_server: error.isFromServer,
    request_id: error.requestId,
  };
}

/** A field may also be written as `where.field`, and a default may be sent; the order of the pairs does not count. */
export function queries({ query: { equals, ...words } }: Case, expected: unknown): unknown {
  const plain = (pairs: unknown) =>
    (pairs as [string, string][])
      .filter(([name, text]) => name !== "limit" || text !== "20")
      .map(([name, text]) => [name.replace(/^where\./, ""), text])
      .sort();
  const found = parameters({ ...words, where: equals });
  return JSON.stringify(plain(found)) === JSON.stringify(plain(expected)) ? expected : found;
}
