import { failure, NetworkError } from "../contract/errors.js";
import type { Random } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { type Layer, originOf } from "./exchange.js";

const MOST_FAILURES = 5; // in a row; one more than the attempts of a call
const WAIT_BASE = 0.5, WAIT_CAP = 4; // seconds between probes

/** "online" until calls fail in a row without a response; "offline" until one succeeds. */
export type ConnectivityState = "online" | "offline";

/** Whether the server can be reached, as the client's own calls see it. */
export interface Connectivity {
  /** Whether the last calls had a response. */
  readonly state: ConnectivityState;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: Listener<ConnectivityState>): () => void;
}

export interface Breaker {
  readonly layer: Layer;
  /** That of the backend. */
  readonly connectivity: Connectivity;
  /** Let the next call through at once: the network may be back. */
  nudge(): void;
  /** Fail fast at once: the device has no network. */
  open(): void;
  close(): void;
}

/**
 * Fails calls of the server at `origin` at once while it can't be reached, except for one probe at a time. `probe` is
 * called by itself while somebody subscribes to the connectivity. Streams have their own waits and pass.
 */
export function breaker(clock: Clock, random: Random, origin: string, probe: () => void): Breaker {
  const { add, notify, size } = listeners<ConnectivityState>();
  let failures = 0;
  /** How often in a row it was opened; 0: it is closed. */
  let opened = 0;
  let probeAt = 0;
  let isProbing = false;
  let stopTimer = () => {};
  let state: ConnectivityState = "online";

  /** Milliseconds until the next probe. */
  const left = () => Math.max(0, probeAt - clock.monotonic());
  function changed() {
    const now = opened ? "offline" : "online";
    stopTimer();
    if (opened && size()) stopTimer = clock.after(left(), probe);
    if (now !== state) notify(state = now);
  }
  function trip() {
    probeAt = clock.monotonic() + Math.min(WAIT_CAP, WAIT_BASE * 2 ** opened++) * (500 + random() * 500);
    changed();
  }

  return {
    async layer(request, send) {
      if (originOf(request.url) !== origin) return send(request);
      const isProbe = !!opened && !isProbing && !left();
      if (opened && !isProbe && !request.isStream) throw failure("connect", { retryAfter: left() / 1000 });
      isProbing ||= isProbe;
      try {
        const response = await send(request);
        failures = opened = 0;
        changed();
        return response;
      } catch (error) {
        if (error instanceof NetworkError && error.code !== "tls" && (++failures >= MOST_FAILURES || isProbe) && !left()) {
          trip();
        }
        throw error;
      } finally {
        if (isProbe) isProbing = false;
      }
    },
    connectivity: {
      get state() {
        return state;
      },
      subscribe(listener) {
        const stop = add(listener);
        changed();
        return stop;
      },
    },
    nudge() {
      probeAt = 0;
      changed();
    },
    open() {
      if (!opened) trip();
    },
    close: () => stopTimer(),
  };
}
