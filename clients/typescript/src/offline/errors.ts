import { failure, HinterlandError, refusedHere } from "../contract/errors.js";
import type { Outcome } from "./types.js";

const TEXTS: Record<string, [message: string, advice: string]> = {
  store: ["This can't be kept on this device.", "Try again, and reload the page if it stays."],
  store_full: ["This device has no room left, so nothing was kept.", "Free some space and try again."],
  store_busy: ["Another window of this app is using its data.", "Try again, or close the other one."],
  store_damaged: ["The app's data on this device can't be read.", "Reload the page."],
  store_too_new: ["The app's data was written by a newer version.", "Reload the page to update the app."],
  store_unavailable: ["This browser does not let the app keep data.",
    "Leave the private window, or allow this site to store data."],
  already_sending: ["This change is being sent.", "Wait for its outcome, then change the record again."],
};

/** The local store can't do this; nothing was changed. `code` is a row of the table in the page on the local store. */
export class StoreError extends HinterlandError {
  override name = "StoreError";
}

export function storeError(code: string, detail = ""): StoreError {
  const [message, advice] = TEXTS[code]!;
  return new StoreError("error", { code, message, advice, detail });
}

/** A request or write for an account that is not signed in. */
export const notSignedIn = (message: string): HinterlandError =>
  failure("unauthorized", { message, advice: "Sign in again.", sent: "no" });

/** The error of a write whose outcome is not `applied`; a discarded one has the code `discarded`. */
export const outcomeError = ({ problem }: Outcome): HinterlandError => problem
  ? refusedHere(problem.code, problem.message, problem.errors)
  : refusedHere("discarded", "This change was discarded on this device.");
