import { useCallback, useEffect, useRef, useState } from "react";
import { client } from "../api/shop.ts";

export interface Loaded<T> {
  /** The newest data, kept while it is loaded again or when that fails. */
  readonly data: T | null;
  readonly failure: unknown;
  readonly isLoading: boolean;
  /** Loads again; answers whether it loaded. */
  readonly reload: () => Promise<boolean>;
}

/** Loads at once, whenever `load` changes, and when a lost connection is back; an outdated answer never overwrites a newer one. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  const [isLoading, setLoading] = useState(true);
  const running = useRef<AbortController | null>(null);

  const start = useCallback(async (): Promise<boolean> => {
    running.current?.abort();
    const mine = new AbortController();
    running.current = mine;
    setLoading(true);
    try {
      const loaded = await load(mine.signal);
      if (mine.signal.aborted) return false;
      setData(loaded);
      setFailure(null);
      return true;
    } catch (error) {
      if (!mine.signal.aborted) setFailure(error);
      return false;
    } finally {
      if (running.current === mine) setLoading(false);
    }
  }, [load]);

  useEffect(() => {
    setFailure(null); // it was about something else
    void start();
    return () => running.current?.abort();
  }, [start]);

  useEffect(() => {
    if (failure === null) return undefined;
    return client.connectivity.subscribe((state) => {
      if (state === "online") void start();
    });
  }, [failure, start]);

  return { data, failure, isLoading, reload: start };
}
