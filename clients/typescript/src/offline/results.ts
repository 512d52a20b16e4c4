/** What is pushed next, and what the server's answers do to the outbox. */

import type { Write } from "../contract/changes.js";
import { learn, without } from "../contract/learning.js";
import { createdBy, references, StandIns } from "../contract/temporary.js";
import { isSame } from "../contract/values.js";
import { dropMutation, fieldsOf, type Memory, put, putMutation, putSpace } from "./memory.js";
import { dependents, dropGiven, inState, outbox, realWrite, settleAs } from "./mutations.js";
import type { Mutation, Outcome, Problem, Push, PushResult, RecordId, Settled } from "./types.js";

const MAX_PUSH_WRITES = 1_000;

const bySeq = (one: Mutation, other: Mutation) => one.seq! - other.seq!;

/** The writes that are under way; documents of GraphQL have no seq, and are not among them. */
const underWay = (memory: Memory): Mutation[] => inState(memory, "sent").filter(({ seq }) => seq !== null);

/** Whether writes are under way, of which the outcome is unknown. */
export const hasUnanswered = (memory: Memory): boolean => underWay(memory).length > 0;

/** The number of the first document of GraphQL that is not decided; what is behind it waits. */
export function firstDocument(memory: Memory): number {
  return inState(memory, "pending", "sent").find(({ document }) => document)?.number ?? Infinity;
}

/** Whether there are applied mutations that the store is not known to contain. */
export const hasApplied = (memory: Memory): boolean => inState(memory, "applied").length > 0;

/**
 * The next at most `limit` mutations in order, each with its seq; null: there is nothing to send.
 *
 * Those of which the outcome is unknown come first, as they were. The batch ends before a document, and before a mutation
 * that refers to a temporary id whose real one is not known yet.
 */
export function nextPush(memory: Memory, limit: number): Push | null {
  const { device, acknowledged } = memory.space!;
  let { nextSeq } = memory.space!;
  const mutations: Push["mutations"] = [];
  const made = new Set<string>();
  let size = 0;
  const open = [...underWay(memory).sort(bySeq), ...inState(memory, "pending")];
  const end = firstDocument(memory);
  for (const each of open.filter(({ number }) => number < end).slice(0, limit)) {
    const { id, base, timestamp, writes } = each;
    size += writes.length;
    if (mutations.length && (size > MAX_PUSH_WRITES || writes.some((w) => [...references(w)].some((n) => made.has(n))))) {
      break;
    }
    for (const write of writes) made.add(createdBy(write));
    const seq = each.seq ?? nextSeq++;
    if (each.seq === null) putMutation(memory, { ...each, state: "sent", seq });
    mutations.push({ seq, id, base, timestamp, writes });
  }
  if (!mutations.length) return null;
  if (nextSeq !== memory.space!.nextSeq) putSpace(memory, { nextSeq });
  return { device, acknowledged, mutations };
}

/** The server has taken nothing from `seq` on: these mutations wait as if they had never been sent. */
export function takeBack(memory: Memory, seq: number): void {
  for (const mutation of inState(memory, "sent")) {
    if (mutation.seq! >= seq) putMutation(memory, { ...mutation, state: "pending", seq: null });
  }
  putSpace(memory, { nextSeq: seq });
}

/** Counts a failed push of a mutation alone; `problem` is kept as its reason, should it be settled without content. */
export function failed(memory: Memory, id: string, problem: Problem): number {
  const mutation = outbox(memory).find((each) => each.id === id);
  if (!mutation) return 0;
  const failures = (mutation.failures ?? 0) + 1;
  putMutation(memory, { ...mutation, failures, outcome: { mutation: id, status: "refused", problem } });
  return failures;
}

