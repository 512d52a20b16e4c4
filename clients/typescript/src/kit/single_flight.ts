import { valueAt } from "./value_at.js";

/** Callers that come while a run for the same key is under way get its outcome, value or error. */
export function singleFlight<T>(): (key: unknown, act: () => Promise<T>) => Promise<T> {
  const runs = new Map<unknown, Promise<T>>();
  return (key, act) => valueAt(runs, key, () => act().finally(() => runs.delete(key)));
}
