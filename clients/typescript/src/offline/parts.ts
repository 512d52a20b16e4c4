/** What a repository uses of the local store. */

import type { Write } from "../contract/changes.js";
import type { Query } from "../contract/query.js";
import type { Doc } from "../contract/values.js";
import type { Memory } from "./memory.js";
import type { Handle } from "./outbox.js";
import type { Store } from "./store.js";
import type { SyncParts } from "./sync.js";
import type { RecordId } from "./types.js";

export interface LocalParts {
  readonly store: Store;
  readonly sync: SyncParts;
  /** Keeps writes, with their records' ids; `adjust` may change them in the transaction that keeps them. */
  add(writes: Write[], adjust?: (memory: Memory, writes: Write[]) => Write[]): Promise<Handle & { records: (Doc | null)[] }>;
  /** The id as the store has it: a number that the server gave may be said as text, as in a path. */
  stored(collection: string, id: RecordId): RecordId;
  /** The names of the collections that are synchronised. */
  names(): string;
  /** Counts the changes of the store. */
  tick(): number;
  /** A page of the server's records. */
  ask(collection: string, parent: string, query: Query): Promise<unknown>;
}
