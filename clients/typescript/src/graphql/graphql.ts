/** GraphQL of a client: queries and mutations over HTTP, subscriptions that continue after cuts. */

import { errorIn, failure, unexpected } from "../contract/errors.js";
import type { Client } from "../core/client.js";
import type { ClientResponse } from "../core/exchange.js";
import type { CallOptions } from "../core/repository.js";
import { type Mailbox, mailbox } from "../kit/mailbox.js";
import type { SocketConstructor } from "../socket/link.js";
import { anotherUser } from "../socket/subscriptions.js";
import { digestOf, type Prepared } from "./document.js";
import { errorsIn, type GraphQLError, type SentResponse } from "./errors.js";
import { type Asked, eventStreams, type Running, sharedSocket, type Transport } from "./live.js";

const ACCEPTED = "application/graphql-response+json, application/json;q=0.9";
const UNKNOWN = "PERSISTED_QUERY_NOT_"; // how the codes begin by which a server asks for a document's text
const LONG = 1_024; // characters from which a document is named by its SHA-256
const MOST_WAITING = 1_000; // responses of a loop; a slower reader continues from its cursor later

/** The settings of `graphql`; all may be left out. */
export interface GraphQLOptions {
  /** The path below the client's address; `/graphql` by default. */
  path?: string | undefined;
  /** How subscriptions come: "websocket" where there is a WebSocket, else "sse" (Server-sent events). */
  over?: "websocket" | "sse" | undefined;
  /** The WebSocket of the platform by default; Node 20 needs that of the package `ws`. */
  WebSocket?: SocketConstructor | undefined;
  /**
   * Name the documents of queries and mutations by their SHA-256, and send a text only where the server does not know it
   * (automatic persisted queries): all, none (false), or by default those of 1,024 characters or more. A page of http, which
   * can't make these, sends texts.
   */
  persisted?: boolean | undefined;
}

/** How an operation is asked. */
export interface OperationOptions extends CallOptions {
  /** Return what there is and the errors, instead of throwing the first of them. */
  partial?: boolean | undefined;
}

/** What an operation responds with. */
export interface GraphQLResult<R = any> {
  /** The data; null, or fields that are null, only with `errors`. */
  readonly data: R;
  /** Errors of fields; empty unless `partial` was asked for. */
  readonly errors: readonly GraphQLError[];
}

/** The settings of a subscription; all may be left out. */
export interface SubscriptionOptions {
  /** Continue behind the event with this cursor; from now on where it is missing. */
  cursor?: string | undefined;
  /** Ends it. */
  signal?: AbortSignal | null | undefined;
}

/**
 * An event of a subscription. "next": `data` are a response. "resync": the cursor can't be continued, so read again. "offline":
 * the connection was cut (`reason`) and is opened again. `cursor` is where to continue; "" with servers that have none.
 */
export interface GraphQLEvent<R = any> {
  /** What happened. */
  kind: "next" | "resync" | "offline";
  /** The response; null of other kinds. */
  data: R;
  /** Where to continue once the event is processed. */
  cursor: string;
  /** Why the connection was cut. */
  reason: string;
}

/** Sends operations; what a response has of `__typename` beyond the document is in it too. */
export interface Exchange {
  /** The response of any status to a query or mutation, with the idempotency key of one that is sent again. */
  post(prepared: Pick<Prepared, "kind">, json: Asked, parts: CallOptions, key?: string): Promise<ClientResponse>;
  /** Send a query or mutation, and return the body of the response. */
  ask(
    prepared: Prepared, variables: unknown, options: CallOptions & { key?: string | undefined },
  ): Promise<[response: SentResponse, errors: GraphQLError[]]>;
  follow(prepared: Prepared, variables: unknown, options: SubscriptionOptions): AsyncGenerator<GraphQLEvent, void>;
  close(): void;
}

