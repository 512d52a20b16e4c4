/** Subscriptions over one WebSocket (the subprotocol `graphql-transport-ws`), or a stream of Server-sent events for each. */

import { failure, HinterlandError } from "../contract/errors.js";
import type { Client } from "../core/client.js";
import { mayPass } from "../core/events.js";
import type { Token } from "../core/tokens.js";
import { reconnectWait, STEADY } from "../kit/backoff.js";
import { sleep } from "../kit/clock.js";
import { eventStreamParser } from "../kit/event_stream.js";
import { isObject, objectIn } from "../kit/json.js";
import { closeError } from "../socket/errors.js";
import { type Link, makeLink, socketAddress, type SocketConstructor } from "../socket/link.js";

import { errorsIn, type SentError, type SentResponse } from "./errors.js";

const SILENCE = 15, PATIENCE = 30; // seconds without a sign of life: until a ping, and until a stream is given up

/** What is asked; `extensions` has the cursor from which to continue, or the document's SHA-256. */
export interface Asked {
  query: string | undefined;
  operationName?: string | undefined;
  variables?: unknown;
  extensions?: object | undefined;
}

/** A subscription as its transport sees it. */
export interface Running {
  readonly asked: Asked;
  /** Behind which to continue; "": from now on. */
  cursor: string;
  /** A response; the returned false asks to pause until `resume`. */
  deliver(response: SentResponse): boolean;
  /** The connection was cut, and is opened again. */
  offline(error: HinterlandError): void;
  over(error?: unknown): void;
}

export interface Transport {
  begin(running: Running): { resume(): void; end(): void };
  /** All end with an error. */
  end(error: () => HinterlandError): void;
  close(): void;
}

const payloadOf = ({ asked, cursor }: Running) => ({ ...asked, extensions: { cursor } });

/** Whether what failed may succeed later. */
const isPassing = (error: unknown): error is HinterlandError => error instanceof HinterlandError && mayPass(error);

/** Takes the cursor of a response; what is wrong with it is thrown, but for a cursor that can't be continued. */
function taken(running: Running, response: SentResponse): boolean {
  const { extensions } = response;
  if (typeof extensions?.cursor === "string") running.cursor = extensions.cursor;
  const [error] = errorsIn(response, 200);
  if (error && error.code !== "resync") throw error;
  return running.deliver(response);
}

/** Whether there will be no more. What has a cursor never completes by itself: the session may have ended, or the server. */
function completed({ cursor }: Running): boolean {
  if (cursor) throw failure("connection_lost", { detail: "the server completed it" });
  return true;
}

/** Each subscription is a request whose response does not end. */
export function eventStreams({ internals: { calls, clock, random, closing } }: Client, path: string): Transport {
  const all = new Map<AbortController, Running>();

  async function once(running: Running, signal: AbortSignal, heard: () => void): Promise<boolean> {
    const response = await calls.request("POST", path, {
      json: payloadOf(running), headers: { accept: "text/event-stream" }, isStream: true, retries: 0, read: PATIENCE, signal,
    }, { name: "graphql" });
    const parse = eventStreamParser();
    for await (const piece of response.body!) {
      for (const { event, data } of parse(piece)) {
        heard();
        if (event === "complete") return completed(running);
        if (event === "next" && !taken(running, objectIn(data))) return false;
      }
    }
    throw failure("connection_lost", { detail: "the stream ended" });
  }

  /** Until it is over, paused or left. */
  async function follow(running: Running, controller: AbortController) {
    const { signal } = controller;
    let failures = 0, isOffline = false;
    while (!signal.aborted) {
      let steadyAt = Infinity;
      try {
        const isOver = await once(running, signal, () => {
          isOffline = false;
          steadyAt = Math.min(steadyAt, clock.monotonic() + STEADY);
        });
        if (isOver) finish(controller);
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (closing.aborted) return finish(controller, failure("closed"));
        if (!isPassing(error)) return finish(controller, error);
        if (!isOffline) running.offline(error);
        isOffline = true;
        if (clock.monotonic() >= steadyAt) failures = 0;
        const wait = reconnectWait(failures++, random, error.retryAfter);
        await sleep(clock, wait, signal).catch(() => {});
      }
    }
  }

  function finish(controller: AbortController, error?: unknown) {
    const running = all.get(controller);
    all.delete(controller);
    controller.abort();
    running?.over(error);
  }

  return {
    begin(running) {
      let controller: AbortController;
      const start = () => {
        all.set(controller = new AbortController(), running);
        void follow(running, controller);
      };
      start();
      return {
        resume() {
          if (!all.delete(controller)) return;
          controller.abort();
          start();
        },
        end: () => finish(controller),
      };
    },
    end(error) {
      for (const controller of [...all.keys()]) finish(controller, error());
    },
    close: () => {},
  };
}

