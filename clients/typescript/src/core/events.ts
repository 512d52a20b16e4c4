import { errorOf, failure, HinterlandError, NetworkError, type Problem, StatusError } from "../contract/errors.js";
import { aborting } from "../kit/aborting.js";
import { type Random, reconnectWait, STEADY } from "../kit/backoff.js";
import { type Clock, sleep } from "../kit/clock.js";
import { eventStreamParser, type Message } from "../kit/event_stream.js";
import { objectIn } from "../kit/json.js";
import type { Calls } from "./calls.js";

const SILENCE = 30; // seconds; the server sends something at least every 15

/** One record's change as the caller sees it; "left": it exists, and the caller may no longer see it. */
export interface Change<T = Record<string, any>> {
  /** What happened to the record; "left": it exists, and the caller may no longer see it. */
  kind: "create" | "update" | "delete" | "left";
  /** The collection's name. */
  collection: string;
  /** The record's id. */
  id: string | number;
  /** The path of the record that owns it, `posts/42`. */
  parent?: string;
  /** The record's revision after the change. */
  revision?: number;
  /** The whole record after the change; none of "delete" and "left". */
  record?: T;
}

/**
 * An event of a subscription. `cursor` is where to resume once it is processed. "ready": the stream is open. "commit":
 * `changes` that were made together, with the `revision` that they end at. "position": a later cursor without changes.
 * "resync": the cursor can't be continued (`reason`), so read the collections again. "offline": the stream dropped
 * (`reason`) and reconnects; "ready" follows when that succeeded.
 */
export interface LiveEvent<T = Record<string, any>> {
  /** What happened. */
  kind: "ready" | "commit" | "position" | "resync" | "offline";
  /** Where to resume once the event is processed. */
  cursor: string;
  /** The revision of the database that a commit ends at. */
  revision: number;
  /** The changes of a commit; empty for other kinds. */
  changes: Change<T>[];
  /** Why the stream dropped or can't be continued. */
  reason: string;
}

/** The settings of a subscription; all may be left out. */
export interface EventOptions {
  /** Continue after the event with this cursor; from now on where it is missing. */
  cursor?: string | undefined;
  /** A CEL expression over `record`; with a single collection. */
  filter?: string | undefined;
  /** Ends the events. */
  signal?: AbortSignal | null | undefined;
}

/** Whether it may be gone at the next try: an error that passes, or a response of something on the way. */
export const mayPass = (error: HinterlandError): boolean =>
  error instanceof NetworkError || error.code === "redirect_refused" || /408|429|5../.test(`${error.status}`)
  || (error instanceof StatusError && !error.isDecided);

/**
 * The live events of collections, until the loop is left or the signal aborts. A dropped stream reconnects and resumes
 * without missing or repeating events. Throws Unauthorized, Forbidden, NotFound and other definite refusals.
 */
export async function* liveEvents(
  calls: Calls, clock: Clock, random: Random, closing: AbortSignal, running: Set<AbortController>,
  names: readonly string[], options: EventOptions = {},
): AsyncGenerator<LiveEvent, void> {
  let { filter, signal, cursor = "" } = options;
  let failures = 0, isOffline = false;
  const query: [string, string][] = names.map((name) => ["collection", name]);
  if (filter) query.push(["filter", filter]);
  const [ended, unlink] = aborting(signal, running);
  try {
    while (!signal?.aborted) {
      let steadyAt = 0; // 0: nothing has come yet
      try {
        const response = await calls.perform("events.stream", {
          query, headers: { accept: "text/event-stream", ...(cursor && { "last-event-id": cursor }) },
          isStream: true, retries: 0, read: SILENCE, signal: ended.signal,
        });
        if (response.status === 204) return;
        const parse = eventStreamParser();
        for await (const piece of response.body!) {
          for (const message of parse(piece)) {
            cursor = message.id || cursor;
            const event = eventIn(message, cursor);
            if (!event) continue;
            steadyAt ||= clock.monotonic() + STEADY;
            isOffline = false;
            yield event;
          }
        }
        throw failure("connection_lost", { detail: "the stream ended" });
      } catch (error) {
        if (signal?.aborted) return;
        if (closing.aborted) throw failure("closed");
        if (!(error instanceof HinterlandError && mayPass(error))) throw error;
        const isSteady = clock.monotonic() >= steadyAt;
        if (steadyAt && isSteady) failures = 0;
        if (!isOffline && isSteady) {
          isOffline = true;
          yield made("offline", cursor, { reason: error.message });
        }
        const wait = reconnectWait(failures++, random, error.retryAfter);
        await sleep(clock, wait, ended.signal).catch(() => {});
      }
    }
  } finally {
    unlink();
    ended.abort();
  }
}

function eventIn({ event, data }: Message, cursor: string): LiveEvent | undefined {
  if (event === "end") throw errorOf(objectIn(data) as unknown as Problem);
  // Others are of a newer server.
  return /^(ready|commit|position|resync)$/.test(event) ? made(event, cursor, objectIn(data)) : undefined;
}

const made = (kind: string, cursor: string, { revision = 0, changes = [], reason = "" }: Partial<LiveEvent>) =>
  ({ kind, cursor, revision, changes, reason }) as LiveEvent;
