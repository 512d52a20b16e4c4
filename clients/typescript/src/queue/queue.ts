/** Mutations of GraphQL that go through the outbox of the local store, and what the cache shows of them meanwhile. */

import { errorOf, failure, refusedHere } from "../contract/errors.js";
import type { Doc } from "../contract/values.js";
import type { AnyVariables, Given, GraphQL } from "../graphql/client.js";
import { type GraphQLDocument, type Prepared, prepare } from "../graphql/document.js";
import { errorsIn, type SentResponse } from "../graphql/errors.js";
import { type GraphQLResult, resultOf } from "../graphql/graphql.js";
import { asAsked } from "../graphql/normal.js";
import { listeners } from "../kit/listeners.js";
import { notSignedIn } from "../offline/errors.js";
import type { Local } from "../offline/local.js";
import { putMutation } from "../offline/memory.js";
import { insert, outbox, timestamp } from "../offline/mutations.js";
import { entryOf, type OutboxEntry, type OutboxParts } from "../offline/outbox.js";
import type { Mutation, Outcome, QueuedDocument } from "../offline/types.js";
import { openDocuments, poster } from "./posting.js";

const SECRET = ["logIn", "signUp", "refresh", "logOut"]; // whose arguments and results belong on no disk

/** How a mutation is queued. */
export interface EnqueueOptions<R> {
  /** What the response will probably be; it is shown until the outcome is known, also after a restart of the app. */
  optimistic?: R | undefined;
  /** What to forget when it was carried out, as by `evict` of GraphQL: the lists that a new record belongs to. */
  evict?: readonly string[] | undefined;
}

/** How the outcome is waited for. */
export interface ResultOptions {
  /** Return what there is and the errors, instead of throwing the first of them. */
  partial?: boolean | undefined;
  /** Seconds to wait; then it throws `deadline`, and the mutation stays in the outbox. */
  deadline?: number | undefined;
}

/** A mutation in the outbox. */
export interface QueuedMutation<R = any> {
  /** Its id there. */
  readonly mutation: string;
  /** Its outcome, as soon as it is known: the server has carried it out or refused it, or it was discarded here. */
  settled(): Promise<Outcome>;
  /** Its data, as soon as they are known. Throws what the server has refused, and `discarded`. */
  result(options?: ResultOptions): Promise<GraphQLResult<R>>;
}

/** Queued mutations that the server has not decided, and those that it has refused. */
export interface QueueView {
  /** They wait for the server, in the order in which they are sent. */
  readonly waiting: readonly OutboxEntry[];
  /** They are held, each with its `problem`, until they are retried or discarded. */
  readonly failed: readonly OutboxEntry[];
}

/** What there is of a document's mutations, for `useStore`. */
export interface QueueStore {
  /** What there is now. */
  readonly state: QueueView;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: (state: QueueView) => void): () => void;
}

/** Mutations of GraphQL in the outbox of a local store; all of them, as a store. */
export interface MutationQueue extends QueueStore {
  /**
   * Keep a mutation; resolves when it is on the disk. It is sent in its turn and carried out once. Throws `unauthorized`
   * where nobody is signed in, and `validation` for one with secrets.
   */
  enqueue<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, EnqueueOptions<R>>
  ): Promise<QueuedMutation<R>>;
  /** The same, and wait for its result. */
  mutate<R = any, V = AnyVariables>(
    document: GraphQLDocument<R, V>, ...given: Given<NoInfer<V>, EnqueueOptions<R> & ResultOptions>
  ): Promise<GraphQLResult<R>>;
  /** One that was queued before, by its id. */
  queued<R = any>(mutation: string): QueuedMutation<R>;
  /** The mutations of one document. */
  of(document: GraphQLDocument): QueueStore;
  /** Give a mutation that was not sent, or was refused, other variables; it is then another request. */
  edit(mutation: string, variables: AnyVariables): Promise<void>;
  /** Send a refused one once more, at the end; what was carried out of it is not carried out a second time. */
  retry<R = any>(mutation: string): Promise<QueuedMutation<R>>;
  /** Forget one that was not sent, or was refused. */
  discard(mutation: string): Promise<void>;
  /** This page no longer sends and shows them; they stay in the outbox. */
  close(): void;
}

