/**
 * Sends the mutations of GraphQL in the outbox, one after the other, each with the key by which the server carries it out
 * once.
 *
 *     pending ── first send ──> sent ──> gone, with its outcome
 *        ^                       └─────> refused ── retried ──> pending, at the end
 *        └── provably unsent ────┘
 */

import { errorIn, failure, HinterlandError, NetworkError, retryAfter, type StatusError } from "../contract/errors.js";
import { isTemporary } from "../contract/ids.js";
import { isObject } from "../contract/values.js";
import { errorsIn, type GraphQLError, type SentResponse } from "../graphql/errors.js";
import type { GraphQLInternals } from "../graphql/client.js";
import { notSignedIn } from "../offline/errors.js";
import { dropMutation, type Memory, putMutation } from "../offline/memory.js";
import { inState, settleAs, timestamp } from "../offline/mutations.js";
import type { Store } from "../offline/parts.js";
import { hasCode, isAboutContent, isUntaken, MOST_FAILURES, NOT_NOW, reasonOf, UNABLE } from "../offline/reasons.js";
import type { Mutation, Outcome, Problem, QueuedDocument, RecordId } from "../offline/types.js";
import { verdict } from "./verdicts.js";

const KEPT = 6 * 86_400; // seconds for which a server certainly has the response to a key: it keeps them for 7 days
const COUNTED = ["internal", "timeout"]; // of a server that answers: after some of these a mutation is held
const IN_DOUBT: Problem = {
  title: "Outcome unknown", status: 409, code: "in_doubt",
  message: "its response was lost, and the server may have forgotten it since; look whether it was carried out",
};

type Posted = Mutation & { document: QueuedDocument };

const isDocument = (mutation: Mutation): mutation is Posted => !!mutation.document;

/** The documents that are not decided, in order. */
export const openDocuments = (memory: Memory): Posted[] => inState(memory, "pending", "sent").filter(isDocument);

/** Values with the ids that the server gave for temporary ones. */
function known(memory: Memory, value: unknown, given: ReadonlyMap<string, RecordId>): any {
  if (typeof value === "string") return isTemporary(value) ? given.get(value) ?? value : value;
  if (Array.isArray(value)) return value.map((each) => known(memory, each, given));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, known(memory, each, given)]));
}

/** The document that is next, which is then being sent; null: there is none, or writes are before it. */
export function nextPost(memory: Memory, now: number): Posted | null {
  for (;;) {
    const [first] = inState(memory, "pending", "sent");
    if (!first || !isDocument(first)) return null;
    const { sentAt } = first.document;
    if (sentAt === undefined) {
      const given = new Map([...memory.given].map(([{ name }, id]) => [name, id]));
      const variables = known(memory, first.document.variables, given);
      const document = { ...first.document, variables, sentAt: timestamp(memory, now) };
      putMutation(memory, { ...first, state: "sent", document });
      return first;
    }
    // One that is retried counts from then on.
    if (now - Math.max(sentAt, first.timestamp) < KEPT) {
      if (first.state !== "sent") putMutation(memory, { ...first, state: "sent" });
      return first;
    }
    hold(memory, first.id, IN_DOUBT);
  }
}

const find = (memory: Memory, id: string): Posted | undefined => openDocuments(memory).find((each) => each.id === id);

function hold(memory: Memory, id: string, problem: Problem, sent: SentResponse = {}): void {
  const mutation = find(memory, id);
  if (!mutation) return;
  const outcome = outcomeOf(memory, id, "refused", sent, problem);
  putMutation(memory, { ...mutation, state: "refused", outcome });
  settleAs(memory, outcome);
}

function settle(memory: Memory, id: string, sent: SentResponse): void {
  const mutation = find(memory, id);
  if (!mutation) return;
  dropMutation(memory, mutation);
  settleAs(memory, outcomeOf(memory, id, "applied", sent));
}

const outcomeOf = (
  { account }: Memory, mutation: string, status: Outcome["status"], { data = null, errors = [] }: SentResponse, problem?: Problem,
): Outcome => ({ mutation, status, account, data, errors: errors as Outcome["errors"] & {}, ...(problem && { problem }) });

