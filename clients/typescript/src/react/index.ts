/** Hooks for React 18 or newer. */

import { useCallback, useMemo, useState, useSyncExternalStore } from "react";
import type { HinterlandError } from "../contract/errors.js";
import type { ConnectivityState } from "../core/breaker.js";
import type { AnyRecord, ListQuery, Page } from "../core/repository.js";
import type { SessionState } from "../core/tokens.js";
import type {
  AnyVariables, Given, GraphQL, GraphQLDocument, GraphQLState, QueryOptions,
} from "../graphql/index.js";
import type { EnqueueOptions, MutationQueue, QueuedMutation, QueueView } from "../queue/index.js";

/** A value that changes: the `state` now, and calls with each new one. */
export interface StateStore<S> {
  /** The value now. */
  readonly state: S;
  /** Call `listener` with each new value; the returned function ends that. */
  subscribe(listener: (state: S) => void): () => void;
}

/** The state of a store; the component is rendered again with each new one. */
export function useStore<S>(store: StateStore<S>): S {
  const state = () => store.state;
  return useSyncExternalStore(useCallback((changed) => store.subscribe(changed), [store]), state, state);
}

/** Who is signed in, of a client. */
export const useSession = (client: { readonly auth: StateStore<SessionState> }): SessionState => useStore(client.auth);

/** Whether the server can be reached, of a client. */
export const useOnline = (client: { readonly connectivity: StateStore<ConnectivityState> }): boolean =>
  useStore(client.connectivity) === "online";

/** The result of a query; `data` is undefined until it was there once. */
export interface QueryResult<T> {
  /** The records; undefined until they were there once. */
  readonly data: readonly T[] | undefined;
  /** Whether there are no data yet. */
  readonly isLoading: boolean;
  /** Whether the data are older than they should be, for the reason `error`. */
  readonly isStale: boolean;
  /** Why the data are stale or missing. */
  readonly error: Pick<HinterlandError, "code" | "message" | "advice"> | undefined;
}

/** A client, whose server is asked, or a local store, whose queries are live. */
export interface Source {
  /** Its collections: those of a local store have `states`, whose queries are live. */
  collection<T>(name: string, options?: { parent?: string }): {
    list(query?: ListQuery<T>, options?: { signal: AbortSignal }): Promise<Page<T>>;
    states?(query?: ListQuery<T>): StateStore<QueryResult<T>>;
  };
}

/**
 * The records of a collection that match a query. Of a local store they change with every write and synchronisation; of a
 * client they are read once, and again by `refresh`.
 */
export function useQuery<T = AnyRecord>(
  source: Source, name: string, query: ListQuery<T> & { parent?: string } = {},
): QueryResult<T> & { refresh: () => void } {
  const key = JSON.stringify(query);
  const [store, refresh] = useMemo(() => {
    const { parent, ...rest } = JSON.parse(key) as typeof query;
    const repository = source.collection<T>(name, parent ? { parent } : {});
    return repository.states ? [repository.states(rest), () => {}] as const
      : fetched<T>((signal) => repository.list(rest, { signal }));
  }, [source, name, key]);
  return { ...useStore<QueryResult<T>>(store), refresh };
}

/** A query of GraphQL as it changes with the cache of `api`, and asks again by `refresh`. */
export function useGraphQL<R = any, V = AnyVariables>(
  api: Pick<GraphQL, "watch">, document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, QueryOptions>
): GraphQLState<R> & { refresh: () => void } {
  const key = JSON.stringify(given);
  const query = useMemo(() => api.watch(document, ...JSON.parse(key) as typeof given), [api, document, key]);
  return { ...useStore<GraphQLState<R>>(query), refresh: query.refresh };
}

/** What a document's mutations in the outbox are doing, and why the last could not be kept. */
export interface QueuedState extends QueueView {
  /** Why the last could not be kept. */
  readonly error: HinterlandError | OwnError | undefined;
}

/** A function that keeps a mutation of GraphQL in the outbox, and which of that document wait and have failed. */
export function useQueuedMutation<R = any, V = AnyVariables>(
  queue: Pick<MutationQueue, "enqueue" | "of">, document: GraphQLDocument<R, V>,
): [enqueue: (...given: Given<V, EnqueueOptions<R>>) => Promise<QueuedMutation<R> | undefined>, state: QueuedState] {
  const [enqueue, { error }] = useMutation((...given: Given<V, EnqueueOptions<R>>) => queue.enqueue(document, ...given));
  return [enqueue, { ...useStore<QueueView>(queue.of(document)), error }];
}

function fetched<T>(list: (signal: AbortSignal) => Promise<Page<T>>): [StateStore<QueryResult<T>>, refresh: () => void] {
  let state: QueryResult<T> = { data: undefined, isLoading: true, isStale: false, error: undefined };
  let running = new AbortController();
  let changed = () => {};
  const load = () => {
    running.abort();
    const { signal } = running = new AbortController();
    const move = (next: Partial<QueryResult<T>>) => {
      if (signal.aborted) return;
      state = { ...state, isLoading: false, ...next };
      changed();
    };
    list(signal).then(
      ({ items }) => move({ data: items, isStale: false, error: undefined }),
      (error: HinterlandError) => move({ isStale: true, error }),
    );
  };
  return [{
    get state() {
      return state;
    },
    subscribe(listener) {
      changed = () => listener(state);
      load();
      return () => running.abort();
    },
  }, load];
}

/** An error of the app's own, such as a TypeError, as far as it has the form of a HinterlandError; it is the `cause`. */
export interface OwnError extends Error, Pick<HinterlandError, "advice" | "errors"> {
  /** That of no other error. */
  code: "error";
}

/** What a mutation is doing: `data` and `error` are of the last one. */
export interface MutationState<R> {
  /** Whether it runs. */
  readonly isPending: boolean;
  /** What it resolved with. */
  readonly data: R | undefined;
  /** What it rejected with. */
  readonly error: HinterlandError | OwnError | undefined;
}

/** A function that runs `act`, and what it is doing. It resolves with undefined where `act` has failed. */
export function useMutation<A extends unknown[], R>(
  act: (...input: A) => Promise<R>,
): [mutate: (...input: A) => Promise<R | undefined>, state: MutationState<R>] {
  const [state, move] = useState<MutationState<R>>({ isPending: false, data: undefined, error: undefined });
  const mutate = async (...input: A) => {
    move((last) => ({ ...last, isPending: true, error: undefined }));
    try {
      const data = await act(...input);
      move({ isPending: false, data, error: undefined });
      return data;
    } catch (error) {
      move({ isPending: false, data: undefined, error: formed(error) });
      return undefined;
    }
  };
  return [mutate, state];
}

function formed(cause: any): HinterlandError | OwnError {
  if (cause?.errors && cause.code) return cause;
  const error = new Error(String(cause?.message ?? cause), { cause });
  return Object.assign(error, { code: "error" as const, advice: "Try again.", errors: {} });
}

/** The outbox of a local store. */
export interface OutboxSource<E> {
  /** `local.outbox`. */
  readonly outbox: { list(): E[]; watch(listener: (entries: E[]) => void): () => void };
}

/** The writes of a local store that the server has not decided yet, or has refused. */
export function useOutbox<E>({ outbox }: OutboxSource<E>): readonly E[] {
  return useStore(useMemo(() => {
    let state = outbox.list();
    return {
      get state() {
        return state;
      },
      subscribe: (listener: (entries: E[]) => void) => outbox.watch((entries) => listener(state = entries)),
    };
  }, [outbox]));
}
