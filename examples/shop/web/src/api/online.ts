/** The shop where the browser keeps nothing: each read and write asks the server, and nothing waits on this device. */

import { type Client, HinterlandError, type ListQuery } from "hinterland";
import type { QueryResult, StateStore } from "hinterland/react";
import type { Link, Records, Shop } from "./records.ts";

const PAGE = 1000; // records of a request

/** Runs one at a time; what is asked meanwhile is one more run after it. */
function oneByOne(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = (): Promise<void> => (running = act().finally(() => (running = undefined)));
  return () => {
    if (running === undefined) return start();
    return (next ??= running.catch(() => {}).then(() => {
      next = undefined;
      return start();
    }));
  };
}

export function openOnline(client: Client, names: readonly string[], obstacle: HinterlandError): Shop {
  const reads = new Set<() => Promise<void>>(); // of the queries on the screen
  const doubtful = new Map<string, string>(); // creations that may have reached the server, and the keys that they had

  const readAgain = async () => {
    await Promise.all([...reads].map((read) => read()));
  };
  /** What fails is said by the query that fails. */
  const readInBackground = () => void readAgain().catch(() => {});

  function states<T>(name: string, query: ListQuery<T> = {}): StateStore<QueryResult<T>> {
    let state: QueryResult<T> = { data: undefined, isLoading: true, isStale: false, error: undefined };
    let listeners: ((state: QueryResult<T>) => void)[] = [];
    const show = (next: QueryResult<T>) => {
      state = next;
      for (const listener of listeners) listener(next);
    };
    const read = oneByOne(async () => {
      const records: T[] = [];
      try {
        for await (const record of client.collection<T>(name).iterate({ ...query, limit: PAGE })) records.push(record);
        show({ data: records, isLoading: false, isStale: false, error: undefined });
      } catch (error) {
        show({ ...state, isLoading: false, isStale: true, error: error as HinterlandError });
        throw error;
      }
    });
    return {
      get state() {
        return state;
      },
      subscribe(listener) {
        listeners = [...listeners, listener];
        reads.add(read);
        void read().catch(() => {});
        return () => {
          listeners = listeners.filter((one) => one !== listener);
          if (listeners.length === 0) reads.delete(read);
        };
      },
    };
  }

  /** A creation that is tried again after a lost answer has the same key, so that the server does it once. */
  async function once(draft: string, create: (key: string) => Promise<unknown>): Promise<void> {
    const key = doubtful.get(draft) ?? crypto.getRandomValues(new Uint32Array(4)).join("-");
    doubtful.delete(draft);
    try {
      await create(key);
    } catch (error) {
      if (!(error instanceof HinterlandError && error.isDecided && !error.isInDoubt)) doubtful.set(draft, key);
      throw error;
    }
  }

  function collection<T>(name: string): Records<T> {
    const records = client.collection<T>(name);
    /** The server has applied it when this resolves; what it has refused is thrown. */
    const written = async (act: Promise<unknown>) => {
      await act;
      readInBackground();
      return { settled: async () => ({ mutation: "", status: "applied" as const }) };
    };
    return {
      get: (id) => records.get(id),
      list: (query) => records.list(query),
      states: (query) => states<T>(name, query),
      create: (draft) => written(once(name + JSON.stringify(draft), (key) => records.create(draft, { key }))),
      update: (id, change) => written(records.update(id, change)),
      delete: (id) => written(records.delete(id)),
    };
  }

  /** Reads again whenever something changes, until `signal` aborts. */
  async function follow(signal: AbortSignal) {
    // A guest may not listen to what only members have.
    const heard = client.auth.user === null ? names.filter((name) => name !== "lists") : names;
    for await (const { kind } of client.events(heard, { signal })) {
      if (kind !== "position" && kind !== "offline") readInBackground();
    }
  }

  let following = new AbortController();
  let reader: unknown;
  const begin = () => {
    const now = client.auth.user?.id ?? null;
    if (now === reader) return;
    reader = now;
    following.abort();
    following = new AbortController();
    readInBackground();
    follow(following.signal).catch((error) => console.warn("Changes of others are shown after a refresh only.", error));
  };
  client.auth.subscribe(begin);
  begin();

  const link = (): Link => client.connectivity.state;
  return {
    collection,
    outbox: null,
    link: {
      get state() {
        return link();
      },
      subscribe: (listener) => client.connectivity.subscribe((state) => {
        if (state === "online") readInBackground();
        listener(state);
      }),
    },
    refresh: readAgain,
    persist: async () => ({ isPersistent: false, usage: undefined, quota: undefined }),
    obstacle,
  };
}
