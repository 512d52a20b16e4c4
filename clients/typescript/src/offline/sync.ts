/**
 * Keeping the store and the server in step: rounds while there is something to do, live events in between.
 *
 * A round pushes local writes and pulls what is new. While live events come in, they bring what is new, own writes too,
 * and a round only pushes; if an own write does not come back soon, since the caller can't see it or the stream is held
 * back on its way, a round pulls. One tab does this for all, and another takes over when it ends.
 */

import { failure, HinterlandError } from "../contract/errors.js";
import { isSame } from "../contract/values.js";
import { fullJitter, type Random } from "../kit/backoff.js";
import { type Clock, sleep } from "../kit/clock.js";
import { listeners } from "../kit/listeners.js";
import { StoreError, storeError } from "./errors.js";
import { distrust, takeCommit } from "./pulls.js";
import type { Remote } from "./remote.js";
import { hasApplied } from "./results.js";
import { createRounds } from "./rounds.js";
import type { Store } from "./parts.js";
import type { Status, SyncParts, Trouble } from "./status.js";
import type { LiveEvent } from "./types.js";
import { waiting } from "./waiting.js";

// Seconds. The cap keeps the way back after an outage under five.
const BASE = 0.25, CAP = 4, LONGEST_WAIT = 60;
// Milliseconds: a pull where nothing new is reported, and the time in which an own write comes back as a live event.
const EVERY = 30_000, ECHO = 2_000;
const TOGETHER = 200; // live events that are applied in one transaction at most

