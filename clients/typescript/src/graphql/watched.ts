/** A query whose result changes with the cache. */

import type { HinterlandError } from "../contract/errors.js";
import { listeners } from "../kit/listeners.js";
import { type FetchPolicy, plan } from "./cache.js";

/** What a watched query shows; `data` is undefined until it was there once. */
export interface GraphQLState<R = any> {
  /** The data; undefined until they were there once. */
  readonly data: R | undefined;
  /** Whether there are no data yet. */
  readonly isLoading: boolean;
  /** Whether the data are older than they should be: the server is asked, or could not be. */
  readonly isStale: boolean;
  /** Why the data are stale or missing. */
  readonly error: HinterlandError | undefined;
}

/** A query as it changes, for `useStore`. */
export interface WatchedQuery<R = any> {
  /** What it shows now. */
  readonly state: GraphQLState<R>;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: (state: GraphQLState<R>) => void): () => void;
  /** Ask the server again. */
  refresh(): void;
}

/** Keys of records that have changed; null: all are gone. */
export type Changed = ReadonlySet<string>;

export interface Watching<R> {
  policy: FetchPolicy;
  /** What the cache has now: the data where they are whole, and the keys that were looked at. */
  read(): { data: R | undefined; isComplete: boolean; keys: Changed };
  /** Ask the server; the cache has the result afterwards, as far as it can keep it. */
  fetch(): Promise<R>;
  /** Resolves when the cache has what was on the device. */
  begun(): Promise<void>;
  watch(listener: (changed: Changed | null) => void): () => void;
  missing(): HinterlandError;
}

export function watched<R>({ policy, read, fetch, begun, watch, missing }: Watching<R>): WatchedQuery<R> {
  const { add, notify, size } = listeners<GraphQLState<R>>();
  const empty: GraphQLState<R> = { data: undefined, isLoading: true, isStale: false, error: undefined };
  let state = empty;
  let looked: Changed = new Set();
  let isAsking = false;
  let stop = () => {};

  const move = (next: Partial<GraphQLState<R>>) => notify(state = { ...state, ...next });

  function look(): boolean {
    const { data, isComplete, keys } = read();
    looked = keys;
    const isNew = isComplete && (state.isLoading || JSON.stringify(data) !== JSON.stringify(state.data));
    if (isNew) move({ data, isLoading: false, error: undefined });
    return isComplete;
  }

  function ask() {
    if (isAsking) return;
    isAsking = true;
    if (state.data !== undefined) move({ isStale: true });
    fetch().then((data) => {
      isAsking = false;
      if (!look()) move({ data });
      move({ isLoading: false, isStale: false, error: undefined });
    }, (error: HinterlandError) => {
      isAsking = false;
      move({ isLoading: false, isStale: true, error });
    });
  }

  /** Show what there is, and ask where the policy says so; `isFirst`: nothing is shown yet. */
  function refer(isFirst: boolean) {
    const isComplete = (!isFirst || policy !== "network-only") && look();
    const { fetches } = plan(isFirst ? policy : policy === "cache-only" ? policy : "cache-first", isComplete);
    if (fetches) ask();
    else if (!isComplete) move({ isLoading: false, isStale: state.data !== undefined, error: missing() });
  }

  function changed(keys: Changed | null) {
    if (keys && ![...keys].some((key) => looked.has(key))) return;
    if (!keys) move(empty);
    refer(false);
  }

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      const remove = add(listener);
      if (size() === 1) {
        stop = watch(changed);
        void begun().then(() => size() && refer(true));
      }
      return () => {
        remove();
        if (!size()) stop();
      };
    },
    refresh: ask,
  };
}
