import { failure, NetworkError } from "../contract/errors.js";
import type { Random } from "../kit/backoff.js";
import type { Clock } from "../kit/clock.js";
import { listeners, type Listener } from "../kit/listeners.js";
import { perKey } from "../kit/per_key.js";
import { type Layer, originOf } from "./exchange.js";

const MOST_FAILURES = 5; // in a row; one more than the attempts of a call
const WAIT_BASE = 0.5, WAIT_CAP = 4; // seconds between probes

/** "online" until calls fail in a row without a response; "offline" until one succeeds. */
export type ConnectivityState = "online" | "offline";

/** Whether the server can be reached, as the client's own calls see it. */
export interface Connectivity {
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

interface Circuit {
  failures: number;
  opened: number;
  /** When the next probe may be made, on the monotonic clock. */
  probeAt: number;
  isProbing: boolean;
}

/**
 * Fails calls at once while a server can't be reached, except for one probe at a time. `probe` is called by itself
 * while somebody subscribes to the connectivity of the server at `origin`. Streams have their own waits and pass.
 */
export function breaker(clock: Clock, random: Random, origin: string, probe: () => void): Breaker {
  const circuitOf = perKey((): Circuit => ({ failures: 0, opened: 0, probeAt: 0, isProbing: false }));
  const subscribers = listeners<ConnectivityState>();
  let stopTimer = () => {};
  let state: ConnectivityState = "online";

  const own = circuitOf(origin);

  function changed() {
    const now: ConnectivityState = own.opened ? "offline" : "online";
    stopTimer();
    if (own.opened && subscribers.size()) stopTimer = clock.after(Math.max(0, own.probeAt - clock.monotonic()), probe);
    if (now !== state) subscribers.notify(state = now);
  }
  function trip(circuit: Circuit) {
    const wait = Math.min(WAIT_CAP, WAIT_BASE * 2 ** circuit.opened++) * (0.5 + random() / 2);
    circuit.probeAt = clock.monotonic() + wait * 1000;
    if (circuit === own) changed();
  }

  return {
    async layer(request, send) {
      const circuit = circuitOf(originOf(request.url));
      const isOpen = circuit.opened > 0;
      const isProbe = isOpen && !circuit.isProbing && clock.monotonic() >= circuit.probeAt;
      if (isOpen && !isProbe && !request.isStream) {
        request.journal.isCut = true;
        throw failure("connect", {
          detail: "calls fail at once until the server responds to a probe",
          retryAfter: Math.max(0, circuit.probeAt - clock.monotonic()) / 1000,
        });
      }
      if (isProbe) circuit.isProbing = true;
      try {
        const response = await send(request);
        circuit.failures = circuit.opened = 0;
        if (circuit === own) changed();
        return response;
      } catch (error) {
        if (error instanceof NetworkError && error.code !== "tls"
            && (++circuit.failures >= MOST_FAILURES || isProbe) && clock.monotonic() >= circuit.probeAt) trip(circuit);
        throw error;
      } finally {
        if (isProbe) circuit.isProbing = false;
      }
    },
    connectivity: {
      get state() {
        return state;
      },
      subscribe(listener) {
        const stop = subscribers.add(listener);
        changed();
        return stop;
      },
    },
    nudge() {
      own.probeAt = 0;
      changed();
    },
    open() {
      if (!own.opened) trip(own);
    },
    close: () => stopTimer(),
  };
}
