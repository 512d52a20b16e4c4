/** What is followed: each subscription goes on behind its cursor whatever happens to the connection. */

import { errorOf, failure, HinterlandError, type Problem } from "../contract/errors.js";
import { parameters, type Query } from "../contract/query.js";
import { mayPass } from "../core/events.js";
import { type Random, reconnectWait } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";
import { eventOf, type ServerMessage, type SocketEvent } from "./messages.js";

/** What a subscription asks for; all may be left out. */
export interface SubscribeOptions extends Pick<Query, "filter" | "sort" | "limit" | "search" | "fields" | "expand" | "total"> {
  /** Continue after the event with this cursor, without a snapshot. */
  cursor?: string | undefined;
  /** Whether a single collection begins with the page that the list returns; true by default. */
  snapshot?: boolean | undefined;
  /** The events of a loop that wait to be read; 1,000 by default. A reader that is slower gets the others when it has read. */
  maxQueued?: number | undefined;
  /** Ends the subscription. */
  signal?: AbortSignal | null | undefined;
}

export interface Followed {
  /** An event; the returned false asks to pause until `resume`. */
  deliver(event: SocketEvent): boolean;
  /** It has ended, by an error or by itself. */
  over(error?: unknown): void;
}

export interface Subscription {
  resume(): void;
  end(): void;
}

interface Active extends Subscription {
  begin(): void;
  take(message: ServerMessage): void;
  cut(): void;
  fail(error: unknown): void;
}

export function subscriptions(
  clock: Clock, random: Random, send: (message: object) => void, isReady: () => boolean, reasonLost: () => string,
) {
  const all = new Set<Active>();
  let ids = new Map<string, Active>(); // of this connection
  let number = 0;

  function follow(names: string | readonly string[], options: SubscribeOptions, followed: Followed): Subscription {
    const { cursor: from = "", snapshot = true, signal, maxQueued, ...query } = options;
    const hasSnapshot = snapshot && typeof names === "string";
    const asked = {
      ...(typeof names === "string" ? { collection: names } : { collections: names }),
      snapshot, query: Object.fromEntries(parameters(query)),
    };
    let cursor = from, id = "", failures = 0, isOffline = false, isPaused = false;
    let shown = new Map<unknown, number>(); // the revisions of what the snapshot shows, until later ones come
    let stopTimer = () => {};

    function begin() {
      stopTimer();
      if (id || isPaused || !isReady()) return;
      ids.set(id = String(++number), own);
      send({ type: "subscribe", id, ...asked, ...(cursor && { cursor }) });
    }

    /** No further messages of it come. */
    function leave(isAsked: boolean) {
      stopTimer();
      if (id && isAsked && isReady()) send({ type: "unsubscribe", id });
      ids.delete(id);
      id = "";
    }

    function deliver(event: SocketEvent) {
      if (followed.deliver(event)) return;
      isPaused = true;
      leave(true);
    }

    function again(error?: HinterlandError) {
      leave(false);
      stopTimer = clock.after(reconnectWait(failures++, random, error?.retryAfter), begin);
    }

    function over(error?: unknown) {
      all.delete(own);
      signal?.removeEventListener("abort", end);
      followed.over(error);
    }

    function end() {
      leave(true);
      over();
    }

    function refused(problem: Problem) {
      const error = errorOf(problem);
      if (mayPass(error)) return again(error);
      leave(false);
      over(error);
    }

    const own: Active = {
      begin, end,
      resume() {
        isPaused = false;
        begin();
      },
      take(message) {
        const { type: kind, error } = message;
        if (error) return refused(error);
        if (kind === "end") return again(); // its rights are others: it begins again with those
        isOffline = false;
        if (kind === "snapshot") {
          shown = new Map(message.items!.map(({ id, revision }) => [id, revision ?? 0]));
          return deliver(eventOf(kind, cursor, message));
        }
        if (!/^(ready|commit|position|resync)$/.test(kind)) return; // of a newer server
        cursor = message.cursor!;
        failures = 0;
        if (kind === "commit") {
          message.changes = message.changes!.filter(({ id, revision = Infinity }) => !(revision <= shown.get(id)!));
          for (const { id } of message.changes) shown.delete(id);
          if (!message.changes.length) return;
        }
        deliver(eventOf(kind as SocketEvent["kind"], cursor, message));
        if (kind === "resync" && hasSnapshot && id) {
          leave(true);
          cursor = "";
          begin();
        }
      },
      cut() {
        leave(false);
        if (isOffline) return;
        isOffline = true;
        followed.deliver(eventOf("offline", cursor, { reason: reasonLost() }));
      },
      fail(error) {
        leave(true);
        over(error);
      },
    };
    all.add(own);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
    else begin();
    return own;
  }

  return {
    follow,
    take: (message: ServerMessage) => ids.get(message.id!)?.take(message),
    /** The connection is ready: each begins, or goes on. */
    begin() {
      for (const each of [...all]) each.begin();
    },
    cut() {
      number = 0;
      for (const each of [...all]) each.cut();
      ids = new Map();
    },
    end(error: () => HinterlandError) {
      for (const each of [...all]) each.fail(error());
    },
  };
}

/** The error for what was begun in the name of another user. */
export const anotherUser = (): HinterlandError =>
  failure("unauthorized", { message: "Somebody else signed in meanwhile.", sent: "no" });
