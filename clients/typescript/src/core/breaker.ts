import { failure, NetworkError } from "../contract/errors.js";
import type { Random } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { type Layer, originOf } from "./exchange.js";

const MOST_FAILURES = 5; // in a row; one more than the attempts of a call
const GATEWAYS = [502, 504]; // the statuses of a gateway that can't reach the server, which itself has others
const WAIT_BASE = 0.5, WAIT_CAP = 4; // seconds between probes

/** "online" until calls in a row have no response, or a gateway's that the server is gone; "offline" until one has. */
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
    if (opened && size()) {
      stopTimer = clock.after(left(), () => {
        probeAt = 0; // timers may be early
        probe();
      });
    }
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
      let isGone;
      try {
        const response = await send(request);
        isGone = GATEWAYS.includes(response.status);
        if (!isGone) failures = opened = 0;
        changed();
        return response;
      } catch (error) {
        isGone = error instanceof NetworkError && error.code !== "tls";
        throw error;
      } finally {
        if (isGone && (++failures >= MOST_FAILURES || isProbe) && !left()) trip();
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
