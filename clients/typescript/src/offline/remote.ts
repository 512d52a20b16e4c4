/** The server as synchronisation sees it. */

import type { LiveEvent, Pull, PullResult, Push, PushResult, RecordId } from "./types.js";

/** The description of the app, GET /v1/schema. */
export interface Description {
  etag: string;
  document: unknown;
}

/**
 * Rejects with HinterlandErrors only. `account` is whose data is meant: a request for one account must never go out with
 * another's credentials, which rejects with Unauthorized.
 */
export interface Remote {
  /** Pushes mutations; safe to repeat. */
  push(account: RecordId, push: Push, signal?: AbortSignal): Promise<PushResult>;
  /** What changed since the pull's cursor. */
  pull(account: RecordId, pull: Pull, signal?: AbortSignal): Promise<PullResult>;
  /** What changes from `cursor` on; reconnects by itself, and says `offline` and `ready` meanwhile. */
  events(account: RecordId, names: string[], cursor: string, signal: AbortSignal): AsyncIterable<LiveEvent>;
  /** The description of the app, which may be the one that is `known`; undefined: there is none. */
  describe(account: RecordId, known: Description | undefined, signal: AbortSignal): Promise<Description | undefined>;
}
