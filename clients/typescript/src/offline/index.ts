/** The local store: an app's records on the device, its outbox of unsent writes, and their synchronisation. */

export type { Write } from "../contract/changes.js";
export type { Doc } from "../contract/values.js";
export { outcomeError, StoreError } from "./errors.js";
export { type Local, type LocalOptions, openLocal, type StorageState } from "./local.js";
export type { Counts, Handle, Outbox, OutboxEntry } from "./outbox.js";
export type { LiveQuery, LocalPage, LocalRepository, LocalWrite, QueryState, StateStore } from "./repository.js";
export type { Status, Sync, Trouble } from "./status.js";
export type { Lost, Outcome, Problem, QueuedDocument, RecordId } from "./types.js";
