import { failure, type HinterlandError, refusedHere } from "../contract/errors.js";
import type { Client } from "../core/client.js";
import { singleFlight } from "../kit/single_flight.js";
import { type FetchPolicy, plan, type RecordCache, recordCache } from "./cache.js";
import { type GraphQLDocument, type Prepared, prepare } from "./document.js";
import type { GraphQLError } from "./errors.js";
import {
  type Exchange, exchange, type SubscriptionOptions, type GraphQLEvent, type GraphQLOptions, type GraphQLResult,
  type OperationOptions, resultOf,
} from "./graphql.js";
import { asAsked, canonical, ROOT, type Shape, shapeOf } from "./normal.js";
import { recordStore } from "./store.js";
import type { Node } from "./syntax.js";
import { type Changed, watched, type WatchedQuery } from "./watched.js";

/** How a query is asked. */
export interface QueryOptions extends OperationOptions {
  /** Where the result may come from; "cache-first" by default. */
  policy?: FetchPolicy | undefined;
}

/** How a mutation is sent. */
export interface MutationOptions<R> extends OperationOptions {
  /** Its idempotency key: it is retried where its response was lost, and carried out once. */
  key?: string | undefined;
  /** What the response will probably be; it is shown until the response comes, and taken back where that is an error. */
  optimistic?: R | undefined;
  /** What to forget when it succeeded, as by `evict`: the lists that a new record belongs to, `["posts"]`. */
  evict?: readonly string[] | undefined;
}

/** The settings of a client's GraphQL; all may be left out. */
export interface GraphQLSettings extends GraphQLOptions {
  /** Keep results on the device, in an IndexedDB of this name, until the user logs out; without it, in memory. */
  keep?: string | undefined;
  /** The most records of the cache; 10,000 by default. */
  maxRecords?: number | undefined;
  /** The object types of abstract types (interfaces and unions) by name, where documents have fragments for these. */
  possibleTypes?: Record<string, string[]> | undefined;
}

/** The variables of a document without types. */
export type AnyVariables = Record<string, any>;

/** The variables, which may be left out where the document has none, and options. */
export type Given<V, O> = {} extends V ? [variables?: V | null, options?: O] : [variables: V, options?: O];

/** GraphQL of a client, in the name of its user. All calls throw a HinterlandError; `isGraphQLError` tells those of responses. */
export interface GraphQL {
  /** Ask a query. */
  query<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, QueryOptions>
  ): Promise<GraphQLResult<R>>;
  /** Send a mutation; what it returns of records changes them in the results of all queries. */
  mutate<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, MutationOptions<R>>
  ): Promise<GraphQLResult<R>>;
  /** Follow a subscription until the loop is left; it continues after cuts. */
  subscribe<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, SubscriptionOptions>
  ): AsyncGenerator<GraphQLEvent<R>, void>;
  /** A query whose result changes with the cache, for `useStore`. */
  watch<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, QueryOptions>
  ): WatchedQuery<R>;
  /**
   * Forget a record (`"Post:42"`), those of a type (`"Post:"`), or a field of queries with all arguments (`"posts"`), so that
   * they are asked for again.
   */
  evict(...names: string[]): void;
  /** Forget all results, on the device too. */
  clear(): Promise<void>;
  /** Resolves when everything is read from the device, and what has changed is kept there. */
  settled(): Promise<void>;
  /** End subscriptions. */
  close(): void;
  /** For the package's other entries. */
  readonly internals: GraphQLInternals;
}

/** What the package's other entries use of a client's GraphQL. */
export interface GraphQLInternals {
  /** The client. */
  readonly client: Client;
  /** Reaches the server. */
  readonly network: Exchange;
  /** The results. */
  readonly cache: RecordCache;
  /** The selection of a document with its variables. */
  shape(prepared: Prepared, variables: unknown): Shape;
  /** The document, if it is of this kind. */
  checked(document: GraphQLDocument, kind: Prepared["kind"]): Prepared;
  /** Reports what has changed in the cache. */
  publish(changed: Changed | null): void;
  /** Keeps the result of a mutation. */
  took(prepared: Prepared, variables: unknown, data: any, errors: readonly GraphQLError[], evicted?: readonly string[]): void;
  /** Call `listener` with what has changed in the cache; null: everything is gone. */
  watch(listener: (changed: Changed | null) => void): () => void;
}

