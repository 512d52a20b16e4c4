/**
 * Which tab keeps the store and the server in step, and how that is doing. One does it for all tabs, and another takes
 * over when it ends. What it then does is in loop.ts.
 */

import type { HinterlandError } from "../contract/errors.js";
import { isSame } from "../contract/values.js";
import type { Client } from "../core/client.js";
import { sleep } from "../kit/clock.js";
import { listeners } from "../kit/listeners.js";
import { locked } from "../kit/locked.js";
import { storeError } from "./errors.js";
import { loadLater } from "./loading.js";
import type { Loop } from "./loop.js";
import type { Store } from "./parts.js";
import type { Status, SyncParts } from "./status.js";

const RETRY = 4_000; // milliseconds until what could not be loaded is asked for again

export function createSync(store: Store, client: Client): SyncParts {
  const { memory } = store;
  const watchers = listeners<Status>();
  const unknown = new Map<string, HinterlandError>();
  let running: AbortController | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  let isOwner = false;
  let isWanted = false, holds = 0; // whether it was started, and what it has to wait for
  let loop: Loop | undefined;

  async function load(): Promise<Loop> {
    const { createLoop } = await loadLater();
    return (loop ??= createLoop(store, sync, client));
  }

  function show(next: Status) {
    const isOther = !isSame(next, sync.status);
    sync.status = next;
    if (isOther) watchers.notify(next);
  }

  /** Without Web Locks each tab synchronises, which the server can bear. */
  const lock = <T>(options: LockOptions, act: (lock: Lock | null) => Promise<T>): Promise<T> =>
    locked(`${store.name}-sync`, act, options);

  async function run(signal: AbortSignal) {
    isOwner = true;
    const { state, error } = sync.status;
    sync.report(state === "offline" ? "offline" : "connecting", error);
    while (!signal.aborted) {
      try {
        await (await load()).run(signal);
      } catch (error) {
        if (!signal.aborted) sync.report("offline", error as HinterlandError);
        await sleep(client.internals.clock, RETRY, signal).catch(() => {});
      }
    }
    isOwner = false;
  }

  async function lead(signal: AbortSignal) {
    const isDone = await lock({ ifAvailable: true }, async (lock) => !!lock && (await run(signal), true));
    if (isDone || signal.aborted) return;
    sync.report("following", sync.status.error);
    store.tell("hello");
    await lock({ signal }, () => run(signal));
  }

  async function halt(error?: HinterlandError) {
    running?.abort();
    running = undefined;
    loop?.unlisten();
    await (loop && ended); // without it nothing is under way, and to load it may take long
    await loop?.rest();
    sync.report("stopped", error);
  }

  const sync: SyncParts = {
    status: { state: "stopped" },
    unknown,
    names: () => (memory.space?.wanted ?? []).filter((name) => !unknown.has(name)).join(","),
    report(state, trouble, syncedAt = sync.status.syncedAt) {
      const error = trouble && { code: trouble.code, message: trouble.message, advice: trouble.advice };
      const { status } = sync;
      show({
        state: running ? state : "stopped", syncedAt, error: isSame(error, status.error) ? status.error : error,
        progress: isOwner ? loop?.progress() : undefined,
      });
      if (isOwner) store.tell("status", sync.status);
    },
    nudge() {
      unknown.clear();
      if (isOwner) loop?.nudge();
      else store.tell("nudge");
    },
    start() {
      isWanted = true;
      if (running || holds) return;
      const { signal } = running = new AbortController();
      unknown.clear();
      sync.report("connecting");
      ended = ended.then(() => lead(signal)).catch((error) => void (signal.aborted || console.error(error)));
    },
    stop(error) {
      isWanted = false;
      return halt(error);
    },
    async held(act) {
      const { state, error } = sync.status;
      holds++;
      await halt();
      await act().finally(() => {
        if (--holds || !isWanted) return;
        sync.start();
        if (state === "offline") sync.report(state, error);
      });
    },
    async now() {
      unknown.clear();
      const { signal } = running ?? new AbortController();
      const { round } = await load();
      if (isOwner) await round(signal);
      else await lock({ ifAvailable: true }, async (lock) => {
        if (!lock) throw storeError("store_busy", "another tab synchronises this store");
        isOwner = true;
        await round(signal).finally(() => (isOwner = false));
      });
      for (const error of unknown.values()) throw error;
    },
    watch(listener) {
      listener(sync.status);
      return watchers.add(listener);
    },
  };

  store.listen("hello", () => isOwner && sync.report(sync.status.state, sync.status.error));
  store.listen("nudge", () => isOwner && sync.nudge());
  store.listen("status", (theirs: Status) => !isOwner && running && show({ ...theirs, state: "following" }));
  store.watch(({ isOutbox, isAll }) => void ((isOutbox || isAll) && loop?.wake()));
  return sync;
}
