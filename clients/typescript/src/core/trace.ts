import { type HinterlandError, requestIdOf, type Sent } from "../contract/errors.js";
import type { Clock } from "../kit/clock.js";
import { listeners } from "../kit/listeners.js";
import type { Layer } from "./exchange.js";

/** One finished call; times are in seconds. Never holds a secret. */
export interface Trace {
  /** The operation; "" for other calls. */
  operation: string;
  /** The HTTP method. */
  method: string;
  /** Without its query, which may hold secrets. */
  url: string;
  /** 0 where no response came; `error` is then its code. */
  status: number;
  /** The error's code; "" if there was none. */
  error: string;
  /** Whether the server may have received the request. */
  sent: Sent;
  /** How often it was tried. */
  attempts: number;
  /** Seconds between attempts. */
  waited: number;
  /** Until the whole response was there; of a stream, until it began. */
  seconds: number;
  /** What to look for in the server's log. */
  requestId: string;
}

/** Reports every call that has ended. A listener that fails harms nothing. */
export function trace(clock: Clock, onTrace: (trace: Trace) => void): Layer {
  const { add, notify } = listeners<Trace>();
  add(onTrace);
  return async (request, send) => {
    const { operation, method, url, journal } = request;
    const started = clock.monotonic();
    const report = (outcome: object) => notify({
      operation, method, url: url.split("?")[0]!, status: 0, error: "", sent: "yes", attempts: journal.attempts,
      waited: journal.waited, seconds: (clock.monotonic() - started) / 1000, requestId: "", ...outcome,
    });
    try {
      const response = await send(request);
      report({ status: response.status, requestId: requestIdOf(response) });
      return response;
    } catch (error) {
      report({ error: (error as HinterlandError).code ?? "aborted", sent: journal.sent });
      throw error;
    }
  };
}
