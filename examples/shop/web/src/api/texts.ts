/** The errors of the client in the words of this shop. */

import { HinterlandError, InvalidResponse, NetworkError } from "hinterland";

export const SESSION_ENDED = "Your session has ended. Please log in again.";

const TEXTS: Readonly<Record<string, string>> = {
  not_found: "This no longer exists. Refresh the page.",
  read_timeout: "The shop did not answer in time. It may be busy: try again in a moment.",
  deadline: "The shop did not answer in time. It may be busy: try again in a moment.",
  unauthorized: SESSION_ENDED,
};
const UNREACHABLE = "The shop can't be reached. Check your connection, then try again.";
const NOT_THE_SHOP =
  "Something else than the shop has answered. If this network has a log-in page, log in there, then try again.";

/** The server's messages are phrases: this makes one stand alone. */
export function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

export function messageOf(error: unknown): string {
  if (!(error instanceof HinterlandError)) return sentence(error instanceof Error ? error.message : String(error));
  const known = TEXTS[error.code];
  if (known !== undefined) return known;
  if (error instanceof NetworkError) return UNREACHABLE;
  if (error instanceof InvalidResponse || (error.status >= 400 && !error.isFromServer)) return NOT_THE_SHOP;
  return sentence(error.message);
}
