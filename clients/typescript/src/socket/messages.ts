/** The messages of `/v1/socket`, and what they mean to an app. */

import type { Problem } from "../contract/errors.js";
import type { LiveEvent } from "../core/events.js";

/** A message of the server, as far as it is of a kind that is known. */
export interface ServerMessage extends Partial<Omit<LiveEvent, "kind">> {
  type: string;
  id?: string;
  error?: Problem;
  // hello
  ping_seconds?: number;
  // result
  status?: number;
  body?: any;
  etag?: string;
  // snapshot
  items?: any[];
  next?: string | null;
  total?: number | null;
}

/**
 * An event of a subscription: those of `client.events`, and "snapshot", which has the `items` that there are. A snapshot
 * replaces what there was before; what follows it begins where it ends.
 */
export interface SocketEvent<T = Record<string, any>> extends Omit<LiveEvent<T>, "kind"> {
  /** What happened. */
  kind: LiveEvent["kind"] | "snapshot";
  /** Of a snapshot: the records of the page. */
  items: T[];
  /** Of a snapshot: the `cursor` of the list's next page; null at the end. */
  next: string | null;
  /** Of a snapshot: how many records match; null unless asked for. */
  total: number | null;
}

export const eventOf = (
  kind: SocketEvent["kind"], cursor: string,
  { revision = 0, changes = [], reason = "", items = [], next, total }: Partial<ServerMessage> = {},
): SocketEvent => ({ kind, cursor, revision, changes, reason, items, next: next || null, total: total ?? null });
