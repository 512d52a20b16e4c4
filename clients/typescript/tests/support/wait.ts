const EVERY = 20, WITHIN = 40_000; // milliseconds

/** Until `act` answers what is true; an error of it counts as no. */
export async function wait<T>(act: () => Promise<T>, failed: () => string): Promise<T> {
  for (const end = Date.now() + WITHIN; ; ) {
    const found = await act().catch(() => undefined);
    if (found) return found;
    if (Date.now() > end) throw new Error(failed());
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

/** `promise`, or an error that says what was waited for in vain. */
export function within<T>(what: string, promise: Promise<T>, milliseconds = 60_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`in vain: ${what}`)), milliseconds);
    void promise.then(resolve, reject).finally(() => clearTimeout(limit));
  });
}
