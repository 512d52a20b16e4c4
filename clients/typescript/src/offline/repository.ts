/** Local records: the network repository's questions and writes, kept here. */

import type { Write } from "../contract/changes.js";
import { failure, HinterlandError, NetworkError, refusedHere } from "../contract/errors.js";
import { after } from "../contract/overlay.js";
import type { Query } from "../contract/query.js";
import type { Doc } from "../contract/values.js";
import type { Draft, ListQuery, Page, Patch } from "../core/repository.js";
import { listeners } from "../kit/listeners.js";
import { loadLater } from "./loading.js";
import { isWhole, placeOf, seen, type StoreChange } from "./memory.js";
import { outbox } from "./mutations.js";
import { entryOf, type Handle, type OutboxEntry } from "./outbox.js";
import type { LocalParts } from "./parts.js";
import { areSame, foundBy, isReady, isUnsupported, liveWindow, pageOf, type Plan, planOf } from "./queries.js";
import type { Trouble } from "./status.js";
import type { RecordId } from "./types.js";

/** The words of a question that are for pages only, and searches, which the server answers, are left out. */
export type LiveQuery<T> = Omit<ListQuery<T>, "page" | "cursor" | "total" | "search" | "fields" | "expand">;

/** Records in order; `source`: the server was asked, since this device can't evaluate the filter. */
export interface LocalPage<T> extends Page<T> {
  /** Where the records were found. */
  source: "device" | "server";
}

/**
 * A live query as a screen shows it: `data`, undefined while it `isLoading` for the first time; `isStale`: the server's
 * changes do not arrive at the moment, for the reason `error`. `refused` are the outbox's entries with creations that the
 * server has refused and that the query would find: their records are not in `data`.
 */
export interface QueryState<T> {
  /** The records; undefined while it loads for the first time. */
  readonly data: readonly T[] | undefined;
  /** Whether there are no data yet. */
  readonly isLoading: boolean;
  /** Whether the server's changes do not arrive at the moment. */
  readonly isStale: boolean;
  /** Why the data are stale or missing. */
  readonly error: Trouble | undefined;
  /** Creations that the server has refused and that the query would find. */
  readonly refused: readonly OutboxEntry[];
  /** Where the records were found. */
  readonly source: "device" | "server";
}

/** A value that changes: the `state` now, the same object until it changes, and calls with each new one. */
export interface StateStore<S> {
  /** The value now. */
  readonly state: S;
  /** Call `listener` with each new value; the returned function ends that. */
  subscribe(listener: (state: S) => void): () => void;
}

/** A write as it is kept on this device: the record's `id`, and the `record` as it looks with it (null: deleted). */
export interface LocalWrite<T> extends Handle {
  /** The record's id, temporary until the server has given one. */
  readonly id: RecordId;
  /** The record as it looks with the write; null: deleted. */
  readonly record: T | null;
}

/** The records of one collection on this device. All methods throw HinterlandError. */
export interface LocalRepository<T> {
  /** The path of the collection, such as `posts/42/comments`. */
  readonly name: string;
  /** One record. Throws `not_found`. */
  get(id: RecordId): Promise<T>;
  /** A page of the records that match; without `sort` the newest come first. Only the network's repository searches. */
  list(query?: Omit<ListQuery<T>, "search" | "fields" | "expand">): Promise<LocalPage<T>>;
  /** All records that match, as they are now. */
  iterate(query?: LiveQuery<T>): AsyncGenerator<T, void>;
  /** The records that match: as they are now, and after each change; the returned function ends that. */
  watch(query: LiveQuery<T>, listener: (records: readonly T[], state: QueryState<T>) => void): () => void;
  /** The records that match as the state of a screen, which also changes with the connection. */
  states(query?: LiveQuery<T>): StateStore<QueryState<T>>;
  /** Creates a record. `replaceOn` names a field: a record with the same value in it is replaced. */
  create(draft: Draft<T>, options?: { replaceOn?: string }): Promise<LocalWrite<T>>;
  /** Changes the given fields; a value may be a transform such as `{$increment: 1}`. */
  update(id: RecordId, patch: Patch<T>): Promise<LocalWrite<T>>;
  /** Replaces all fields. */
  replace(id: RecordId, draft: Draft<T>): Promise<LocalWrite<T>>;
  /** Deletes the record. */
  delete(id: RecordId): Promise<LocalWrite<T>>;
}

export function localRepository<T>(parts: LocalParts, collection: string, parent: string): LocalRepository<T> {
  const { store } = parts;
  const { memory } = store;
  const plan = (query: Query): Plan => planOf(memory, collection, query);

  /** A page; all of `limit` Infinity, as far as the server need not be asked. */
  async function found(query: Query): Promise<LocalPage<T>> {
    await store.load(collection);
    if (!isReady(query)) await loadLater();
    try {
      const known = plan(query);
      return { ...pageOf<T>(foundBy(memory, collection, parent, known), known, query), source: "device" };
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      return { ...(await asked<T>(parts, collection, parent, query, error)), source: "server" };
    }
  }

  async function write(act: Write["act"], id: RecordId, draft: object, replaceOn?: string): Promise<LocalWrite<T>> {
    const body = draft as Doc;
    const made = await parts.add([{ act, collection, parent, id, body }], (memory, [write]) => {
      const value = replaceOn && write!.body![replaceOn];
      if ((value ?? "") === "") return [write!];
      const [clash] = foundBy(memory, collection, parent, plan({ where: { [replaceOn!]: value } }));
      return [clash ? { ...write!, act: "replace", id: clash.id as RecordId } : write!];
    });
    return { ...made, id: made.ids[0]!, record: made.records[0] as T | null };
  }

  return {
    name: parent ? `${parent}/${collection}` : collection,
    list: async (query) => found({ limit: 20, ...query } as Query),
    async get(id) {
      await store.load(collection);
      const { given } = memory;
      const at = given.parent(parent);
      const record = seen(memory, [collection, at, given.id(collection, at, parts.stored(collection, id))]);
      if (!record) throw refusedHere("not_found", `there is no ${collection}/${id}`);
      return record as T;
    },
    async *iterate(query) {
      let cursor: string | null = null;
      do {
        const { items, next } = await found({ ...query, limit: Infinity, cursor } as Query);
        yield* items;
        cursor = next;
      } while (cursor);
    },
    watch(query, listener) {
      let last: readonly T[] | undefined;
      return liveState<T>(parts, collection, parent, query as Query, (rows, state) => {
        if (rows !== last) listener((last = rows), state);
      }).subscribe(() => {});
    },
    states: (query = {}) => liveState<T>(parts, collection, parent, query as Query),
    create: (draft, { replaceOn } = {}) => write("create", "", draft, replaceOn),
    update: (id, patch) => write("patch", id, patch),
    replace: (id, draft) => write("replace", id, draft),
    delete: (id) => write("delete", id, {}),
  };
}

