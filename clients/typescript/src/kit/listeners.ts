export type Listener<T> = (value: T) => void;

/** Functions that are called with each value; one that throws is reported to the console and harms no other. */
export interface Listeners<T> {
  add(listener: Listener<T>): () => void;
  notify(value: T): void;
  size(): number;
}

export function listeners<T>(): Listeners<T> {
  const all = new Set<Listener<T>>();
  return {
    add(listener) {
      const own: Listener<T> = (value) => listener(value); // the same function may be added twice
      all.add(own);
      return () => void all.delete(own);
    },
    notify(value) {
      for (const listener of [...all]) {
        try {
          listener(value);
        } catch (error) {
          console.error(error);
        }
      }
    },
    size: () => all.size,
  };
}
