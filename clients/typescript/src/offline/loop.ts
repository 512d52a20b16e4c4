/**
 * Keeping the store and the server in step: rounds while there is something to do, live events in between.
 *
 * A round pushes local writes and pulls what is new. While live events come in, they bring what is new, own writes too,
 * and a round only pushes; if an own write does not come back soon, since the caller can't see it or the stream is held
 * back on its way, a round pulls.
 */

import { failure, HinterlandError } from "../contract/errors.js";
import type { Client } from "../core/client.js";
import { fullJitter } from "../kit/backoff.js";
import { sleep } from "../kit/clock.js";
import { asked } from "./database.js";
import { put } from "./memory.js";
import { inState } from "./mutations.js";
import type { Store } from "./parts.js";
import { distrust, takeCommit } from "./pulls.js";
import { firstDocument, hasApplied } from "./results.js";
import { createRounds } from "./rounds.js";
import { serverRemote } from "./server.js";
import type { Status, SyncParts } from "./status.js";
import type { LiveEvent } from "./types.js";
import { waiting } from "./waiting.js";

// Seconds. The cap keeps the way back after an outage under five.
const BASE = 0.25, CAP = 4, LONGEST_WAIT = 60;
// Milliseconds: a pull where nothing new is reported, and the time in which an own write comes back as a live event.
const EVERY = 30_000, ECHO = 2_000;
const DESCRIBED = 300_000; // milliseconds after which the app's description is asked for again
const KEPT_OUTCOMES = 20_000;
const TOGETHER = 200; // live events that are applied in one transaction at most

export interface Loop {
  /** Synchronises until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** One whole round. */
  round(signal: AbortSignal): Promise<void>;
  /** A whole round at once. */
  nudge(): void;
  /** There may be something to do. */
  wake(): void;
  /** Of the first synchronisation. */
  progress(): Status["progress"];
  /** Ends the live events. */
  unlisten(): void;
  /** Until no transaction is under way. */
  rest(): Promise<unknown>;
}

export function createLoop(store: Store, sync: SyncParts, client: Client): Loop {
  const { memory } = store;
  const { clock, random } = client.internals;
  const { unknown, names: what, report } = sync;
  const { wait, wake } = waiting(clock);
  const remote = serverRemote(client);
  const rounds = createRounds(store, remote, clock, unknown, () => report(sync.status.state, sync.status.error));
  let live: AbortController | undefined;
  let listening = "", fetched = ""; // the names of the stream, and of the last round
  let wasReady = false, isStreaming = false, isNudged = false, isDue = false;
  let pullAt = 0; // when the next round pulls in any case, by the monotonic clock
  let echoBy = Infinity; // until when own writes that were pushed should have come back
  let turn: Promise<unknown> = Promise.resolve();

  function exclusive<T>(act: () => Promise<T>): Promise<T> {
    const run = turn.then(act);
    turn = run.catch(() => {});
    return run;
  }

  function progress(): Status["progress"] {
    const names = memory.space?.isWhole || !what() ? [] : what().split(",");
    const records = [...memory.tables]
      .reduce((sum, [place, { size }]) => sum + (names.includes(place.split("\n")[0]!) ? size : 0), 0);
    return names.length ? { collections: names.length, records } : undefined;
  }

  /** Forgets the outcomes of long ago. */
  async function trim() {
    const outcomes = (await store.transaction("readwrite")).objectStore("outcomes");
    const count = await asked(outcomes.count());
    if (count <= KEPT_OUTCOMES) return;
    const keys = await asked(outcomes.getAllKeys(null, count - KEPT_OUTCOMES));
    outcomes.delete(IDBKeyRange.upperBound(keys.at(-1))); // their ids sort by time
  }

  async function run(signal: AbortSignal) {
    let failures = 0;
    trim().catch(() => {}); // or at the next start
    pullAt = 0;
    while (!signal.aborted) {
      const isWhole = isNudged;
      isNudged = isDue = false;
      try {
        await round(isWhole, signal);
        failures = 0;
        if (!signal.aborted) listen();
        await idle(signal);
      } catch (error) {
        if (signal.aborted) break;
        const known = error instanceof HinterlandError ? error : failure("error", { detail: String(error) });
        if (known !== error) console.error(error); // an error of our own must not end synchronisation silently
        if (/^(unauthorized|invalid_grant)$/.test(known.code) && known.isDecided) {
          report("paused", known);
          await wait(Infinity, signal, () => isNudged);
          continue;
        }
        pullAt = 0;
        unknown.clear(); // a server that was away may be another when it is back
        report("offline", known);
        const pause = known !== error ? LONGEST_WAIT
          : fullJitter(failures++, BASE, CAP, random, known.retryAfter);
        await wait(Math.min(pause, LONGEST_WAIT) * 1000, signal, () => isNudged);
      }
    }
  }

  const due = () => Math.min(pullAt, echoBy);
  const hasWork = () => isNudged || isDue || what() !== fetched
    || (memory.account !== "" && inState(memory, "pending").some(({ number }) => store.post || number < firstDocument(memory)));

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
    await describe(signal);
    let syncedAt: number | undefined;
    if (await rounds.run(what, isLive, signal)) {
      pullAt = clock.monotonic() + EVERY;
      echoBy = Infinity;
      syncedAt = clock.now() / 1000;
    } else expectEcho();
    fetched = what();
    if (!signal.aborted) report("online", undefined, syncedAt);
  });

  let described: string | undefined;
  let describeAt = 0; // when the description may be another, by the monotonic clock
  const known = () => `${memory.account} ${!memory.schema}`;

  /** Keeps the app's description, for each account, after each outage, and every five minutes. */
  async function describe(signal: AbortSignal) {
    const now = clock.monotonic();
    if (described === known() && sync.status.state === "online" && now < describeAt) return;
    const found = await remote.describe(memory.account, memory.schema, signal);
    if (found) {
      await store.write((memory) => {
        if (memory.schema !== found || memory.certain !== found.etag) put(memory, "meta", 1, found);
      });
    }
    described = known();
    describeAt = now + DESCRIBED;
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
        // That it has ended is known as soon as it finds nothing left: the next event may come in the next microtask.
        taking ??= takeAll(names, events, own.signal, () => (taking = undefined))
          .catch(() => own.abort()); // what was not kept is fetched again
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
  async function takeAll(names: string, events: LiveEvent[], signal: AbortSignal, onEnd: () => void) {
    while (events.length && !signal.aborted) {
      const end = events.findIndex((event) => !isCommit(event));
      if (end) await take(names, events.splice(0, end < 0 ? events.length : end));
      else await on(events.shift()!);
    }
    onEnd();
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
      if (sync.status.state !== "online" || wasReady) isNudged = true;
      wasReady = isStreaming = true;
    }
    wake();
  }

  /** Applies what came in one transaction: one for each would bind a busy stream to the speed of the disk. */
  const take = (names: string, group: LiveEvent[]) => exclusive(async () => {
    const areTaken = await store.write((memory) => group.every((event) => takeCommit(memory, names, event)), true);
    if (echoBy < Infinity) expectEcho();
    if (!areTaken) isDue = true;
    // It is said at the next occasion: watchers are not called for each event.
    else if (group.some(({ changes }) => changes?.length)) sync.status = { ...sync.status, syncedAt: clock.now() / 1000 };
    wake();
  });

  return {
    run, wake, unlisten, progress,
    round: (signal) => round(true, signal),
    nudge() {
      isNudged = true;
      wake();
    },
    rest: () => turn,
  };
}
