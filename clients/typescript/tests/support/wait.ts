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