/** Records the outcomes in a push's answer, once each; a second answer to the same push changes nothing. */
export function settle(memory: Memory, push: Push, { results, settled: upTo }: PushResult): void {
  // Other results may be another store's that has the same device id, until `fork` parts the two.
  const pushed = new Set(push.mutations.map(({ seq }) => seq));
  const known = new Map(results.filter(({ seq }) => pushed.has(seq)).map((each) => [each.seq, each]));
  const open = underWay(memory).filter(({ seq }) => seq! <= upTo && known.has(seq!)).sort(bySeq);
  const names = give(memory, open.map((mutation) => [mutation, known.get(mutation.seq!)!.ids]));
  for (const { number, id, seq } of open) {
    const { status, revision = 0, lost = [], problem } = known.get(seq!)!;
    const mutation = memory.mutations.get(number)!; // which one before it may have changed
    if (status === "applied") {
      const outcome: Outcome = { mutation: id, status, revision, ids: names.get(number) ?? {}, lost };
      const applied: Mutation = { ...mutation, state: "applied", outcome };
      putMutation(memory, applied);
      settleAs(memory, outcome);
      if (mutation.isContained) contain(memory, applied);
    } else if (mutation.state === "sent") hold(memory, mutation, refusalOf(id, status, problem, mutation.outcome));
  }
  const first = Math.min(...underWay(memory).map(({ seq }) => seq!), memory.space!.nextSeq);
  putSpace(memory, { acknowledged: first - 1 });
}

function refusalOf(mutation: string, status: string, problem: Problem | undefined, reason: Outcome | undefined): Outcome {
  if (reason && (status === "withdrawn" || reason.problem?.details?.after)) return reason;
  const missing: Problem = { title: "", status: 409, code: "conflict", message: "the server gave no reason" };
  return { mutation, status: "refused", problem: problem ?? missing };
}

/**
 * Sets a mutation aside with its reason: its writes are undone here, and with it go the unsent ones that need what it
 * would have created. Of those that were sent the server decides; the reason is kept should it refuse them.
 */
export function hold(memory: Memory, mutation: Mutation, outcome: Outcome): void {
  putMutation(memory, { ...mutation, state: "refused", seq: null, outcome });
  settleAs(memory, outcome);
  const { message } = outcome.problem!;
  const problem: Problem = {
    title: "Not found", status: 404, code: "not_found",
    message: `it builds on a record whose creation was refused: ${message}`, details: { after: mutation.id },
  };
  for (const { number } of dependents(memory, mutation)) {
    const dependent = memory.mutations.get(number)!;
    const consequence: Outcome = { mutation: dependent.id, status: "refused", problem };
    if (dependent.state === "pending") hold(memory, dependent, consequence);
    else if (dependent.state === "sent") putMutation(memory, { ...dependent, outcome: consequence });
  }
}

/**
 * What the server sent now holds this mutation: its writes come off the records, and once its outcome is known it leaves
 * the outbox, unless an edit of it was lost.
 */
function contain(memory: Memory, mutation: Mutation): void {
  if (mutation.state === "sent") putMutation(memory, { ...mutation, isContained: true });
  else if (mutation.outcome?.lost?.length) putMutation(memory, { ...mutation, state: "conflicted", seq: null });
  else dropMutation(memory, mutation);
}

/** Contains every mutation up to the device's last settled `seq`, and applied ones that a former device id sent. */
export function containUntil(memory: Memory, until: number): void {
  for (const mutation of inState(memory, "sent", "applied")) {
    const { isContained, document, seq } = mutation;
    if (!isContained && !document && (seq === null || seq <= until)) contain(memory, mutation);
  }
}

/** Contains the mutations that were applied up to a `revision`, of which the store holds all that is visible. */
export function containApplied(memory: Memory, revision: number): void {
  for (const mutation of inState(memory, "applied")) {
    if (mutation.outcome!.revision! <= revision) contain(memory, mutation);
  }
}

// ---------------------------------------------------------------- ids that the server gives

