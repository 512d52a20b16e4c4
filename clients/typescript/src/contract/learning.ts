/** Learning from the server's answers which ids it has given for stand-ins. */

import type { RecordId, Write } from "./changes.js";
import { isRecordId, isTemporary } from "./ids.js";
import { type DeclaredFields, eachText, idsIn, isMade, keyOf, mayRefer, type Place, StandIns } from "./temporary.js";

/** Whether a device may create a record under this id where the server gives the ids. */
export const isStandIn = (id: unknown): id is string => isTemporary(id) || (isRecordId(id) && !/^\p{Nd}+$/u.test(id));

/** The ids in a write that may be stand-ins, the one of its own creation left out. */
export function candidates(write: Write, fields: DeclaredFields): Set<string> {
  const found = new Set(idsIn(write.parent ?? ""));
  for (const [name, value] of Object.entries(write.body ?? {})) {
    if (mayRefer(fields, name)) eachText(value, (text) => isMade(text) && found.add(text));
  }
  if (write.act !== "create" && typeof write.id === "string") found.add(write.id);
  return new Set([...found].filter(isStandIn));
}

/** Adds the `ids` given to creations of a mutation, by position; returns the places of those that had stand-ins. */
export function learn(
  known: StandIns, writes: readonly Write[], ids: Readonly<Record<number, RecordId>>,
): Map<number, Place> {
  const found = new Map<number, Place>();
  writes.forEach(({ act, collection, parent = "", id: name }, index) => {
    const id = ids[index];
    if (typeof id !== "number" || act !== "create" || !isStandIn(name)) return;
    const place = { collection, parent: known.parent(parent), name };
    found.set(index, place);
    known.add(place, id);
  });
  return found;
}

/** What is known but for the record that `write` creates. */
export function without(known: StandIns, { collection, parent = "", id = "" }: Write): StandIns {
  const made = keyOf({ collection, parent: known.parent(parent), name: String(id) });
  return new StandIns([...known].filter(([place]) => keyOf(place) !== made));
}
