/** One WebSocket after the other: a link that is opened again whenever it is cut. */

import { failure } from "../contract/errors.js";
import { type Random, reconnectWait, STEADY } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";

const PATIENCE = 10_000; // milliseconds for the handshake
const EVENTS = ["online", "visibilitychange", "pagehide"];
const CHECK = 5_000; // milliseconds for the answer to a ping, where the connection may have died meanwhile
const LOST = 1006; // RFC 6455 §7.4.1: it was not closed by the peer

/** What is used of a WebSocket: that of browsers, of Node 22 or newer, or of the package `ws`. */
export interface SocketLike {
  /** The bytes that the network has not taken yet. */
  readonly bufferedAmount: number;
  /** How binary messages come. */
  binaryType: string;
  /** Is called when it is open. */
  onopen: ((event: any) => void) | null;
  /** Is called with each message. */
  onmessage: ((event: any) => void) | null;
  /** Is called when it has ended. */
  onclose: ((event: any) => void) | null;
  /** Is called before it ends by an error. */
  onerror: ((event: any) => void) | null;
  /** Sends a message. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Ends it. */
  close(code?: number, reason?: string): void;
}

/** Makes a WebSocket: `WebSocket` of browsers and of Node 22 or newer, or that of the package `ws`. */
export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

/**
 * "disconnected" until `connect`, and again at the end; "connecting" during a handshake; "waiting" between two tries.
 */
export type LinkState = "disconnected" | "connecting" | "connected" | "waiting";

export interface LinkSettings {
  url: URL;
  subprotocols?: readonly string[] | undefined;
  WebSocket?: SocketConstructor | undefined;
  clock: Clock;
  random: Random;
  /** Seconds of silence after which `ping` is called, and after which a peer that says nothing is given up; 0: none. */
  silence(): number;
  /** Send what the peer answers. */
  ping(): void;
  moved(state: LinkState): void;
  opened(): void;
  received(data: string | Uint8Array): void;
  /** It was cut, or could not be opened (`wasOpen`). True: it stays closed. */
  lost(code: number, reason: string, wasOpen: boolean): boolean;
}

export interface Link {
  readonly state: LinkState;
  open(): void;
  /** For good, or until `open`. */
  close(code?: number, reason?: string): void;
  /** Give up this connection, and open another. */
  drop(): void;
  /** Send at once. */
  send(data: string | Uint8Array): void;
  /** The bytes that the network has not taken yet. */
  waiting(): number;
  /** Try now instead of waiting; ask whether what is open still works. */
  nudge(): void;
}

/** The address of a WebSocket, which may be written as that of a page. Throws `invalid_setting`. */
export function socketAddress(text: string): URL {
  try {
    const url = new URL(text, (globalThis.location as Location | undefined)?.href);
    url.protocol = url.protocol.replace("http", "ws");
    url.hash = "";
    if (/^wss?:$/.test(url.protocol)) return url;
  } catch {
    // It is refused below.
  }
  throw failure("invalid_setting", {
    message: `"${text}" is not the address of a WebSocket.`, advice: "Begin it with wss:// or ws://.",
  });
}

/** A link that is closed. Throws `invalid_setting` where there is no WebSocket. */
export function makeLink(settings: LinkSettings): Link {
  const { clock, random } = settings;
  const Constructor = settings.WebSocket ?? globalThis.WebSocket as SocketConstructor | undefined;
  if (!Constructor) {
    throw failure("invalid_setting", {
      message: "This platform has no WebSocket.", advice: "Give the option WebSocket, such as that of the package ws.",
    });
  }
  let socket: SocketLike | undefined;
  let state: LinkState = "disconnected";
  let failures = 0;
  let openedAt: number | undefined;
  let stopTimer = () => {};
  let listening = new AbortController();

  function move(next: LinkState) {
    if (next !== state) settings.moved(state = next);
  }

  /** What was heard counts as a sign of life. */
  function hear(isAsked = false, silence = settings.silence() * 1000) {
    stopTimer();
    if (!silence) return;
    const due = clock.now() + silence;
    stopTimer = clock.after(silence, () => {
      if (isAsked) drop();
      else ask(clock.now() - due > CHECK ? CHECK : undefined); // this computer has slept
    });
  }

  function ask(patience?: number) {
    settings.ping();
    if (socket) hear(true, patience);
  }

  function begin() {
    stopTimer();
    move("connecting");
    let mine: SocketLike;
    try {
      mine = socket = new Constructor!(settings.url.href, [...settings.subprotocols ?? []]);
    } catch (error) {
      move("disconnected");
      throw failure("invalid_setting", { detail: String(error) }); // as a page of https has no ws
    }
    const own = <E>(act: (event: E) => void) => (event: E) => {
      if (mine === socket) act(event);
    };
    mine.binaryType = "arraybuffer";
    mine.onopen = own(() => {
      openedAt = clock.monotonic();
      hear();
      move("connected");
      settings.opened();
    });
    mine.onmessage = own(({ data }: { data: string | ArrayBuffer }) => {
      hear();
      settings.received(typeof data === "string" ? data : new Uint8Array(data));
    });
    mine.onclose = own(({ code, reason }: { code: number; reason: string }) => ended(code, reason));
    mine.onerror = own(() => {
      if (openedAt === undefined) ended(LOST, ""); // Node 22 reports no close of what was never open
    });
    stopTimer = clock.after(PATIENCE, drop);
  }

  function ended(code: number, reason: string) {
    stopTimer();
    socket = undefined;
    const wasOpen = openedAt !== undefined;
    if (wasOpen && clock.monotonic() - openedAt! >= STEADY) failures = 0;
    openedAt = undefined;
    // Listeners may close it, or open it again.
    if (state === "disconnected" || settings.lost(code, reason, wasOpen)) return move("disconnected");
    if (socket || (state as LinkState) === "disconnected") return;
    stopTimer = clock.after(reconnectWait(failures++, random), begin);
    move("waiting");
  }

  function drop() {
    const old = socket;
    if (!old) return;
    ended(LOST, "");
    old.close();
  }

  function nudge() {
    if (state === "waiting") begin();
    else if (openedAt !== undefined && settings.silence()) ask(CHECK);
  }

  /** There is a network again, or the page is looked at again. A page that is left is kept only without connections. */
  function wake({ type }: Event) {
    if (type === "pagehide") drop();
    else if (type === "online" || !document.hidden) nudge();
  }

  return {
    get state() {
      return state;
    },
    open() {
      if (state !== "disconnected") return;
      listening = new AbortController();
      for (const type of EVENTS) globalThis.addEventListener?.(type, wake, listening);
      failures = 0;
      begin();
    },
    close(code, reason) {
      listening.abort();
      stopTimer();
      const old = socket;
      socket = openedAt = undefined;
      move("disconnected");
      old?.close(code, reason);
    },
    drop,
    send: (data) => socket?.send(data as string),
    waiting: () => socket?.bufferedAmount ?? 0,
    nudge,
  };
}
