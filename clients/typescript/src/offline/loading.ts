import { failure } from "../contract/errors.js";

type Later = typeof import("./later.js");

/** What exchanges data with the server and evaluates filters, which is not needed to show records and to keep writes. */
export let later: Later | undefined;

/** Loads it. Rejects with NetworkError, and can then be called again. */
export async function loadLater(): Promise<Later> {
  try {
    return (later ??= await import("./later.js"));
  } catch (cause) {
    throw failure("network", { sent: "no", cause });
  }
}
