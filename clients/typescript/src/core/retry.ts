import { HinterlandError, mostSent, NetworkError, retryAfter, type Sent } from "../contract/errors.js";
import { type Budget, budget, fullJitter, type Random } from "../kit/backoff.js";
import { type Clock, sleep } from "../kit/clock.js";
import { valueAt } from "../kit/value_at.js";
import { canRepeat, type ClientRequest, type ClientResponse, type Layer, originOf } from "./exchange.js";
import type { Options } from "./options.js";

/** How an attempt failed; `status` 0: no response came, `asked`: the seconds that the server asked to wait. */
export interface Failure {
  status: number;
  sent: Sent;
  asked?: number | undefined;
}

type Outcome = ClientResponse | HinterlandError;

const hasKey = (request: ClientRequest) => "idempotency-key" in request.headers;

/** What went wrong and may pass; undefined: a success, or a refusal that will stay. */
export function failureOf(outcome: Outcome, request: ClientRequest, now: number): Failure | undefined {
  if (outcome instanceof HinterlandError) {
    // The renewal of a session on the way of this call has made its own attempts, and the breaker asks to wait.
    const isOwn = !outcome.operation || outcome.operation === request.operation;
    return isOwn && outcome instanceof NetworkError && outcome.code !== "tls" && outcome.retryAfter === undefined
      ? { status: 0, sent: outcome.sent } : undefined;
  }
  const { status } = outcome;
  const isPassing = /408|429|50[0234]/.test(`${status}`)
    || (status === 409 && hasKey(request) && outcome.text.includes('"in_progress"'));
  return isPassing
    ? { status, sent: status === 429 ? "no" : "maybe", asked: retryAfter(outcome.headers, now) } : undefined;
}

/** Whether sending the request once more can't carry it out twice (RFC 9110 §9.2.2). */
const mayRepeat = (request: ClientRequest, sent: Sent): boolean =>
  canRepeat(request)
  && (sent === "no" || request.isRepeatable || hasKey(request) || !["POST", "PATCH"].includes(request.method));

/**
 * The seconds to wait before the next attempt, or undefined: give up. `attempt` counts from 0, `left` are the seconds
 * until the deadline. A wait over the cap or beyond the deadline is not begun, and the error shows it.
 */
export function verdict(
  request: ClientRequest, failed: Failure, attempt: number, left: number, options: Options, random: Random,
): number | undefined {
  if (attempt >= request.retries || !mayRepeat(request, failed.sent)) return undefined;
  const { retryBase, retryBaseBusy, retryCap } = options;
  const base = /429|503/.test(`${failed.status}`) ? retryBaseBusy : retryBase;
  const wait = fullJitter(attempt, base, retryCap, random, failed.asked);
  return wait > retryCap || wait >= left ? undefined : wait;
}

/** Tries again where it can help and can't harm. A budget for each origin bounds what repetitions add to the load. */
export function retry(clock: Clock, options: Options, random: Random): Layer {
  const budgets = new Map<string, Budget>();
  return async (request, send) => {
    const { journal, signal, url } = request;
    const bucket = valueAt(budgets, originOf(url), budget);
    const end = clock.monotonic() + request.deadline * 1000;
    let sent: Sent = "no";
    for (let attempt = 0; ; attempt++) {
      journal.attempts++;
      journal.sent = mostSent(sent, "maybe");
      const outcome: Outcome = await send(request).catch((error: unknown) => {
        if (error instanceof HinterlandError) return error;
        throw error;
      });
      const failed = failureOf(outcome, request, clock.now());
      const isResponse = !(outcome instanceof HinterlandError);
      if (!failed && isResponse) bucket.payIn();
      if (failed) sent = mostSent(sent, failed.sent);
      const wait = failed
        ? verdict(request, failed, attempt, (end - clock.monotonic()) / 1000, options, random) : undefined;
      if (wait === undefined || !bucket.take()) {
        if (isResponse) {
          outcome.isInDoubt = sent !== "no";
          return outcome;
        }
        const { attempts, waited } = journal;
        const operation = outcome.operation || request.operation;
        throw Object.assign(outcome, { attempts, waited, operation, sent: mostSent(outcome.sent, sent) });
      }
      journal.sent = sent;
      const started = clock.monotonic();
      await sleep(clock, wait * 1000, signal);
      journal.waited += (clock.monotonic() - started) / 1000;
    }
  };
}
