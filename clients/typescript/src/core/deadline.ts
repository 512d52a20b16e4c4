import { failure } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import type { Layer } from "./exchange.js";

/**
 * Ends a call at its deadline, when its signal aborts, or when the client is closed, which aborts all that are `running`. A stream has a deadline until it
 * begins.
 */
export const deadline = (clock: Clock, closing: AbortSignal, running: Set<AbortController>): Layer => async (request, send) => {
  const { journal, operation } = request;
  const [controller, unlink] = aborting(request.signal, running);
  const { signal } = controller;
  const stop = clock.after(Math.min(request.deadline * 1000, 2 ** 31 - 1), () => controller.abort(failure("deadline", {
    operation, sent: journal.sent, attempts: journal.attempts, waited: journal.waited,
  })));
  try {
    if (closing.aborted) throw 0;
    const response = await raced(signal, () => send({ ...request, signal }));
    if (!response.body) unlink();
    return response;
  } catch (error) {
    unlink();
    throw closing.aborted ? failure("closed", { operation, sent: journal.sent }) : error;
  } finally {
    stop();
  }
};

/** The outcome of `act`, or the signal's reason if it aborts first. */
function raced<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort);
    act().then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
