/** The writes that wait for the server, and what became of the others. */

import type { Write } from "../contract/changes.js";
import { refusedHere } from "../contract/errors.js";
import { idMaker } from "../contract/ids.js";
import type { Doc } from "../contract/values.js";
import type { Clock } from "../kit/clock.js";
import { valueAt } from "../kit/value_at.js";
import { notSignedIn } from "./errors.js";
import type { Memory } from "./memory.js";
import { discard, edit, enqueue, outbox, retry } from "./mutations.js";
import type { Store } from "./parts.js";
import type { Lost, Mutation, Outcome, Problem, QueuedDocument, RecordId } from "./types.js";

/** A write in the outbox, with why it is held. */
export interface OutboxEntry {
  /** The write's id, for the outbox's methods. */
  readonly id: string;
  /** Waiting (`pending`, `sent`), acknowledged (`applied`), or held (`refused`, `conflicted`). */
  readonly state: Mutation["state"];
  /** Its number in the order of sending; null before that. */
  readonly seq: number | null;
  /** In seconds since 1970. */
  readonly timestamp: number;
  /** What was written together; empty of a mutation of GraphQL. */
  readonly writes: readonly Write[];
  /** The mutation of GraphQL, instead of writes. */
  readonly document?: QueuedDocument | undefined;
  /** Why it was refused. */
  readonly problem?: Problem | undefined;
  /** The edits that a merge did not keep. */
  readonly lost: readonly Lost[];
}

/** How many writes are `waiting` for their outcome, and how many are `held` because they were refused or lost an edit. */
export interface Counts {
  /** Writes without an outcome. */
  readonly waiting: number;
  /** Writes that were refused or lost an edit. */
  readonly held: number;
}

/** What was written together: `mutation` is its id in the outbox, `ids` are those of its records, in order. */
export interface Handle {
  /** Its id in the outbox. */
  readonly mutation: string;
  /** The ids of its records, in order. */
  readonly ids: readonly RecordId[];
  /** Its outcome, as soon as it is known: the server has applied or refused it, or it was discarded here. */
  settled(): Promise<Outcome>;
}

/** The signed-in user's writes, in order. Refused ones stay, with the reason, until they are retried or discarded. */
export interface Outbox {
  /** The outbox now. */
  list(): OutboxEntry[];
  /** The outbox now and after each change; the returned function ends that. */
  watch(listener: (entries: OutboxEntry[]) => void): () => void;
  /** How many writes wait and are held. */
  counts(): Counts;
  /** The counts of every account that has writes in this store, signed in or not. */
  countsByAccount(): Promise<Map<RecordId, Counts>>;
  /** Sends a refused write once more, at the end and as a new one, with those that were held because of it. */
  retry(id: string): Promise<Handle>;
  /** Gives a write that was not sent, or was refused, another body; `position` counts its writes from 0. */
  edit(id: string, body: Doc, position?: number): Promise<void>;
  /** Forgets a write that was not sent or is held, and unsent ones that need what it would have created. */
  discard(id: string): Promise<void>;
  /** The outcome of a write as soon as it is known; of those of long ago nothing is known. */
  settled(id: string): Promise<Outcome>;
}

export interface OutboxParts extends Outbox {
  readonly store: Store;
  /** Keeps writes that happen together or not at all; `make` returns them in the transaction that keeps them. */
  add(collections: string[], make: (memory: Memory) => Write[]): Promise<Handle & { records: (Doc | null)[] }>;
  /** An id for a new record. */
  nextId(): string;
}

export const entryOf = ({ id, state, seq, timestamp, writes, document, outcome }: Mutation): OutboxEntry =>
  ({ id, state, seq, timestamp, writes, document, problem: outcome?.problem, lost: outcome?.lost ?? [] });

function countsOf(mutations: Mutation[]): Counts {
  const count = (...states: Mutation["state"][]) => mutations.filter(({ state }) => states.includes(state)).length;
  return { waiting: count("pending", "sent"), held: count("refused", "conflicted") };
}

export function createOutbox(store: Store, clock: Clock): OutboxParts {
  const { memory } = store;
  const waiting = new Map<string, Set<() => void>>();
  const make = idMaker();
  const now = () => clock.now() / 1000;
  const nextId = () => make(Math.max(now(), memory.meta.clock)); // beyond those before a restart, whatever the clock says

  store.watch(({ outcomes, isAll }) => {
    for (const id of isAll ? [...waiting.keys()] : outcomes.map(({ mutation }) => mutation)) {
      for (const resolve of waiting.get(id) ?? []) resolve();
      waiting.delete(id);
    }
  });

  const news = (id: string) => new Promise<void>((resolve) => {
    valueAt(waiting, id, () => new Set()).add(resolve);
  });

  const list = () => outbox(memory).map(entryOf);
  const isThere = (id: string) => outbox(memory).some((mutation) => mutation.id === id);

  async function settled(id: string): Promise<Outcome> {
    for (;;) {
      const next = news(id);
      // Looked at first: a write leaves the outbox after its outcome is kept, and may be wiped at any time.
      const isOpen = isThere(id) || (await store.everything()).some(([, mutation]) => mutation.id === id);
      const known = await store.outcome(id);
      if (known) return known;
      if (!isOpen) throw refusedHere("not_found", `nothing is known of the write ${id}`);
      await next;
    }
  }

  const handle = (mutation: string, ids: RecordId[]): Handle => ({ mutation, ids, settled: () => settled(mutation) });

  return {
    store, nextId, settled,
    list,
    watch(listener) {
      const tell = () => listener(list());
      tell();
      return store.watch(({ isOutbox, isAll }) => void ((isOutbox || isAll) && tell()));
    },
    counts: () => countsOf(outbox(memory)),
    async countsByAccount() {
      const all = new Map<RecordId, Mutation[]>();
      for (const [account, mutation] of await store.everything()) valueAt(all, account, () => []).push(mutation);
      return new Map([...all].map(([account, mutations]) => [account, countsOf(mutations)]));
    },
    async add(collections, make) {
      const { account } = memory;
      if (account === "") throw notSignedIn("Nobody is signed in, so nothing was kept.");
      for (const name of new Set(collections)) await store.load(name);
      const id = nextId();
      const kept = await store.write((memory) => enqueue(memory, id, make(memory), now()), false, account);
      return { ...handle(id, kept.map((each) => each.id)), records: kept.map(({ record }) => record) };
    },
    async retry(id) {
      const again = await store.write((memory) => retry(memory, id, nextId, now()));
      return handle(again.id, again.ids);
    },
    edit: (id, body, position = 0) => store.write((memory) => edit(memory, id, body, position)),
    discard: (id) => store.write((memory) => discard(memory, id)),
  };
}
