import { type ErrorFacts, failure, type HinterlandError, NetworkError } from "../contract/errors.js";

/** Too many messages wait for the connection; this one was not taken. */
export const queueFull = (facts?: ErrorFacts): HinterlandError => failure("error", {
  code: "queue_full", message: "The server can't be reached, and too many messages are waiting.",
  advice: "Check the network connection and try again.", ...facts,
});

/** The server has closed a WebSocket, for good: `details` has the `closeCode` and the `reason` of RFC 6455 §7.4. */
export const closeError = (closeCode: number, reason: string): NetworkError => new NetworkError("connection_lost", {
  code: "connection_closed", detail: `close code ${closeCode}${reason && `: ${reason}`}`, details: { closeCode, reason },
});
