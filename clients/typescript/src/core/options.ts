/** The settings of a client; times are in seconds. */
export interface Options {
  /** The limit of a call with all its attempts and waits. */
  deadline: number;
  /** The limit for the next piece of a response. */
  read: number;
  /** Attempts after the first, of requests that are safe to repeat. */
  retries: number;
  /** The longest first wait between attempts; it doubles with each, and the actual wait is a random part of it. */
  retryBase: number;
  /** The same after 429 and 503. */
  retryBaseBusy: number;
  /** The longest wait; a longer Retry-After is not waited for. */
  retryCap: number;
  /** Headers that are sent with every request to the backend, and to no other server. */
  headers: Record<string, string>;
}

export const DEFAULTS: Options = {
  deadline: 60, read: 30, retries: 3, retryBase: 0.1, retryBaseBusy: 1, retryCap: 30, headers: {},
};
