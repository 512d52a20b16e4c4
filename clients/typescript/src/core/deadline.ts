import { failure } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import type { Layer } from "./exchange.js";

/**
 * Ends a call at its deadline, when its signal aborts, or when the client is closed, which aborts all that are
 * `running`. A stream has a deadline until it begins.
 */
export const deadline = (
  clock: Clock, closing: AbortSignal, running: Set<AbortController>,
): Layer => async (request, send) => {
  const { journal, operation } = request;
  const [controller, unlink] = aborting(request.signal, running);
  const { signal } = controller;
  const stop = clock.after(Math.min(request.deadline * 1000, 2 ** 31 - 1), () => controller.abort(failure("deadline", {
    operation, sent: journal.sent, attempts: journal.attempts, waited: journal.waited,
  })));
  try {
    if (closing.aborted) controller.abort();
    if (signal.aborted) throw signal.reason;
    const response = await Promise.race([send({ ...request, signal, release: unlink }), new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    })]);
    if (!response.body) unlink();
    return response;
  } catch (error) {
    unlink();
    throw closing.aborted ? failure("closed", { operation, sent: journal.sent }) : error;
  } finally {
    stop();
  }
};