/** All subscriptions share a WebSocket, which is open while there are any. */
export function sharedSocket(client: Client, path: string, WebSocket: SocketConstructor | undefined): Transport {
  const { tokens, clock, random, calls } = client.internals;
  const all = new Map<Running, { id: string; failures: number }>();
  const ids = new Map<string, Running>();
  let number = 0, round = 0;
  let isReady = false;
  let used: Token | undefined;

  const post = (message: object) => link.send(JSON.stringify(message));

  function start(running: Running) {
    const state = all.get(running);
    if (!isReady || !state || state.id) return;
    ids.set(state.id = String(++number), running);
    post({ type: "subscribe", id: state.id, payload: payloadOf(running) });
  }

  function leave(running: Running, isAsked: boolean) {
    const state = all.get(running);
    if (!state?.id) return;
    if (isAsked && isReady) post({ type: "complete", id: state.id });
    ids.delete(state.id);
    state.id = "";
  }

  function finish(running: Running, error?: unknown, isAsked = true) {
    leave(running, isAsked);
    if (!all.delete(running)) return;
    running.over(error);
    if (!all.size) {
      link.close(1000);
      cut();
    }
  }

  /** There is no connection: what is left begins with the next. */
  function cut() {
    round++;
    number = 0;
    isReady = false;
    ids.clear();
    for (const state of all.values()) state.id = "";
  }

  function refused(running: Running, error: unknown) {
    if (!isPassing(error)) return finish(running, error, false);
    leave(running, false);
    const state = all.get(running)!;
    const wait = reconnectWait(state.failures++, random, error.retryAfter);
    clock.after(wait, () => start(running));
  }

  function failAll(error: () => HinterlandError) {
    for (const running of [...all.keys()]) finish(running, error(), false);
  }

  async function introduce(mine: number) {
    try {
      used = await tokens.current();
      if (mine === round) post({ type: "connection_init", ...(used && { payload: { authorization: `Bearer ${used.value}` } }) });
    } catch (error) {
      if (mine !== round) return;
      if (isPassing(error)) link.drop();
      else failAll(() => error as HinterlandError);
    }
  }

  /** A token that the server refuses is renewed; without another one, nobody is signed in. */
  async function renew(token: Token) {
    try {
      if (!await tokens.renewed(token)) failAll(() => failure("unauthorized", { sent: "no" }));
    } catch (error) {
      if (!isPassing(error)) failAll(() => error as HinterlandError);
    }
  }

  /** A browser does not say why a handshake was refused: a request does. */
  const probe = () => calls.request("POST", path, { json: { query: "{__typename}" }, retries: 0, deadline: 10 },
    { hasAuth: false }).catch((error: unknown) => {
    if (!isPassing(error)) failAll(() => error as HinterlandError);
  });

  const link: Link = makeLink({
    url: socketAddress(client.url + path), subprotocols: ["graphql-transport-ws"], WebSocket, clock, random,
    silence: () => SILENCE,
    ping: () => post({ type: "ping" }),
    moved() {},
    opened: () => void introduce(++round),
    received(data) {
      const { type, id = "", payload } = objectIn(String(data)) as { type: string; id?: string; payload?: any };
      const running = ids.get(id);
      if (type === "ping") post({ type: "pong" });
      if (type === "connection_ack") {
        isReady = true;
        for (const each of [...all.keys()]) start(each);
      }
      if (!running) return;
      try {
        if (type === "complete") return completed(running) && finish(running, undefined, false);
        if (type === "error") {
          const [error] = errorsIn({ errors: [payload as SentError[]].flat() }, 200);
          throw error ?? failure("invalid_response", { detail: "no error" });
        }
        if (type !== "next") return;
        if (!taken(running, isObject(payload) ? payload : {})) leave(running, true);
        if (all.has(running)) all.get(running)!.failures = 0;
      } catch (error) {
        refused(running, error);
      }
    },
    lost(code, reason, wasOpen) {
      const close = closeError(code, reason);
      for (const running of ids.values()) running.offline(close);
      cut();
      if (!wasOpen) void probe();
      if ((code === 4401 || code === 4403) && used) void renew(used);
      else if ([4400, 4406, 4409].includes(code)) failAll(() => close);
      return !all.size;
    },
  });

  return {
    begin(running) {
      all.set(running, { id: "", failures: 0 });
      link.open();
      start(running);
      return { resume: () => start(running), end: () => finish(running) };
    },
    end: failAll,
    close: () => link.close(1000),
  };
}
