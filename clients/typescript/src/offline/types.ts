/** What the store keeps, and what goes to and comes from the server. */

import type { Write } from "../contract/changes.js";
import type { Doc } from "../contract/values.js";

/** A record's id; a number in collections with integer ids. */
export type RecordId = string | number;

/** Why something was refused, as the server describes errors. */
export interface Problem {
  /** What kind of error it is. */
  title?: string;
  /** The HTTP status. */
  status?: number;
  /** For programs; it never changes. */
  code: string;
  /** What is wrong. */
  message: string;
  /** Messages by field. */
  errors?: Record<string, string[]>;
  /** Further facts of the error, which depend on its code. */
  details?: Doc;
}

/** An edit of a field that a merge did not keep: what was written here, and the result. */
export interface Lost {
  /** The field's name. */
  field: string;
  /** What was written on this device. */
  mine: unknown;
  /** The result of the merge. */
  theirs: unknown;
}

/**
 * The end of a write: `applied` at the database's `revision`, with the `ids` that the server gave for temporary ones and
 * the edits that a merge `lost`; `refused` with its `problem`, and held; or `discarded` on this device.
 */
export interface Outcome {
  /** The write's id in the outbox. */
  mutation: string;
  /** How it ended. */
  status: "applied" | "refused" | "discarded";
  /** The revision of the database at which it was applied. */
  revision?: number;
  /** The ids that the server gave, by temporary id. */
  ids?: Record<string, RecordId>;
  /** The edits that a merge did not keep. */
  lost?: Lost[];
  /** Why it was refused. */
  problem?: Problem;
  /** Of a mutation of GraphQL: its data, as far as there are some. */
  data?: Doc | null;
  /** Of a mutation of GraphQL: the errors of the response. */
  errors?: Doc[];
  /** Of a mutation of GraphQL: whose it was. */
  account?: RecordId;
}

/** A mutation of GraphQL that waits in the outbox. */
export interface QueuedDocument {
  /** The document as it is sent. */
  query: string;
  /** The name of its operation; "": it has none. */
  operation: string;
  /** Its variables. */
  variables: Doc;
  /** Its idempotency key, the same for each try. */
  key: string;
  /** The data that are shown until its outcome is known. */
  optimistic?: Doc | undefined;
  /** What results forget when it was carried out. */
  evict?: readonly string[] | undefined;
  /** When it may first have reached the server, in seconds since 1970. */
  sentAt?: number | undefined;
}

/**
 * A mutation in the outbox. `pending`: not sent. `sent`: the server may have it. `applied`: the server has it, and what
 * comes next will show it. `refused`: held with its problem. `conflicted`: applied, but edits were lost.
 */
export interface Mutation {
  number: number;
  id: string;
  state: "pending" | "sent" | "applied" | "refused" | "conflicted";
  seq: number | null;
  /** Hybrid time in seconds since 1970. */
  timestamp: number;
  base: number[];
  /** Under the ids that are known; `written` has them as they were before, where that is different. */
  writes: Write[];
  written?: Write[] | undefined;
  outcome?: Outcome | undefined;
  /** Instead of writes. */
  document?: QueuedDocument | undefined;
  isContained?: boolean;
  failures?: number;
}

/** What is kept of an account. */
export interface Space {
  device: string;
  nextSeq: number;
  acknowledged: number;
  /** The number of the last mutation. */
  number: number;
  /** The collections that are kept in step, in order of name. */
  wanted: string[];
  /** For which collections the cursor is. */
  subscription: string;
  cursor: string;
  /** The highest revision that came with the cursor: a live commit at or below it is in the store already. */
  newest: number;
  /** Whether nothing was left to fetch at the last pull, nor missed since. */
  isCurrent: boolean;
  /** Whether that was so once: the store then holds something of every record that is to be seen. */
  isWhole: boolean;
  /** By collection: how often it was sent whole, and whether that is going on. */
  generations: Record<string, [generation: number, isOpen: boolean]>;
}

export interface Change {
  kind: "create" | "update" | "delete" | "left";
  collection: string;
  id: RecordId;
  parent?: string;
  revision?: number;
  record?: Doc;
}

export interface Push {
  device: string;
  acknowledged: number;
  mutations: { seq: number; id: string; base: number[]; timestamp: number; writes: Write[] }[];
}

export interface Settled {
  seq: number;
  status: "applied" | "refused" | "withdrawn";
  revision?: number;
  ids?: Record<string, RecordId>;
  lost?: Lost[];
  problem?: Problem;
}

export interface PushResult {
  results: Settled[];
  settled: number;
}

export interface Pull {
  collections: string[];
  cursor: string;
  device?: string;
  limit?: number;
}

export interface PullResult {
  changes: Change[];
  cursor: string;
  more?: boolean;
  restart?: string[];
  complete?: string[];
  settled?: number;
}

export interface LiveEvent {
  kind: "ready" | "commit" | "position" | "resync" | "offline";
  cursor: string;
  revision?: number;
  changes?: Change[];
  reason?: string;
}
