/** The errors of the client in the words of this shop. */

import { HinterlandError } from "hinterland";

export const SESSION_ENDED = "Your session has ended. Please log in again.";

const UNREACHABLE = "The shop can't be reached. Check your connection, then try again.";
const SLOW = "The shop did not answer in time. It may be busy: try again in a moment.";
const NOT_THE_SHOP =
  "Something else than the shop has answered. If this network has a log-in page, log in there, then try again.";

const TEXTS: Readonly<Record<string, string>> = {
  not_found: "This no longer exists. Refresh the page.",
  unauthorized: SESSION_ENDED,
  network: UNREACHABLE,
  connect: UNREACHABLE,
  connection_lost: UNREACHABLE,
  tls: UNREACHABLE,
  read_timeout: SLOW,
  deadline: SLOW,
  invalid_response: NOT_THE_SHOP,
};

/** The server's messages are phrases: this makes one stand alone. */
export function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

/** Whether a code says that this device can't keep data. */
export const isOfStore = (code: string | number): boolean => /^store/.test(String(code));

/** The text for what was thrown, or for the error of a live query, which has `code` and `message` alone. */
export function messageOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return sentence(String(error));
  const { code = "", message = "", advice } = error as { code?: string | number; message?: string; advice?: string };
  if (error instanceof HinterlandError && error.status >= 400 && !error.isFromServer) return NOT_THE_SHOP;
  if (isOfStore(code) && advice) return `${message} ${advice}`;
  return TEXTS[code] ?? sentence(message);
}