/** The mutations of `api` that go through the outbox of `local`. Make it where the store is opened: each tab may have to send. */
export function mutationQueue(api: GraphQL, local: Local): MutationQueue {
  const { internals } = api;
  const { client, cache, shape, publish, took, watch } = internals;
  const { auth, internals: { clock } } = client;
  const parts = local.outbox as OutboxParts;
  const { store } = parts;
  const { memory } = store;
  const shown = new Map<string, [prepared: Prepared, document: QueuedDocument]>();
  const views = new Map<string, QueueStore & { look(): void }>();
  const now = () => clock.now() / 1000;
  let turn = Promise.resolve();

  // ---------------------------------------------------------------- what the cache shows

  /** Without a session the cache is nobody's, and the outbox waits. */
  const isOurs = () => auth.state.kind === "signedIn" && auth.state.user.id === memory.account;

  function show() {
    const open = new Map((isOurs() ? openDocuments(memory) : []).map((each) => [each.id, each.document]));
    for (const [id, document] of open) {
      if (shown.has(id)) continue;
      const prepared = prepare(document.query, document.operation);
      shown.set(id, [prepared, document]);
      if (document.optimistic) publish(cache.optimistic(id, shape(prepared, document.variables), document.optimistic));
    }
    for (const id of [...shown.keys()]) if (!open.has(id)) gone(id, isOurs());
    for (const view of views.values()) view.look();
  }

  /** The server's data take the place of those that were expected; those of another user are only taken back. */
  function gone(id: string, isMine: boolean) {
    const [prepared, { variables, evict }] = shown.get(id)!;
    shown.delete(id);
    turn = turn.then(async () => {
      const outcome = isMine ? await store.outcome(id) : undefined;
      if (outcome?.status === "applied" && isOurs()) {
        took(prepared, variables, outcome.data, [], evict);
      }
    }).catch(console.warn).then(() => void (shown.has(id) || publish(cache.rollback(id))));
  }

  // ---------------------------------------------------------------- outcomes

  const sentOf = ({ data, errors = [] }: Outcome): SentResponse => ({ data, errors: errors as SentResponse["errors"] & {} });

  async function settled(id: string): Promise<Outcome> {
    const outcome = await parts.settled(id);
    if (outcome.account !== undefined && outcome.account !== memory.account) {
      throw refusedHere("not_found", `nothing is known of the mutation ${id}`);
    }
    await turn;
    return outcome;
  }

  async function result<R>(id: string, document: Prepared | undefined, variables: unknown, options: ResultOptions = {}) {
    let stop = () => {};
    const { deadline } = options;
    const late = new Promise<never>((_, reject) => {
      if (deadline !== undefined) stop = clock.after(deadline * 1000, () => reject(failure("deadline")));
    });
    const outcome = await Promise.race([settled(id), late]).finally(() => stop());
    const { status, problem, data } = outcome;
    const all = errorsIn(sentOf(outcome), 200);
    const asked = document ? asAsked(document, variables, data) : data;
    if (status === "applied") return resultOf<R>(asked, all, options);
    if (!problem) {
      throw refusedHere("discarded", "This change was discarded on this device.");
    }
    throw Object.assign(errorOf({ status: 0, ...problem }), { path: problem.details?.["path"] ?? [], data: asked, all });
  }

  const handle = <R>(mutation: string, document?: Prepared, variables?: unknown): QueuedMutation<R> => ({
    mutation,
    settled: () => settled(mutation),
    result: (options) => result<R>(mutation, document, variables, options),
  });

  function entryIn(id: string, ...states: Mutation["state"][]): Mutation & { document: QueuedDocument } {
    const found = outbox(memory).find((each) => each.id === id);
    const { document } = found ?? {};
    if (!found || !document) throw refusedHere("not_found", `the outbox has no mutation of GraphQL ${id}`);
    if (!states.includes(found.state)) throw refusedHere("conflict", "it is being sent; wait for its outcome");
    return { ...found, document };
  }

  // ---------------------------------------------------------------- for screens

  function viewOf(query?: string): QueueStore & { look(): void } {
    const { add, notify } = listeners<QueueView>();
    const found = (): QueueView => {
      const isIts = ({ document }: Mutation) => document && (query ?? document.query) === document.query;
      const entries = outbox(memory).filter(isIts).map(entryOf);
      const isWaiting = ({ state }: OutboxEntry) => state === "pending" || state === "sent";
      return { waiting: entries.filter(isWaiting), failed: entries.filter(({ state }) => state === "refused") };
    };
    let text = "", state = found();
    return {
      get state() {
        return state;
      },
      subscribe: add,
      look() {
        const next = found();
        const now = JSON.stringify(next);
        if (now !== text) notify(state = next);
        text = now;
      },
    };
  }

  function of(document: GraphQLDocument): QueueStore {
    const { text } = internals.checked(document, "mutation");
    if (!views.has(text)) views.set(text, viewOf(text));
    return views.get(text)!;
  }

  async function enqueue<R>(document: GraphQLDocument<R, any>, variables: any, options: EnqueueOptions<R> = {}) {
    const prepared = internals.checked(document, "mutation");
    const secret = shape(prepared, variables).rootFields().map((field) => field.split("(")[0]!)
      .find((name) => SECRET.includes(name));
    if (secret) throw refusedHere("validation", `${secret} has secrets and is not kept on the device; use mutate of GraphQL`);
    if (!isOurs()) throw notSignedIn("Nobody is signed in, so nothing was kept.");
    const id = parts.nextId();
    const { optimistic, evict } = options;
    const kept: QueuedDocument = {
      query: prepared.text, operation: prepared.name ?? "", variables: JSON.parse(JSON.stringify(variables ?? {})) as Doc,
      key: id, ...(optimistic !== undefined && { optimistic: optimistic as Doc }), ...(evict && { evict: [...evict] }),
    };
    await store.write((memory) => insert(memory, id, [], timestamp(memory, now()), undefined, kept));
    return handle<R>(id, prepared, variables);
  }

  const all = viewOf();
  views.set("", all);
  store.post = poster(store, internals);
  const ends = [
    store.watch(({ isOutbox, isAll }) => void ((isOutbox || isAll) && show())),
    auth.subscribe(show),
    watch((changed) => {
      if (changed) return;
      shown.clear(); // with the rest of the cache
      show();
    }),
  ];
  show();
  local.sync.nudge();

  const own: MutationQueue = {
    get state() {
      return all.state;
    },
    subscribe: all.subscribe,
    enqueue: (document, ...[variables, options]) => enqueue(document, variables, options),
    mutate: async (document, ...[variables, options]) => (await enqueue(document, variables, options)).result(options),
    queued: (id) => handle(id),
    of,
    edit: (id, variables) => store.write((memory) => {
      const { document, outcome, failures, ...mutation } = entryIn(id, "pending", "refused");
      const { sentAt, ...rest } = document;
      putMutation(memory, {
        ...mutation, ...(mutation.state === "refused" && { outcome }),
        document: { ...rest, variables: JSON.parse(JSON.stringify(variables)) as Doc, key: parts.nextId() },
      });
    }),
    retry: async (id) => {
      const { document: { query, operation, variables } } = entryIn(id, "refused");
      const { mutation } = await parts.retry(id);
      return handle(mutation, prepare(query, operation), variables);
    },
    discard: (id) => {
      entryIn(id, "pending", "refused");
      return parts.discard(id);
    },
    close() {
      for (const end of ends) end();
      if (store.post) delete store.post;
      for (const id of shown.keys()) publish(cache.rollback(id));
      shown.clear();
    },
  };
  client.internals.closing.addEventListener("abort", own.close);
  return own;
}
