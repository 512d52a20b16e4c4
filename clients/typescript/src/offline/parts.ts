/** What the parts of the local store use of each other. */

import type { Write } from "../contract/changes.js";
import type { Query } from "../contract/query.js";
import type { Doc } from "../contract/values.js";
import type { StoreError } from "./errors.js";
import type { Memory, Op, StoreChange } from "./memory.js";
import type { Handle } from "./outbox.js";
import type { SyncParts } from "./status.js";
import type { Mutation, Outcome, RecordId } from "./types.js";

/** What tabs say to each other: the ops of a version, or something of the `word` for another part. */
export interface Message {
  version?: number;
  ops?: Op[];
  word?: string;
  value?: unknown;
}

export interface Store {
  readonly name: string;
  readonly memory: Memory;
  /** Sends the document of GraphQL that is next; whether there was one. */
  post?: (account: RecordId, signal: AbortSignal) => Promise<boolean>;
  /** Opens the database, and shows the data of the account that was shown last. */
  open(): Promise<void>;
  /**
   * Runs `act`, which must throw before it changes anything, and returns what it returned when its changes are on the
   * disk; `isRelaxed`: when the system has them, which may lose them if the machine stops. Rejects where another account
   * than `account`, which is the one at the call, is shown by then.
   */
  write<T>(act: (memory: Memory) => T, isRelaxed?: boolean, account?: RecordId): Promise<T>;
  /** A transaction on all of the database. */
  transaction(mode: IDBTransactionMode): Promise<IDBTransaction>;
  /** Knows the collection from now on. */
  load(collection: string): Promise<void>;
  /** Shows the data of another account; what comes after sees only that. */
  turnTo(account: RecordId): Promise<void>;
  /** The outcome of a mutation that is no longer open. */
  outcome(id: string): Promise<Outcome | undefined>;
  /** The mutations of all accounts, by account. */
  everything(): Promise<[RecordId, Mutation][]>;
  watch(watcher: (change: StoreChange) => void): () => void;
  listen(word: string, listener: (value: any) => void): void;
  tell(word: string, value?: unknown): void;
  /** Deletes everything of every account. */
  wipe(): Promise<void>;
  close(error?: StoreError): void;
}

/** What a repository uses. */
export interface LocalParts {
  readonly store: Store;
  readonly sync: SyncParts;
  /** Keeps writes, with their records' ids; `adjust` may change them in the transaction that keeps them. */
  add(writes: Write[], adjust?: (memory: Memory, writes: Write[]) => Write[]): Promise<Handle & { records: (Doc | null)[] }>;
  /** The id as the store has it: a number that the server gave may be said as text, as in a path. */
  stored(collection: string, id: RecordId): RecordId;
  /** A page of the server's records. */
  ask(collection: string, parent: string, query: Query): Promise<unknown>;
}
