/** Messages for any number of readers: loops, each at its own pace, and listeners. */

import { failure } from "../contract/errors.js";
import { type Listener, listeners } from "../kit/listeners.js";
import { type Mailbox, mailbox } from "../kit/mailbox.js";

export interface Readers<T> {
  /** A message for all. A loop that is more than `most` behind ends with `connection_lost`. */
  put(message: T): void;
  listen(listener: Listener<T>): () => void;
  /** The messages from now on. */
  loop(): Mailbox<T>;
  end(error?: unknown): void;
}

/** With `isWaiting`, the last `most` messages before the first reader wait for it. */
export function readers<T>(most: number, isWaiting = false): Readers<T> {
  const heard = listeners<T>();
  const loops = new Set<Mailbox<T>>();
  const unread: T[] = [];

  function hand(message: T) {
    heard.notify(message);
    for (const loop of [...loops]) {
      if (loop.put(message) || !loops.delete(loop)) continue;
      loop.end(failure("connection_lost", { message: `More than ${most} messages were not read in time.` }));
    }
  }

  /** What waits is handed out when those that are added together are there. */
  function begin() {
    if (isWaiting) queueMicrotask(() => {
      if (!isWaiting || !(loops.size || heard.size())) return; // a component may have been unmounted at once
      isWaiting = false;
      unread.splice(0).forEach(hand);
    });
  }

  return {
    put(message) {
      if (!isWaiting) return hand(message);
      unread.push(message);
      if (unread.length > most) unread.shift();
    },
    listen(listener) {
      begin();
      return heard.add(listener);
    },
    loop() {
      const loop = mailbox<T>(most, undefined, () => loops.delete(loop));
      loops.add(loop);
      begin();
      return loop;
    },
    end(error) {
      for (const loop of loops) loop.end(error);
      loops.clear();
    },
  };
}
