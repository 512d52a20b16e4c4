/** A number from 0 to 1. */
export type Random = () => number;

/**
 * The wait before the try after `attempt` (from 0): anywhere from 0 to `base` doubled with each, never over `cap`, but `least`.
 * The whole range is used, so that many clients that failed together spread out.
 */
export const fullJitter = (attempt: number, base: number, cap: number, random: Random, least = 0): number =>
  Math.max(least, Math.min(cap, base * 2 ** attempt) * random());

/** Milliseconds; a connection that ends sooner counts as a try that failed. */
export const STEADY = 5_000;

/** Milliseconds until the next try, at least what the server asks for: back within 5 s of the network's return. */
export const reconnectWait = (failures: number, random: Random, retryAfter?: number): number =>
  fullJitter(failures, 0.25, 4, random, retryAfter) * 1000;

/**
 * A token bucket that keeps repetitions in proportion: a success pays in `ratio` of one, a repetition takes one.
 * It starts full. While nothing succeeds nothing is paid in, so that an outage is not made worse.
 */
export interface Budget {
  payIn(): void;
  /** Whether a repetition may be made; it is counted as made. */
  take(): boolean;
}

export function budget(ratio = 0.2, reserve = 10): Budget {
  let left = reserve;
  return {
    payIn: () => void (left = Math.min(reserve, left + ratio)),
    take: () => left >= 1 && (left--, true),
  };
}