/** Puts the ids that were given to creations in the place of stand-ins; returns them by mutation and stand-in. */
function give(memory: Memory, settled: [Mutation, Settled["ids"]][]): Map<number, Record<string, RecordId>> {
  let given = new StandIns();
  const names = new Map<number, Record<string, RecordId>>();
  for (const [{ number, writes }, ids = {}] of settled) {
    const places = learn(given, writes, ids as Record<number, RecordId>);
    if (places.size) names.set(number, Object.fromEntries([...places].map(([at, { name }]) => [name, ids[at]!])));
  }
  for (const [{ collection, parent, name }, id] of given) {
    put(memory, "temporaries", [memory.account, collection, parent, name], id);
  }
  if (!names.size) return names;
  for (const mutation of outbox(memory)) {
    const after = mutation.writes.map((write) => {
      // A later creation under a stand-in is another record's.
      if (!names.has(mutation.number) && write.act === "create") given = without(given, write);
      return given.write(write, fieldsOf(memory, write), true);
    });
    rename(memory, mutation, after);
  }
  return names;
}

function rename(memory: Memory, mutation: Mutation, writes: Write[]): void {
  const { written = mutation.writes } = mutation;
  if (!isSame(writes, mutation.writes)) putMutation(memory, { ...mutation, writes, written });
}

/**
 * The server has forgotten what these mutations created, and may give other ids: the records have their stand-ins again,
 * and so has whatever names them in the outbox, also by the ids that are forgotten.
 */
function forget(memory: Memory, mutations: Mutation[]): void {
  const forgotten = new Map<string, string>();
  for (const { writes, written = writes } of mutations) {
    writes.forEach((write, at) => {
      const name = String(written[at]!.id);
      if (write.act !== "create" || write.id === name) return;
      forgotten.set(pathOf(write), name);
      dropGiven(memory, [write.collection, write.parent!, name]);
    });
  }
  if (!forgotten.size) return;
  for (const mutation of outbox(memory)) {
    const { writes, written = writes } = mutation;
    rename(memory, mutation, writes.map((write, at) => {
      const original = written[at]!;
      const parts = write.parent!.split("/");
      const parent = original.parent!.split("/").map((part, index) =>
        forgotten.get(parts.slice(0, index + 1).join("/")) ?? part).join("/");
      return realWrite(memory, { ...original, id: forgotten.get(pathOf(write)) ?? original.id!, parent }, true);
    }));
  }
}

const pathOf = ({ parent, collection, id }: Write) => `${parent && `${parent}/`}${collection}/${id}`;

// ---------------------------------------------------------------- pushes that the server could not take

/**
 * Goes on as another device: what is under way will be sent anew under its first seqs. `lostFrom`: the server has
 * forgotten what this device sent from that seq on, so that is sent again too.
 */
export function fork(memory: Memory, device: string, lostFrom?: number): void {
  if (lostFrom !== undefined) sendAgain(memory, lostFrom);
  for (const mutation of outbox(memory)) {
    const { outcome, failures, ...rest } = mutation;
    if (mutation.document) continue;
    if (mutation.state === "sent") putMutation(memory, { ...rest, state: "pending", seq: null, isContained: false });
    else if (mutation.seq !== null) putMutation(memory, { ...mutation, seq: null, isContained: false });
  }
  putSpace(memory, { device, nextSeq: 1, acknowledged: 0 });
}

/** The server asks for seq `expected`: send from there, or go on as another device where that is gone from here. */
export function gap(memory: Memory, expected: number, device: string): void {
  if (inState(memory, "sent", "applied").some(({ seq }) => seq === expected)) sendAgain(memory, expected);
  else fork(memory, device, expected);
}

/** The server has forgotten what this device sent from `from` on: what is still here is under way again. */
export function sendAgain(memory: Memory, from: number): void {
  const lost = inState(memory, "applied").filter(({ seq }) => seq !== null && seq >= from);
  if (memory.space!.acknowledged >= from) putSpace(memory, { acknowledged: from - 1 });
  for (const mutation of lost) putMutation(memory, { ...mutation, state: "sent", outcome: undefined });
  forget(memory, lost);
}
