import { locked } from "../kit/locked.js";

/**
 * Stores one small secret, the session, for all tabs or processes of an app. A vault may answer at once or by a promise.
 */
export interface Vault {
  /** What is stored; null: nothing. */
  load(): string | null | Promise<string | null>;
  /** Store `data` instead. */
  save(data: string): void | Promise<void>;
  /** Delete what is stored. */
  clear(): void | Promise<void>;
  /** Run `act` while no other tab or process does so with this vault. */
  lock<T>(act: () => Promise<T>): Promise<T>;
  /** Call `listener` when another tab has changed what is stored; the returned function ends that. */
  watch?(listener: () => void): () => void;
}

/** A vault that forgets at the end of the process. */
export function memoryVault(): Vault {
  let kept: string | null = null;
  let last: Promise<unknown> = Promise.resolve();
  return {
    load: () => kept,
    save: (data) => void (kept = data),
    clear: () => void (kept = null),
    lock(act) {
      const turn = last.then(act, act);
      last = turn.catch(() => {});
      return turn;
    },
  };
}

/**
 * The vault of a browser: localStorage, and a Web Lock between tabs. Pages without Web Locks, such as those of plain
 * http from another machine, renew the session in each tab; the server answers all with the same one.
 */
export function browserVault(name: string): Vault {
  return {
    load: () => localStorage.getItem(name),
    save: (data) => localStorage.setItem(name, data),
    clear: () => localStorage.removeItem(name),
    lock: (act) => locked(name, act),
    watch(listener) {
      const changed = (event: StorageEvent) => {
        if ([name, null].includes(event.key)) listener();
      };
      addEventListener("storage", changed);
      return () => removeEventListener("storage", changed);
    },
  };
}

/** The browser's vault where there is one, else one in memory. */
export function defaultVault(name: string): Vault {
  try {
    if (typeof addEventListener === "function" && localStorage.getItem(name) !== undefined) return browserVault(name);
  } catch {
    // Storage is blocked, or there is none.
  }
  return memoryVault();
}
