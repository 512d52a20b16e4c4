/** Operations called by messages: at most 16 at once, and again after a cut where that can't carry them out twice. */

import { errorOf, failure, type HinterlandError } from "../contract/errors.js";
import { OPERATIONS } from "../contract/operations.js";
import { DEFAULTS } from "../core/options.js";
import { aborting } from "../kit/aborting.js";
import type { Clock } from "../kit/clock.js";
import { queueFull } from "./errors.js";
import type { ServerMessage } from "./messages.js";

const MOST_AT_ONCE = 16; // of one connection: the server reads further messages later
const MOST_WAITING = 1_000;

/** The parts of a call; all may be left out. */
export interface SocketCall {
  /** The segments of the operation's path: `{collection: "posts", id: "42"}`. */
  path?: Record<string, string | number> | undefined;
  /** The parameters of its query. */
  query?: Record<string, string | number | boolean | readonly string[]> | undefined;
  /** Its body. */
  body?: unknown;
  /** The revision that the record must have, as its ETag. */
  ifMatch?: string | undefined;
  /** The ETag of what is known already. */
  ifNoneMatch?: string | undefined;
  /** The idempotency key of a write; records' writes have one anyway. */
  key?: string | undefined;
  /** Seconds for the call with its waits; 60 by default. */
  deadline?: number | undefined;
  /** Ends the call. */
  signal?: AbortSignal | null | undefined;
}

/** What an operation responds with. */
export interface SocketResult<T = any> {
  /** The HTTP status. */
  status: number;
  /** The body; null: none. */
  body: T;
  /** The ETag; "": none. */
  etag: string;
}

interface Pending {
  message: object;
  operation: string;
  isRepeatable: boolean;
  isSent: boolean;
  resolve(result: SocketResult): void;
  reject(error: unknown): void;
}

export function socketCalls(clock: Clock, send: (message: object) => void, isReady: () => boolean) {
  const pending = new Map<string, Pending>(); // in the order in which they were made
  let number = 0, running = 0;

  function pump() {
    for (const call of isReady() ? pending.values() : []) {
      if (running >= MOST_AT_ONCE) return;
      if (call.isSent) continue;
      call.isSent = true;
      running++;
      send(call.message);
    }
  }

  function settled(id: string): Pending | undefined {
    const call = pending.get(id);
    pending.delete(id);
    if (call?.isSent) running--;
    return call;
  }

  async function call<T>(operation: string, parts: SocketCall = {}): Promise<SocketResult<T>> {
    const { ifMatch: if_match, ifNoneMatch: if_none_match, deadline = DEFAULTS.deadline, signal, ...more } = parts;
    const row = OPERATIONS.get(operation);
    const key = more.key || (row?.hasKey ? crypto.getRandomValues(new Uint8Array(16)).join("") : undefined);
    const id = `c${++number}`;
    if (pending.size >= MOST_WAITING) throw queueFull({ operation });
    const [ended, unlink] = aborting(signal);
    const stop = clock.after(deadline * 1000, () => ended.abort(failure("deadline", { operation })));
    try {
      return await new Promise((resolve, reject) => {
        const leave = () => {
          const sent = settled(id)?.isSent ? "maybe" : "no";
          const { reason } = ended.signal;
          reject(reason?.code === "deadline" ? Object.assign(reason, { sent }) : reason);
          pump();
        };
        const isRepeatable = !!key || !!row && (row.isRepeatable || !/POST|PATCH/.test(row.method));
        const message = { type: "call", id, operation, ...more, key, if_match, if_none_match };
        pending.set(id, { message, operation, isRepeatable, isSent: false, resolve, reject });
        ended.signal.addEventListener("abort", leave);
        if (ended.signal.aborted) leave();
        pump();
      });
    } finally {
      stop();
      unlink();
    }
  }

  return {
    call, pump,
    /** Whether the message was the answer to a call. */
    take({ type, id, status, body, etag = "", error }: ServerMessage): boolean {
      if (id?.[0] !== "c") return false;
      const call = settled(id);
      if (type === "result") call?.resolve({ status: status!, body: body ?? null, etag });
      else call?.reject(errorOf(error!, { operation: call.operation }));
      pump();
      return true;
    },
    /** The connection was cut: what was sent is sent again, or fails. */
    cut() {
      for (const [id, call] of [...pending]) {
        if (!call.isSent) continue;
        if (call.isRepeatable) {
          call.isSent = false;
          running--;
        } else settled(id)!.reject(failure("connection_lost", { operation: call.operation }));
      }
    },
    /** All fail, each with an error of its own. */
    end(error: () => HinterlandError) {
      for (const [id, { operation, isSent }] of [...pending]) {
        settled(id)!.reject(Object.assign(error(), { operation, sent: isSent ? "maybe" : "no" }));
      }
    },
  };
}