/** The records that a mutation has deleted, by the names of our server's fields: `deletePost` returns the id of a `Post`. */
function deletedBy({ operation }: Prepared, data: Record<string, unknown>): string[] {
  return (operation["selectionSet"].selections as Node[]).flatMap(({ name, alias }) => {
    const [, type] = /^delete([A-Z]\w*)$/.exec(name?.value) ?? [];
    const id = data[(alias ?? name)?.value];
    return type && typeof id === "string" ? [`${type}:${id}`] : [];
  });
}

/** GraphQL over a client. Throws `invalid_setting`. */
export function graphql(client: Client, settings: GraphQLSettings = {}): GraphQL {
  const { auth, internals: { closing, followers } } = client;
  const network = exchange(client, settings);
  const cache = recordCache(settings.maxRecords);
  const { records } = cache;
  const store = settings.keep === undefined ? undefined : recordStore(settings.keep, () => records);
  const watchers = new Set<(changed: Changed | null) => void>();
  const flight = singleFlight<[data: any, errors: GraphQLError[]]>();
  let owner: string | number | undefined;
  let age = 0; // of what the cache has; grows when another user's begins
  let epoch = 0; // grows with what may make the result of a query on its way outdated
  let fetching = 0;
  let pushes = 0;
  const pushed = new Map<string, number>(); // the records that came otherwise than by queries, while some are on their way

  const userNow = () => auth.user?.id ?? "";

  function publish(changed: Changed | null) {
    if (changed) store?.save(changed);
    for (const watcher of changed?.size === 0 ? [] : [...watchers]) watcher(changed);
  }

  async function restored(): Promise<void> {
    const mine = age;
    owner ??= userNow();
    const kept = await store?.load(owner);
    if (!kept || mine !== age) return;
    for (const [key, record] of kept) if (!records.has(key)) records.set(key, record);
    for (const field of Object.keys(kept.get(ROOT) ?? {})) cache.used.add(field);
    publish(new Set());
  }
  let ready: Promise<void> | undefined;
  const begun = () => ready ??= new Promise<void>((resolve) => {
    if (auth.state.kind !== "loading") return resolve();
    const stop = auth.subscribe(() => {
      stop();
      resolve();
    });
  }).then(restored);

  function clear() {
    age++;
    cache.clear();
    store?.clear(userNow());
    publish(null);
  }
  // Nothing of a former user is left, here or on the disk.
  const unfollow = auth.subscribe(({ kind }) => {
    if (kind !== "signedIn" && kind !== "signedOut") return;
    const before = owner;
    owner = userNow();
    if (before !== undefined && before !== owner) clear();
  });
  const settled = async () => store?.settled();
  followers.add(settled); // signing out returns when it is gone

  const shape = (prepared: Prepared, variables: unknown) => shapeOf(prepared, variables, settings.possibleTypes);
  const read = (prepared: Prepared, variables: unknown) => {
    const found = cache.read(shape(prepared, variables));
    return { ...found, data: found.isComplete ? asAsked(prepared, variables, found.data) : undefined };
  };

  /** Ask the server, once for all who ask the same meanwhile, and keep what it says. */
  const fetched = (prepared: Prepared, variables: unknown, options: OperationOptions) =>
    flight(options.signal ? {} : `${age} ${epoch} ${prepared.text} ${canonical(variables ?? {})}`, async () => {
      const [mine, began] = [age, epoch];
      let since = pushes;
      fetching++;
      try {
        let [{ data }, errors] = await network.ask(prepared, variables, options);
        if (began !== epoch && mine === age) {
          since = pushes;
          [{ data }, errors] = await network.ask(prepared, variables, options);
        }
        // What is missing because of an error is not kept; what came meanwhile is newer.
        const isKnown = (key: string) => (pushed.get(key) ?? 0) > since;
        if (data && !errors.length && mine === age) publish(cache.write(shape(prepared, variables), data, isKnown));
        return [asAsked(prepared, variables, data), errors];
      } finally {
        if (!--fetching) pushed.clear();
      }
    });

  /** Keep what came by a mutation or a subscription. */
  function push(changed: Set<string>) {
    pushes++;
    if (fetching) for (const key of changed) pushed.set(key, pushes);
    publish(changed);
  }
  const missing = (): HinterlandError =>
    failure("not_found", { sent: "no", message: "This is not on the device.", advice: "Ask the server for it." });

  function checked(document: GraphQLDocument, kind: Prepared["kind"]): Prepared {
    if (closing.aborted) throw failure("closed");
    const prepared = prepare(document);
    if (prepared.kind === kind) return prepared;
    throw refusedHere("invalid_body", `the document is a ${prepared.kind}, not a ${kind}`);
  }

  function evict(...names: readonly string[]) {
    epoch++;
    for (const name of names) {
      publish(cache.evict(name));
    }
  }

  const internals: GraphQLInternals = {
    client, network, cache, shape, checked, publish,
    took(prepared, variables, data, errors, evicted = []) {
      if (!data) return;
      push(cache.write(shape(prepared, variables), data));
      if (errors.length) return;
      push(cache.remove(deletedBy(prepared, data)));
      evict(...evicted);
    },
    watch(listener) {
      watchers.add(listener);
      return () => void watchers.delete(listener);
    },
  };

  const own: GraphQL = {
    internals,
    async query(document, ...[variables, options = {} as QueryOptions]) {
      const prepared = checked(document, "query");
      await begun();
      const { data, isComplete } = read(prepared, variables);
      const { reads, fetches } = plan(options.policy ?? "cache-first", isComplete);
      if (!reads && !fetches) throw missing();
      const asking = fetches ? fetched(prepared, variables, options) : undefined;
      if (!reads) return resultOf(...await asking!, options);
      asking?.catch(() => {}); // what watches the query shows it
      return { data, errors: [] };
    },
    async mutate(document, ...[variables, options = {} as MutationOptions<any>]) {
      const prepared = checked(document, "mutation");
      await begun();
      const mine = age;
      const layer = {};
      if (options.optimistic) publish(cache.optimistic(layer, shape(prepared, variables), options.optimistic));
      try {
        const [{ data }, errors] = await network.ask(prepared, variables, options);
        if (mine === age) internals.took(prepared, variables, data, errors, options.evict);
        return resultOf(asAsked(prepared, variables, data), errors, options);
      } finally {
        publish(cache.rollback(layer));
      }
    },
    async *subscribe(document, ...[variables, options = {} as SubscriptionOptions]) {
      const prepared = checked(document, "subscription");
      await begun();
      const form = shape(prepared, variables);
      for await (const event of network.follow(prepared, variables, options)) {
        if (event.data) push(cache.write(form, event.data));
        yield { ...event, data: asAsked(prepared, variables, event.data) };
      }
    },
    watch(document, ...[variables, options = {} as QueryOptions]) {
      const prepared = checked(document, "query");
      return watched<any>({
        policy: options.policy ?? "cache-first",
        read: () => read(prepared, variables),
        fetch: async () => resultOf(...await begun().then(() => fetched(prepared, variables, options)), options).data,
        begun, missing,
        watch: internals.watch,
      });
    },
    evict,
    async clear() {
      clear();
      await settled();
    },
    async settled() {
      await begun();
      await settled();
    },
    close() {
      unfollow();
      followers.delete(settled);
      network.close();
      store?.close();
    },
  };
  closing.addEventListener("abort", own.close);
  return own;
}
