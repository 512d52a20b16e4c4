import type { Clock } from "../kit/clock.js";

/** A wait of one loop that others end early. */
export function waiting(clock: Clock) {
  let wake = () => {};
  return {
    wake: () => wake(),
    /** Until `isOver`, looked at after each `wake`, or the time is over, or the signal aborts. */
    wait: (milliseconds: number, signal: AbortSignal, isOver: () => boolean) =>
      new Promise<void>((resolve) => {
        const end = () => {
          stop();
          signal.removeEventListener("abort", end);
          wake = () => {};
          resolve();
        };
        const stop = milliseconds < Infinity ? clock.after(milliseconds, end) : () => {};
        wake = () => void ((isOver() || signal.aborted) && end());
        signal.addEventListener("abort", end);
        wake();
      }),
  };
}
