/**
 * The outbox's mutations: making them, and changing those that wait or are held.
 *
 *     pending ── first send ──> sent ──> applied ── what comes from the server holds it ──> gone
 *        ^                       │                                     (conflicted: stays until discarded)
 *        │                       └─────> refused ── retried ──> pending, as a new mutation at the end
 *        └── fork, or a push of which provably nothing was taken ── sent
 *
 * A seq is given at the first send, in the transaction before it, so that seqs have no gaps whatever is discarded.
 * Every function throws what it has to throw before it changes anything.
 */

import { createdBy, references } from "../contract/temporary.js";
import { type Doc, isSame } from "../contract/values.js";
import type { Write } from "../contract/changes.js";
import { refusedHere } from "../contract/errors.js";
import { checkedWrite } from "./checks.js";
import { storeError } from "./errors.js";
import {
  afterWrite, dropMutation, fieldsOf, findRow, type Key, keyOf, type Memory, put, putMutation, putSpace,
  revisionSeen, seen,
} from "./memory.js";
import type { Mutation, Outcome, QueuedDocument, RecordId } from "./types.js";

const MAX_WRITES = 500; // of one mutation
const STEP = 1e-6; // seconds between two timestamps of one instant

/** A write's record: its id as it is known by now, and how it looks with the write; null: deleted. */
export interface Kept {
  id: RecordId;
  record: Doc | null;
}

/** The next hybrid time: the wall clock's `now`, or just after the last timestamp where the clock went back. */
export const timestamp = (memory: Memory, now: number): number => Math.max(now, memory.meta.clock + STEP);

/** The write with the ids that are known in the place of stand-ins; its own creation keeps its id. */
export const realWrite = (memory: Memory, write: Write, isWhole?: boolean): Write =>
  memory.given.write(write, fieldsOf(memory, write), isWhole);

/** Keeps a mutation at the outbox's end. Throws the refusals `conflict`, `not_found`, `validation`, `too_large`. */
export function enqueue(memory: Memory, id: string, writes: readonly Write[], now: number): Kept[] {
  if (writes.length > MAX_WRITES) {
    throw refusedHere("too_large", `one change has at most ${MAX_WRITES} writes, this one ${writes.length}`);
  }
  const written = writes.map(checkedWrite);
  const known = written.map((write) => realWrite(memory, write));
  const moment = timestamp(memory, now);
  const views = new Map<string, [Key, Doc | null]>();
  for (const write of known) {
    const key = keyOf(write);
    const name = JSON.stringify(key);
    const [, before] = views.get(name) ?? [key, seen(memory, key)];
    views.set(name, [key, afterWrite(memory, before, write, moment)]);
  }
  insert(memory, id, known, moment, isSame(known, written) ? undefined : written);
  // What lies on a record already is in its view, and is not worked out again.
  for (const [key, view] of views.values()) findRow(memory, key)!.view = view;
  return known.map((write) => ({ id: write.id!, record: seen(memory, keyOf(write)) }));
}

/** Keeps a mutation at the outbox's end: writes, or a document. */
export function insert(
  memory: Memory, id: string, writes: Write[], moment: number, written?: Write[], document?: QueuedDocument,
): void {
  const number = memory.space!.number + 1;
  const base = writes.map((write) => revisionSeen(memory, keyOf(write)));
  putSpace(memory, { number });
  put(memory, "meta", 0, { ...memory.meta, clock: moment });
  for (const write of writes) {
    // What is created under a stand-in that was used before is what that names from now on.
    if (write.act === "create") dropGiven(memory, keyOf(write));
  }
  putMutation(memory, { number, id, state: "pending", seq: null, timestamp: moment, base, writes, written, document });
}

export function dropGiven(memory: Memory, place: Key): void {
  if (memory.given.id(...place) !== place[2]) put(memory, "temporaries", [memory.account, ...place]);
}

// ---------------------------------------------------------------- held ones

/** The undecided mutations after this one that touch, or refer to, a record that it creates. */
export function dependents(memory: Memory, { number, writes }: Mutation): Mutation[] {
  const creations = writes.filter(({ act }) => act === "create");
  if (!creations.length) return [];
  const keys = creations.map((write) => String(keyOf(write)));
  const names = creations.map(createdBy);
  return inState(memory, "pending", "sent").filter((later) => later.number > number && later.writes.some((write) =>
    (!later.isContained && keys.includes(String(keyOf(write)))) || names.some((name) => references(write).has(name))));
}

/** Sends a refused mutation, and those held because of it, once more as new ones; returns the new id and its records'. */
export function retry(memory: Memory, id: string, fresh: () => string, now: number): { id: string; ids: RecordId[] } {
  const mutation = entryOf(memory, id, "refused");
  const later = inState(memory, "refused").filter(({ outcome }) => outcome?.problem?.details?.after === id);
  const again = fresh();
  dropMutation(memory, mutation);
  insert(memory, again, mutation.writes, timestamp(memory, now), mutation.written, mutation.document);
  for (const each of later) retry(memory, each.id, fresh, now);
  return { id: again, ids: mutation.writes.map((write) => write.id!) };
}

/** Changes the body of a write that was not sent or was refused. A refused one stays held until it is retried. */
export function edit(memory: Memory, id: string, body: Doc, position: number): void {
  const mutation = entryOf(memory, id, "pending", "refused");
  const writes = [...mutation.writes];
  const written = [...(mutation.written ?? writes)];
  if (!writes[position]) throw refusedHere("not_found", `the mutation ${id} has no write ${position}`);
  written[position] = checkedWrite({ ...written[position]!, body });
  writes[position] = realWrite(memory, { ...writes[position], body: written[position].body! });
  putMutation(memory, { ...mutation, writes, written: isSame(writes, written) ? undefined : written });
}

/** Forgets a mutation that was not sent or is held; unsent ones that need what it creates go with it. */
export function discard(memory: Memory, id: string): void {
  const mutation = entryOf(memory, id, "pending", "refused", "conflicted");
  for (const { number, id } of mutation.state === "conflicted" ? [] : dependents(memory, mutation)) {
    if (memory.mutations.get(number)?.state === "pending") discard(memory, id);
  }
  if (mutation.state === "pending") settleAs(memory, { mutation: id, status: "discarded" });
  dropMutation(memory, mutation);
}

function entryOf(memory: Memory, id: string, ...states: Mutation["state"][]): Mutation {
  const mutation = outbox(memory).find((each) => each.id === id);
  if (!mutation) throw refusedHere("not_found", `the outbox has no ${id}`);
  if (!states.includes(mutation.state)) throw storeError("already_sending");
  return mutation;
}

/** All that is in the outbox, in the order in which it was written. */
export const outbox = (memory: Memory): Mutation[] => [...memory.mutations.values()];

export const inState = (memory: Memory, ...states: Mutation["state"][]): Mutation[] =>
  outbox(memory).filter(({ state }) => states.includes(state));

/** Publishes a mutation's outcome to those who wait for it, in this tab or another. */
export const settleAs = (memory: Memory, outcome: Outcome): void => put(memory, "outcomes", outcome.mutation, outcome);