export function createSync(store: Store, remote: Remote, clock: Clock, random: Random): SyncParts {
  const { memory } = store;
  const watchers = listeners<Status>();
  const { wait, wake } = waiting(clock);
  const rounds = createRounds(store, remote, clock, () => report(status.state, status.error, status.syncedAt));
  let status: Status = { state: "stopped" };
  let running: AbortController | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  let isOwner = false;
  let live: AbortController | undefined;
  let listening = "", fetched = ""; // the names of the stream, and of the last round
  let wasReady = false, isStreaming = false, isNudged = false, isDue = false;
  let pullAt = 0; // when the next round pulls in any case, by the monotonic clock
  let echoBy = Infinity; // until when own writes that were pushed should have come back
  let turn: Promise<unknown> = Promise.resolve();

  const what = () => (memory.space?.wanted ?? []).filter((name) => !rounds.unknown.has(name)).join(",");

  function exclusive<T>(act: () => Promise<T>): Promise<T> {
    const run = turn.then(act);
    turn = run.catch(() => {});
    return run;
  }

  function report(state: Status["state"], trouble?: Trouble, syncedAt = status.syncedAt) {
    const names = isOwner && !memory.space?.isWhole ? what() : "";
    const error = trouble && { code: trouble.code, message: trouble.message, advice: trouble.advice };
    const progress = names ? { collections: names.split(",").length, records: counted(names.split(",")) } : undefined;
    show({ state, syncedAt, error: isSame(error, status.error) ? status.error : error, progress });
    if (isOwner) store.tell("status", status);
  }

  function show(next: Status) {
    const isOther = !isSame(next, status);
    status = next;
    if (isOther) watchers.notify(status);
  }

  const counted = (names: string[]) => [...memory.tables]
    .reduce((sum, [place, { size }]) => sum + (names.includes(place.split("\n")[0]!) ? size : 0), 0);

  // ---------------------------------------------------------------- the loop

  async function run(signal: AbortSignal) {
    let failures = 0;
    isOwner = true;
    pullAt = 0;
    report(status.state === "offline" ? "offline" : "connecting", status.error);
    while (!signal.aborted) {
      const isWhole = isNudged;
      isNudged = isDue = false;
      try {
        await round(isWhole, signal);
        failures = 0;
        listen();
        await idle(signal);
      } catch (error) {
        if (signal.aborted) break;
        const known = error instanceof HinterlandError ? error : new HinterlandError("error", { detail: String(error) });
        if (known !== error) console.error(error); // an error of our own must not end synchronisation silently
        if (/^(unauthorized|invalid_grant)$/.test(known.code) && known.isDecided) {
          report("paused", known);
          await wait(Infinity, signal, () => isNudged);
          continue;
        }
        pullAt = 0;
        rounds.unknown.clear(); // a server that was away may be another when it is back
        report("offline", known);
        const pause = known !== error ? LONGEST_WAIT
          : Math.max(fullJitter(failures++, BASE, CAP, random), known.retryAfter ?? 0);
        await wait(Math.min(pause, LONGEST_WAIT) * 1000, signal, () => isNudged);
      }
    }
    isOwner = false;
  }

  const due = () => Math.min(pullAt, echoBy);
  const hasWork = () => isNudged || isDue || what() !== fetched
    || (memory.account !== "" && [...memory.mutations.values()].some(({ state }) => state === "pending"));

  /** Until there is something to do, or a pull is due, which live events may put off meanwhile. */
  async function idle(signal: AbortSignal) {
    while (!signal.aborted && !hasWork()) {
      const left = due() - clock.monotonic();
      if (left <= 0) isNudged = true;
      else await wait(left, signal, hasWork);
    }
  }

  /** `isWhole`: it pulls in any case. */
  const round = (isWhole: boolean, signal: AbortSignal) => exclusive(async () => {
    const isLive = !isWhole && isStreaming && clock.monotonic() < due();
    await describe();
    let syncedAt: number | undefined;
    if (await rounds.run(what, isLive, signal)) {
      pullAt = clock.monotonic() + EVERY;
      echoBy = Infinity;
      syncedAt = clock.now() / 1000;
    } else expectEcho();
    fetched = what();
    if (!signal.aborted) report(running ? "online" : "stopped", undefined, syncedAt);
  });

  let described: unknown;
  /** Keeps the app's description, once for each account and outage. */
  async function describe() {
    const { account, schema } = memory;
    if (described === account && status.state === "online") return;
    const found = await remote.describe(account, schema?.etag ?? "");
    described = account;
    if (found) await store.keepSchema(found);
  }

  function expectEcho() {
    if (!hasApplied(memory)) echoBy = Infinity;
    else if (echoBy === Infinity) echoBy = clock.monotonic() + ECHO;
  }

  // ---------------------------------------------------------------- live events

  function unlisten() {
    live?.abort();
    live = undefined;
    isStreaming = false;
  }

  function listen() {
    const names = what();
    if (names !== listening) unlisten();
    listening = names;
    if (!names || live) return;
    live = new AbortController();
    void follow(names, live);
  }

  /** Takes live events until the stream ends for good; a whole round then begins anew. */
  async function follow(names: string, own: AbortController) {
    const events: LiveEvent[] = [];
    let taking: Promise<void> | undefined;
    wasReady = isStreaming = false;
    try {
      const { account, space } = memory;
      for await (const event of remote.events(account, names.split(","), space!.cursor, own.signal)) {
        if (own.signal.aborted) return;
        events.push(event);
        taking ??= takeAll(names, events, own.signal)
          .catch(() => own.abort()) // what was not kept is fetched again
          .finally(() => (taking = undefined));
        if (events.length >= TOGETHER) await taking;
      }
      await taking;
      await sleep(clock, CAP * 1000, own.signal);
    } catch {
      // The next round meets the same refusal, and reports it.
      await sleep(clock, CAP * 1000, own.signal).catch(() => {});
    }
    if (live !== own) return;
    unlisten();
    isDue = true;
    wake();
  }

  const isCommit = ({ kind }: LiveEvent) => kind === "commit" || kind === "position";
  async function takeAll(names: string, events: LiveEvent[], signal: AbortSignal) {
    while (events.length && !signal.aborted) {
      const end = events.findIndex((event) => !isCommit(event));
      if (end) await take(names, events.splice(0, end < 0 ? events.length : end));
      else await on(events.shift()!);
    }
  }

  async function on({ kind, reason = "" }: LiveEvent) {
    if (kind === "offline") {
      isStreaming = false;
      report("offline", failure("connection_lost", { message: reason }));
      isDue = true; // a round shows whether it is the server, or only its streams
    } else if (kind === "resync") {
      await store.write(distrust);
      isDue = true;
    } else {
      // Streams that end again and again bring no news of their own.
      if (status.state !== "online" || wasReady) isNudged = true;
      wasReady = isStreaming = true;
    }
    wake();
  }

  /** Applies what came in one transaction: one for each would bind a busy stream to the speed of the disk. */
  const take = (names: string, group: LiveEvent[]) => exclusive(async () => {
    const areTaken = await store.write((memory) => group.every((event) => takeCommit(memory, names, event)), true);
    if (echoBy < Infinity) expectEcho();
    if (!areTaken) isDue = true;
    else if (group.some(({ changes }) => changes?.length)) status = { ...status, syncedAt: clock.now() / 1000 };
    wake();
  });

  // ---------------------------------------------------------------- for the app

  const lock = <T>(options: LockOptions, act: (lock: Lock | null) => Promise<T>): Promise<T> =>
    globalThis.navigator?.locks ? (navigator.locks.request(`${store.name}-sync`, options, act) as Promise<T>)
      : act({} as Lock); // in a page without locks (plain http) each tab synchronises, which the server can bear

  async function lead(signal: AbortSignal) {
    const isDone = await lock({ ifAvailable: true }, async (lock) => !!lock && (await run(signal), true));
    if (isDone || signal.aborted) return;
    report("following", status.error);
    store.tell("hello");
    await lock({ signal }, () => run(signal));
  }

  const nudge = () => {
    rounds.unknown.clear();
    isNudged = true;
    if (isOwner) wake();
    else store.tell("nudge");
  };

  store.listen("hello", () => isOwner && report(status.state, status.error));
  store.listen("nudge", () => isOwner && nudge());
  store.listen("status", (theirs: Status) => !isOwner && running && show({ ...theirs, state: "following" }));
  store.watch(({ isOutbox, isAll }) => void ((isOutbox || isAll) && wake()));

  const sync: SyncParts = {
    get status() {
      return status;
    },
    names: what,
    unknown: rounds.unknown,
    nudge,
    start() {
      if (running) return;
      running = new AbortController();
      rounds.unknown.clear();
      report("connecting");
      const { signal } = running;
      ended = ended.then(() => lead(signal)).catch((error) => void (signal.aborted || console.error(error)));
    },
    async stop(error) {
      running?.abort();
      running = undefined;
      unlisten();
      await ended;
      await turn;
      report("stopped", error instanceof StoreError ? error : undefined);
    },
    async held(act) {
      const { state, error } = status;
      const isRunning = !!running;
      await sync.stop();
      await act();
      if (isRunning) sync.start();
      if (isRunning && state === "offline") report(state, error);
    },
    async now() {
      rounds.unknown.clear();
      const { signal } = running ?? new AbortController();
      if (isOwner) await round(true, signal);
      else await lock({ ifAvailable: true }, async (lock) => {
        if (!lock) throw storeError("store_busy", "another tab synchronises this store");
        isOwner = true;
        await round(true, signal).finally(() => (isOwner = false));
      });
      for (const error of rounds.unknown.values()) throw error;
    },
    watch(listener) {
      listener(status);
      return watchers.add(listener);
    },
  };
  return sync;
}
