/** How synchronisation is doing, and what is asked of it. */

import type { HinterlandError } from "../contract/errors.js";

/** What is known of an error on a screen, also in other tabs than that in which it happened. */
export interface Trouble {
  /** For programs. */
  readonly code: string;
  /** For users: what happened. */
  readonly message: string;
  /** For users: what to do. */
  readonly advice: string;
}

/**
 * `stopped`; `connecting`: the first exchange is under way; `online`; `offline`: the server does not answer and is tried
 * again; `paused`: it wants the user to sign in again, and the outbox waits; `following`: another tab synchronises this
 * store, and what is said beside is its.
 */
export interface Status {
  /** What synchronisation does. */
  readonly state: "stopped" | "connecting" | "online" | "offline" | "paused" | "following";
  /** When the store last held all that the server had, in seconds since 1970. */
  readonly syncedAt?: number | undefined;
  /** Why it is offline or paused. */
  readonly error?: Trouble | undefined;
  /** Of the first synchronisation, until it is complete: its collections, and the records that have come. */
  readonly progress?: { readonly collections: number; readonly records: number } | undefined;
}

/** Keeps the store in step with the server. */
export interface Sync {
  /** How it is doing. */
  readonly status: Status;
  /** Synchronises from now on, until `stop` or `close`. */
  start(): void;
  /** Ends it after the local transaction that is under way; nothing is lost. */
  stop(): Promise<void>;
  /** One round. Rejects with what prevents it, `unknown_collection` after all others were fetched, or `store_busy`. */
  now(): Promise<void>;
  /** A whole round at once: the network is said to be back. */
  nudge(): void;
  /** The status now and after each change; the returned function ends that. */
  watch(listener: (status: Status) => void): () => void;
}

export interface SyncParts extends Sync {
  /** `error`: why the store can no longer be used. */
  stop(error?: HinterlandError): Promise<void>;
  /** What the server said of the collections that it does not have. */
  readonly unknown: Map<string, HinterlandError>;
  status: Status;
  /** Shows how it is doing, in all tabs, as long as it is started; without `syncedAt` that stays. */
  report(state: Status["state"], trouble?: Trouble, syncedAt?: number): void;
  /** The names of the collections that are synchronised. */
  names(): string;
  /** Runs `act` while nothing is under way. */
  held(act: () => Promise<void>): Promise<void>;
}
