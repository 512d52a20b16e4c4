/** The server behind a client's core. */

import { failure, NetworkError } from "../contract/errors.js";
import type { Client } from "../core/client.js";
import { notSignedIn } from "./errors.js";
import type { Remote } from "./remote.js";
import type { PullResult, PushResult, RecordId } from "./types.js";

export function serverRemote({ auth, events, internals: { calls } }: Client): Remote {
  const check = (account: RecordId) => {
    const signedIn = auth.state.kind === "signedIn" ? auth.state.user.id : "";
    if (signedIn === account) return;
    throw notSignedIn(signedIn === "" ? "The session is over." : "Somebody else is signed in.");
  };
  const call = async (account: RecordId, operation: string, json: object, list: string, signal?: AbortSignal) => {
    check(account);
    const result = await calls.call(operation, { json, signal });
    if (Array.isArray(result[list])) return result;
    throw failure("invalid_response", { path: `$.${list}`, found: "no list", operation });
  };
  return {
    push: (account, push, signal) => call(account, "sync.push", push, "results", signal) as Promise<PushResult>,
    pull: (account, pull, signal) => call(account, "sync.pull", pull, "changes", signal) as Promise<PullResult>,
    events(account, names, cursor, signal) {
      check(account);
      return events(names, { cursor, signal });
    },
    async describe(account, known, signal) {
      check(account);
      try {
        const headers: Record<string, string> = known?.etag ? { "if-none-match": known.etag } : {};
        const response = await calls.request("GET", "/v1/schema", { headers, signal });
        if (response.status === 304) return known;
        const document = response.json();
        return Array.isArray(document?.collections) ? { etag: response.headers.get("etag") ?? "", document } : undefined;
      } catch (error) {
        if (error instanceof NetworkError || signal.aborted) throw error;
        return undefined; // of an older server, or of a portal's page
      }
    },
  };
}