export function exchange(client: Client, options: GraphQLOptions): Exchange {
  const { auth, internals: { calls, tokens, clock, closing } } = client;
  const { path = "/graphql", WebSocket } = options;
  const hasSocket = WebSocket ?? globalThis.WebSocket;
  let transport: Transport | undefined;
  let user: unknown;
  let isPersisting = options.persisted !== false && !!crypto.subtle;

  const body = ({ text: query, name: operationName }: Prepared, variables: unknown): Asked => ({
    query, ...(operationName && { operationName }), ...(variables ? { variables } : {}),
  });

  const userNow = () => auth.user?.id ?? "";
  const unfollow = auth.subscribe(({ kind }) => {
    if (kind !== "signedIn" && kind !== "signedOut") return;
    const before = user;
    user = userNow();
    if (before !== undefined && before !== user) transport?.end(anotherUser);
  });

  /** A token that is refused is renewed once. */
  const posted: Exchange["post"] = async ({ kind }, json, parts, key) => {
    const before = await tokens.current();
    const headers = { accept: ACCEPTED, ...(key && { "idempotency-key": key }) };
    const send = () => calls.request("POST", path, { ...parts, json, headers, isAnyStatus: true },
      { name: "graphql", isRepeatable: kind === "query" });
    const response = await send();
    // The server refuses it in GraphQL's words, which the layer of the token does not read.
    return response.status === 401 && before && await tokens.renewed(before) ? send() : response;
  };

  return {
    post: posted,
    async ask(prepared, variables, { deadline, signal, key }) {
      const parts = { deadline, signal };
      const asked = body(prepared, variables);
      const isNamed = isPersisting && (options.persisted || prepared.text.length >= LONG);
      const extensions = isNamed ? { persistedQuery: { version: 1, sha256Hash: await digestOf(prepared) } } : undefined;
      let response = await posted(prepared, extensions ? { ...asked, query: undefined, extensions } : asked, parts, key);
      let sent: SentResponse = response.json();
      const code = extensions && errorsIn(sent, 400)[0]?.code;
      if (code === `${UNKNOWN}SUPPORTED`) isPersisting = false;
      if (code?.startsWith(UNKNOWN)) {
        response = await posted(prepared, isPersisting ? { ...asked, extensions } : asked, parts, key);
        sent = response.json();
      }
      const errors = errorsIn(sent, response.status);
      for (const error of errors) error.operation = prepared.name ?? "graphql";
      if (errors.length || (response.status < 400 && sent?.data !== undefined)) return [sent, errors];
      throw response.status < 400 ? unexpected(response, "no data", "graphql")
        : errorIn(response, clock.now(), { operation: "graphql" });
    },
    follow(prepared, variables, { cursor = "", signal }) {
      if (closing.aborted) throw failure("closed");
      if (auth.state.kind !== "loading") user = userNow();
      const isSocket = (options.over ?? (hasSocket ? "websocket" : "sse")) === "websocket";
      transport ??= isSocket ? sharedSocket(client, path, WebSocket) : eventStreams(client, path);
      const leave = () => {
        signal?.removeEventListener("abort", leave);
        own.end();
        box.end();
      };
      const box: Mailbox<GraphQLEvent> = mailbox(MOST_WAITING, () => own.resume(), leave);
      const event = (kind: GraphQLEvent["kind"], data: any = null, reason = "") =>
        box.put({ kind, data, cursor: running.cursor, reason });
      const running: Running = {
        asked: body(prepared, variables), cursor,
        deliver({ data, errors, extensions }) {
          if (errors?.length) return event("resync");
          // Our server also says where it is when nothing has happened.
          const isNothing = extensions?.cursor !== undefined
            && Object.values(data ?? {}).every((each) => Array.isArray(each) && !each.length);
          return isNothing || event("next", data);
        },
        offline: ({ message }) => event("offline", null, message),
        over: box.end,
      };
      const own = transport.begin(running);
      signal?.addEventListener("abort", leave);
      if (signal?.aborted) leave();
      return box.values;
    },
    close() {
      unfollow();
      transport?.end(() => failure("closed"));
      transport?.close();
    },
  };
}

/** The first error of a response, thrown unless what there is of it is wanted too. */
export function resultOf<R>(data: R, errors: readonly GraphQLError[], { partial }: OperationOptions): GraphQLResult<R> {
  if (errors.length && !(partial && data)) throw errors[0];
  return { data, errors };
}

