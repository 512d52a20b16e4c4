/** Time, so that tests can turn it by hand. All times are in milliseconds. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since some fixed moment; jumps of the wall clock don't change it. */
  monotonic(): number;
  /** Call `act` after `wait`; the returned function prevents that. */
  after(wait: number, act: () => void): () => void;
}

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(wait, act) {
    const timer = setTimeout(act, wait);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `wait`; rejects with the signal's reason when `signal` aborts first. */
export function sleep(clock: Clock, wait: number, signal?: AbortSignal | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      stop();
      reject(signal!.reason);
    };
    const stop = clock.after(wait, () => {
      signal?.removeEventListener("abort", abort);
      resolve();
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort);
  });
}
