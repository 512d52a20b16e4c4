/** A number from 0 to 1. */
export type Random = () => number;

/**
 * The wait before the try after `attempt` (from 0): anywhere from 0 to `base` doubled with each, never over `cap`.
 * The whole range is used, so that many clients that failed together spread out.
 */
export const fullJitter = (attempt: number, base: number, cap: number, random: Random): number =>
  Math.min(cap, base * 2 ** attempt) * random();

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
