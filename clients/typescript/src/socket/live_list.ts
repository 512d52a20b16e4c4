/** A list that is read again after each change. */

import type { HinterlandError } from "../contract/errors.js";
import type { Page } from "../core/repository.js";
import { listeners } from "../kit/listeners.js";
import type { SocketEvent } from "./messages.js";

/** The records of a query; `data` is undefined until they were there once. */
export interface LiveQueryState<T> {
  /** The records; undefined until they were there once. */
  readonly data: readonly T[] | undefined;
  /** Whether there are no data yet. */
  readonly isLoading: boolean;
  /** Whether the data are older than they should be, for the reason `error`. */
  readonly isStale: boolean;
  /** Why the data are stale or missing. */
  readonly error: HinterlandError | undefined;
}

/** The records of a query as they change, for `useQuery`; the server is followed while somebody subscribes. */
export interface LiveState<T> {
  /** The records now. */
  readonly state: LiveQueryState<T>;
  /** Call `listener` with each new state; the returned function ends that. */
  subscribe(listener: (state: LiveQueryState<T>) => void): () => void;
}

export function liveStates<T>(
  list: () => Promise<Page<T>>,
  follow: (listener: (event: SocketEvent) => void, ended: (error?: unknown) => void) => () => void,
): LiveState<T> {
  const { add, notify, size } = listeners<LiveQueryState<T>>();
  let state: LiveQueryState<T> = { data: undefined, isLoading: true, isStale: false, error: undefined };
  let isReading = false, isOutdated = false;
  let stop = () => {};

  const move = (next: Partial<LiveQueryState<T>>) => notify(state = { ...state, ...next });
  const failed = (error: unknown) => move({ isLoading: false, isStale: true, error: error as HinterlandError });

  async function read() {
    isOutdated = true;
    if (isReading) return;
    isReading = true;
    while (isOutdated && size()) {
      isOutdated = false;
      await list().then(
        ({ items }) => move({ data: items, isLoading: false, isStale: false, error: undefined }), failed,
      );
    }
    isReading = false;
  }

  return {
    get state() {
      return state;
    },
    subscribe(listener) {
      const remove = add(listener);
      if (size() === 1) {
        stop = follow(({ kind }) => {
          if (kind === "offline") move({ isStale: true });
          else if (kind !== "position") void read();
        }, (error) => error && failed(error));
      }
      return () => {
        remove();
        if (!size()) stop();
      };
    },
  };
}