/** What the server answers, where only it can tell. */
async function asked<T>(parts: LocalParts, collection: string, parent: string, query: Query, why: unknown): Promise<Page<T>> {
  try {
    return (await parts.ask(collection, parent, { ...query, limit: Math.min(query.limit ?? 1000, 1000) })) as Page<T>;
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw failure("network", {
      code: "unsupported_filter", sent: "no", message: (why as Error).message,
      advice: "Connect to the network, or use a filter that this device can evaluate.",
    });
  }
}

/** `onRows` gets what is found, also where it is not known yet whether that is all, which `data` does not show. */
function liveState<T>(
  parts: LocalParts, collection: string, parent: string, query: Query,
  onRows: (rows: readonly T[], state: QueryState<T>) => void = () => {},
): StateStore<QueryState<T>> {
  const { store, sync } = parts;
  const { memory } = store;
  const subscribers = listeners<QueryState<T>>();
  const live = liveWindow(memory, collection, parent, query);
  let state: QueryState<T> = {
    data: undefined, isLoading: true, isStale: true, error: undefined, refused: [], source: "device",
  };
  let rows: T[] | undefined; // of the server
  let data: T[] = [];
  let place = "";
  let looked: StoreChange | undefined; // what the store collects changes in, until the next; at the last look
  let stop: (() => void) | undefined;
  let isAsking = false, isOutdated = false;

  function refresh(change?: StoreChange): void {
    looked = memory.change;
    if (!memory.loaded.has(collection)) return;
    if (!isReady(query)) return prepare();
    const at = placeOf(collection, memory.given.parent(parent));
    const ids = change && !change.isAll && at === place ? change.records.get(at) ?? new Set<RecordId>() : undefined;
    place = at;
    try {
      if (live.apply(ids)) {
        const now = live.rows.slice(0, query.limit ?? Infinity) as T[];
        if (!areSame(now, data)) data = now;
      }
      rows = undefined;
      show();
    } catch (error) {
      if (!isUnsupported(error)) show(error as HinterlandError);
      else if (!rows || ids?.size !== 0) void ask(error);
    }
  }

  const prepare = (): void => void loadLater().then(() => refresh(), show);

  async function ask(why: unknown): Promise<void> {
    isOutdated = isAsking;
    if (isAsking) return;
    isAsking = true;
    try {
      rows = (await asked<T>(parts, collection, parent, query, why)).items;
      show();
    } catch (error) {
      show(error as HinterlandError);
    }
    isAsking = false;
    if (isOutdated) void ask(why);
  }

  function show(failed?: HinterlandError): void {
    const { status } = sync;
    const refusal = failed ?? sync.unknown.get(collection);
    const isKnown = rows || data.length > 0 || (!refusal && isWhole(memory, sync.names()));
    const isOnline = status.state === "online" || (status.state === "following" && !status.error);
    const next: QueryState<T> = {
      data: failed && !rows ? undefined : isKnown ? rows ?? data : undefined,
      isLoading: !isKnown && !refusal, isStale: !!refusal || !isOnline,
      error: refusal ?? status.error, refused: refused(), source: rows ? "server" : "device",
    };
    const isSame = areSame(Object.values(next), Object.values(state));
    if (!isSame) state = next;
    if (!failed) onRows(rows ?? data, state);
    if (!isSame) subscribers.notify(state);
  }

  function refused(): readonly OutboxEntry[] {
    const held = outbox(memory).filter(({ state, writes, timestamp }) => state === "refused" && writes.some((write) =>
      write.act === "create" && placeOf(write.collection, write.parent ?? "") === place && wouldFind(write, timestamp)));
    const { refused } = state;
    const isSame = held.length === refused.length && held.every(({ id }, at) => id === refused[at]!.id);
    return isSame ? refused : held.map(entryOf);
  }

  function wouldFind(write: Write, timestamp: number): boolean {
    try {
      return planOf(memory, collection, query).finds(after(null, write, timestamp) ?? {});
    } catch {
      return true; // what can't be decided is shown
    }
  }

  return {
    get state() {
      if (!stop && looked !== memory.change) refresh();
      return state;
    },
    subscribe(listener) {
      const leave = subscribers.add(listener);
      if (!stop) {
        const ends = [store.watch(refresh), sync.watch(() => void (looked && show()))];
        stop = () => ends.forEach((end) => end());
        store.load(collection).then(() => refresh(), show);
      }
      return () => {
        leave();
        if (subscribers.size()) return;
        stop?.();
        stop = undefined;
      };
    },
  };
}