/** Sends what is next; whether there was something. Throws what may pass: it then waits. */
export function poster(store: Store, { client, network }: GraphQLInternals): NonNullable<Store["post"]> {
  const { auth, internals: { calls, clock } } = client;
  const { memory, write } = store;
  const now = () => clock.now() / 1000;

  /** Throws where the server does not answer anything else either. */
  const checkWay = async (signal: AbortSignal) => {
    const { device, acknowledged } = memory.space!;
    await calls.call("sync.push", { json: { device, acknowledged, mutations: [] }, signal }).catch((error: HinterlandError) => {
      if (error.code !== "fork") throw error;
    });
  };

  /** Counts a failure; throws it until there were too many. */
  async function count({ id }: Posted, error: HinterlandError) {
    const problem = reasonOf(error);
    await write((memory) => {
      const mutation = find(memory, id);
      if (!mutation) return;
      const failures = (mutation.failures ?? 0) + 1;
      if (failures >= MOST_FAILURES) hold(memory, id, problem);
      else putMutation(memory, { ...mutation, failures });
    });
    if (find(memory, id)) throw error;
  }

  /** The server certainly has nothing of it: where it was the first time, it waits as before. */
  const takeBack = ({ id, document }: Posted) => write((memory) => {
    const mutation = find(memory, id);
    if (!mutation || document.sentAt !== undefined) return;
    putMutation(memory, { ...mutation, state: "pending", document: { ...mutation.document, sentAt: undefined } });
  });

  async function failed(next: Posted, error: unknown, signal: AbortSignal) {
    if (!(error instanceof HinterlandError) || signal.aborted) throw error;
    if (isUntaken(error)) await takeBack(next);
    if (error.sent === "no" || hasCode(error, UNABLE)) throw error;
    if (isAboutContent(error)) return void await write((memory) => hold(memory, next.id, reasonOf(error)));
    await checkWay(signal);
    await count(next, error);
  }

  async function send(account: RecordId, { query, operation, variables, key }: QueuedDocument, signal: AbortSignal) {
    const user = auth.state.kind === "signedIn" ? auth.state.user.id : "";
    if (user !== account) throw notSignedIn(user === "" ? "The session is over." : "Somebody else is signed in.");
    const asked = {
      query, ...(operation && { operationName: operation }), ...(Object.keys(variables).length && { variables }),
    };
    const response = await network.post({ kind: "mutation" }, asked, { signal }, key);
    let sent: SentResponse | undefined;
    try {
      sent = response.json() ?? undefined;
    } catch (error) {
      if (response.status < 400) throw error; // else what is on the way has its own page
    }
    if (errorsIn(sent!, response.status).length || (response.status < 400 && sent?.data !== undefined)) {
      return [response, sent!] as const;
    }
    throw response.status < 400
      ? failure("invalid_response", { path: "$", found: "no data", operation: "graphql" })
      : errorIn(response, clock.now(), { operation: "graphql", isInDoubt: response.isInDoubt });
  }

  return async (account, signal) => {
    const next = await write((memory) => nextPost(memory, now()));
    if (!next) return false;
    let answered;
    try {
      answered = await send(account, find(memory, next.id)!.document, signal);
    } catch (error) {
      await failed(next, error, signal);
      return true;
    }
    const [response, sent] = answered;
    const [decided, index] = verdict(response.status, sent.errors ?? [], sent.data ?? null);
    if (decided === "applied") await write((memory) => settle(memory, next.id, sent));
    else if (decided === "refused") await write((memory) => hold(memory, next.id, problemOf(sent, response.status, index), sent));
    else {
      const error: StatusError = errorsIn(sent, response.status)[Math.max(index, 0)]!;
      error.retryAfter = retryAfter(response.headers, clock.now());
      if (!sent.data && NOT_NOW.includes(error.code) && !response.isInDoubt) await takeBack(next);
      if (decided === "pause" || !COUNTED.includes(error.code)) throw error;
      await count(next, error);
    }
    return true;
  };
}

function problemOf(sent: SentResponse, status: number, index: number): Problem {
  const error: GraphQLError | undefined = errorsIn(sent, status)[index];
  if (!error) {
    const message = "the response has neither data nor errors";
    return { title: "Invalid response", status: 0, code: "invalid_response", message };
  }
  const { code, message, errors, path } = error;
  return {
    title: message, status: error instanceof NetworkError ? 0 : error.status, code, message, errors,
    ...(path.length && { details: { path } }),
  };
}
