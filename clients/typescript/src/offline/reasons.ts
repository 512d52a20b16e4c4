/** What an error says of what was sent, and of whether it is sent again. */

import { type HinterlandError, NetworkError } from "../contract/errors.js";
import type { Problem } from "./types.js";

export const MOST_FAILURES = 8; // of one mutation that is sent alone, each while the server answers others
// What the server says of the content of a push, before it takes anything; of its caller; and of itself.
const UNREADABLE = ["invalid_body", "validation", "too_large"];
export const NOT_NOW = ["unauthorized", "rate_limited"];
export const UNABLE = [...NOT_NOW, "unavailable", "storage_full"];

/** Whether the server itself answered one of the codes. */
export const hasCode = (error: HinterlandError, codes: string[]) => error.isFromServer && codes.includes(error.code);

/** Whether a push is refused for its content by the server itself, or for its size by anything in between. */
export const isAboutContent = (error: HinterlandError) => error.status === 413 || hasCode(error, UNREADABLE);

/** Whether certainly nothing of a push was taken, in none of its attempts. */
export const isUntaken = (error: HinterlandError) => (hasCode(error, NOT_NOW) ? !error.isInDoubt : error.sent === "no");

/** Why a mutation is held, from the answer to its push. */
export function reasonOf(error: HinterlandError): Problem {
  const { code, status, message, errors } = error;
  if (error.isFromServer) return { title: message, status, code, message, errors };
  if (!status || error instanceof NetworkError) {
    return { title: message, status: 0, code,
      message: `sending it failed ${MOST_FAILURES} times while the server answered: ${message}` };
  }
  const between = "something between client and server, such as a proxy,";
  return status === 413
    ? { title: "Too large", status, code: "too_large", message: `${between} accepts no requests of this size` }
    : { title: message, status, code, message: `${between} responds to it with status ${status}` };
}
