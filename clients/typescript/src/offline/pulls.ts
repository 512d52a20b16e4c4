/**
 * Applying what the server sends: pulls and live commits, each in one transaction with the cursor behind it.
 *
 * A collection that is sent whole gets a new *generation*; what arrives carries it, and at the end what carries an older
 * one is swept. Marks are in the store, so that a tab that ends in between goes on where it was.
 */

import { findRow, type Key, type Memory, put, putSpace, type Row } from "./memory.js";
import { containApplied, containUntil, hasUnanswered, sendAgain } from "./results.js";
import type { Change, LiveEvent, PullResult, Space } from "./types.js";

/** Whether nothing was left to fetch of the subscription at the last pull, nor missed since. */
export const isCurrent = ({ space }: Memory, names: string): boolean => space!.isCurrent && space!.subscription === names;

/** Forgets the cursor: the next pull fetches everything; what is in the store stays until it was replaced. */
export const startAgain = (memory: Memory): void =>
  putSpace(memory, { cursor: "", newest: 0, isCurrent: false, isWhole: false });

/** Something was missed: no live commit is taken before the next pull has come to its end. */
export const distrust = (memory: Memory): void => {
  if (memory.space!.isCurrent) putSpace(memory, { isCurrent: false });
};

/** Applies the answer to a pull from the cursor `asked`; false: it is outdated, and nothing was done. */
export function takePull(memory: Memory, names: string, asked: string, result: PullResult): boolean {
  const { cursor, newest, subscription, isWhole } = memory.space!;
  if (cursor !== asked) return false;
  const { changes, more = false, restart = [], complete = [], settled = 0 } = result;
  const whole = asked ? restart : names.split(",");
  const generations = open(memory, names, whole);
  take(memory, changes, generations);
  for (const name of more ? complete : Object.keys(generations)) {
    if (generations[name]?.[1]) sweep(memory, name, generations);
  }
  if (!more) {
    sendAgain(memory, settled + 1); // acknowledged, and forgotten by a restored server
    containUntil(memory, settled);
  }
  putSpace(memory, {
    cursor: result.cursor, subscription: names, generations: { ...memory.space!.generations, ...generations },
    newest: highest(changes, whole.length ? 0 : newest), isCurrent: !more,
    isWhole: !more || (isWhole && subscription === names),
  });
  return true;
}

/**
 * Applies a live commit, or a position; false: it has to be pulled.
 *
 * So it is where the store is not up to date, and where own writes are under way whose outcome is unknown: only a pull
 * tells which of them it contains. Until that pull no later commit is taken either, for its cursor would skip this one.
 */
export function takeCommit(memory: Memory, names: string, { changes = [], revision = 0, cursor }: LiveEvent): boolean {
  if (!isFollowed(memory, names)) {
    distrust(memory);
    return false;
  }
  const { newest } = memory.space!;
  const isNew = !changes.length || highest(changes, 0) > newest;
  if (isNew) take(memory, changes, memory.space!.generations);
  const now = Math.max(newest, revision);
  containApplied(memory, now);
  putSpace(memory, { newest: now, ...(isNew && { cursor }) });
  return true;
}

/** Whether live events bring all that is new; what they have brought already of own writes is contained. */
export function isFollowed(memory: Memory, names: string): boolean {
  const is = isCurrent(memory, names) && !hasUnanswered(memory);
  if (is) containApplied(memory, memory.space!.newest);
  return is;
}

const highest = (changes: Change[], newest: number): number =>
  changes.reduce((most, { revision = 0 }) => Math.max(most, revision), newest);

// ---------------------------------------------------------------- records

const putRecord = (memory: Memory, key: Key, value?: Pick<Row, "base" | "revision" | "generation">): void =>
  put(memory, "records", [memory.account, ...key], value);

/** The generations of the subscription, after beginning one for what is sent `whole`. */
function open({ space }: Memory, names: string, whole: string[]): Space["generations"] {
  const generations: Space["generations"] = {};
  for (const name of names.split(",")) {
    const [generation, isOpen] = space!.generations[name] ?? [0, false];
    generations[name] = whole.includes(name) ? [generation + 1, true] : [generation, isOpen];
  }
  return generations;
}

function take(memory: Memory, changes: Change[], generations: Space["generations"]): void {
  for (const { kind, collection, parent = "", id, revision = 0, record } of changes) {
    const key: Key = [collection, parent, id];
    const [generation, isOpen] = generations[collection] ?? [0, false];
    const row = findRow(memory, key);
    // What a new generation has not replaced yet is never later: a server that was restored from a backup counts
    // revisions from an earlier number.
    if (row && row.generation >= (isOpen ? generation : 0) && row.revision > revision && revision > 0) continue;
    const base = kind === "create" || kind === "update" ? record! : null;
    putRecord(memory, key, base || row?.over.length ? { base, revision, generation } : undefined);
  }
}

/** Ends a generation: what did not arrive in it is gone. */
function sweep(memory: Memory, name: string, generations: Space["generations"]): void {
  const [current] = generations[name]!;
  generations[name] = [current, false];
  for (const [place, table] of memory.tables) {
    const [collection, parent] = place.split("\n") as [string, string];
    if (collection !== name) continue;
    for (const [id, { base, generation, over }] of table) {
      if (!base || generation >= current) continue;
      putRecord(memory, [collection, parent, id], over.length ? { base: null, revision: 0, generation } : undefined);
    }
  }
}
