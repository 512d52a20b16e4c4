/** A WebSocket of any backend. */

import { failure, type HinterlandError } from "../contract/errors.js";
import type { Random } from "../kit/backoff.js";
import { type Clock, systemClock } from "../kit/clock.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { closeError, queueFull } from "./errors.js";
import { type Link, type LinkState, makeLink, socketAddress, type SocketConstructor } from "./link.js";
import { readers } from "./readers.js";

const MOST_WAITING = 1_000; // messages, in either direction
const MOST_BUFFERED = 1 << 20; // bytes that the network has not taken; further messages wait here
const PUMP = 50; // milliseconds until the network is asked again

/** How messages are written in frames. */
export interface Codec<In, Out> {
  /** A message as a text or bytes. */
  encode(message: Out): string | Uint8Array;
  /** What a text or bytes mean. Throws where they are no message. */
  decode(data: string | Uint8Array): In;
}

/** Texts and bytes, as they are. */
export const plain: Codec<string | Uint8Array, string | Uint8Array> = { encode: (data) => data, decode: (data) => data };

/** Texts are JSON; bytes are as they are. */
export const json: Codec<any, any> = {
  encode: (message) => (message instanceof Uint8Array ? message : JSON.stringify(message)),
  decode: (data) => (typeof data === "string" ? JSON.parse(data) : data),
};

/** The settings of a WebSocket; all may be left out. */
export interface WebSocketOptions<In, Out> {
  /** How messages are written; by default `json`. */
  codec?: Codec<In, Out> | undefined;
  /** The subprotocols that are offered. */
  subprotocols?: readonly string[] | undefined;
  /** The WebSocket of the platform by default; Node 20 needs that of the package `ws`. */
  WebSocket?: SocketConstructor | undefined;
  /** A message that the server answers; it is sent after 15 seconds of silence, and after 15 more the connection is given up. */
  pingMessage?: Out | undefined;
  /** Seconds of silence until `pingMessage` is sent; 15 by default. */
  pingSeconds?: number | undefined;
  /** Messages that may wait to be sent, or to be read by a loop; 1,000 by default. */
  maxQueued?: number | undefined;
  /** Whether to stay closed after the server closed with this code; by default where the same would happen again. */
  isFinal?: ((code: number, reason: string) => boolean) | undefined;
  /** Gets what is no message by the codec; by default the console. */
  onInvalid?: ((error: HinterlandError) => void) | undefined;
  /** Replaced in tests. */
  clock?: Clock | undefined;
  /** Replaced in tests. */
  random?: Random | undefined;
}

/** A WebSocket that is opened again when it is cut. */
export interface WebSocketClient<In, Out> {
  /** Whether messages go out at once. */
  readonly isConnected: boolean;
  /** What it is doing. */
  readonly state: LinkState;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: Listener<LinkState>): () => void;
  /** Open it; resolves when it is open for the first time. Rejects where it is closed before. */
  connect(): Promise<void>;
  /** Send a message; it waits while the connection is cut. Throws `queue_full`, and `closed`. */
  send(message: Out): void;
  /** The messages from now on, for each loop. They end with `disconnect`; a final close of the server is an error. */
  readonly messages: AsyncIterable<In>;
  /** Call `listener` with each message; the returned function ends that. */
  listen(listener: Listener<In>): () => void;
  /** Close it; what waits to be sent is dropped. */
  disconnect(code?: number, reason?: string): void;
}

/** Codes after which the same would happen again (RFC 6455 §7.4.1), and 44xx as GraphQL's and our servers use them. */
export const isFinalCode = (code: number): boolean =>
  [1000, 1002, 1003, 1007, 1008, 1009, 1010].includes(code) || (code >= 4400 && code < 4500 && ![4408, 4429].includes(code));

/** A WebSocket at `url`; it is closed until `connect`. Throws `invalid_setting`. */
export function webSocket<In = any, Out = In>(url: string, options: WebSocketOptions<In, Out> = {}): WebSocketClient<In, Out> {
  const {
    codec = json, clock = systemClock, random = Math.random, maxQueued = MOST_WAITING, isFinal = isFinalCode, pingMessage,
    pingSeconds = 15, onInvalid = console.error, subprotocols, WebSocket,
  } = options;
  const states = listeners<LinkState>();
  const received = readers<In>(maxQueued);
  const queue: (string | Uint8Array)[] = [];
  let connecting: { resolve(): void; reject(error: unknown): void }[] = [];

  function end(error?: HinterlandError) {
    queue.length = 0;
    received.end(error);
    for (const { reject } of connecting) reject(error ?? failure("closed"));
    connecting = [];
  }

  function pump() {
    while (link.state === "connected" && queue.length) {
      if (link.waiting() > MOST_BUFFERED) return void clock.after(PUMP, pump);
      link.send(queue.shift()!);
    }
  }

  const link: Link = makeLink({
    url: socketAddress(url), subprotocols, WebSocket, clock, random,
    silence: () => (pingMessage === undefined ? 0 : pingSeconds),
    ping: () => link.send(codec.encode(pingMessage!)),
    moved: states.notify,
    opened() {
      for (const { resolve } of connecting) resolve();
      connecting = [];
      pump();
    },
    received(data) {
      let message: In;
      try {
        message = codec.decode(data);
      } catch (cause) {
        const found = typeof data === "string" ? data.slice(0, 100) : `${data.length} bytes`;
        return onInvalid(failure("invalid_response", { path: "$", found, cause, detail: String(cause) }));
      }
      received.put(message);
    },
    lost(code, reason, wasOpen) {
      const isOver = wasOpen && isFinal(code, reason);
      if (isOver) end(closeError(code, reason));
      return isOver;
    },
  });

  return {
    get isConnected() {
      return link.state === "connected";
    },
    get state() {
      return link.state;
    },
    subscribe: states.add,
    async connect() {
      link.open();
      if (link.state !== "connected") await new Promise<void>((resolve, reject) => connecting.push({ resolve, reject }));
    },
    send(message) {
      if (link.state === "disconnected") throw failure("closed", { advice: "Call connect() first." });
      if (queue.length >= maxQueued) throw queueFull();
      queue.push(codec.encode(message));
      pump();
    },
    messages: {
      [Symbol.asyncIterator]: () => received.loop().values,
    },
    listen: received.listen,
    disconnect(code = 1000, reason) {
      link.close(code, reason);
      end();
    },
  };
}
