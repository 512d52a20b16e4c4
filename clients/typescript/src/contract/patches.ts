/** Merge patches of JSON objects (RFC 7396), and the part of one that is kept where another device changed the same. */

import { type Doc, isObject, isSame, member, put } from "./values.js";

/** `target` after `patch`; neither is changed. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Doc = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else put(merged, name, mergePatch(member(merged, name), value));
  }
  return merged;
}

/** The patch that makes `after` of `before`; a member that is null is one that is not there. */
export function difference(before: Doc, after: Doc): Doc {
  const patch: Doc = {};
  for (const name of Object.keys(before)) if ((member(after, name) ?? null) === null) put(patch, name, null);
  for (const [name, value] of Object.entries(after)) {
    const was = member(before, name) ?? null;
    if (isObject(value) && isObject(was)) {
      const inner = difference(was, value);
      if (Object.keys(inner).length) put(patch, name, inner);
    } else if (!isSame(was, value)) put(patch, name, value);
  }
  return patch;
}

/** The part of a device's `patch` that is kept on the object `server`, which was `base` when the device saw it. */
export function standing(base: unknown, server: Doc, patch: Doc, isNewer: boolean): { patch: Doc; isLost: boolean } {
  const before = isObject(base) ? base : {};
  const kept: Doc = {};
  let isLost = false;
  for (const [name, value] of Object.entries(patch)) {
    const was = member(before, name) ?? null;
    const now = member(server, name) ?? null;
    if (isObject(value) && isObject(now)) {
      const inner = standing(was, now, value, isNewer);
      put(kept, name, inner.patch);
      isLost ||= inner.isLost;
    } else if (isNewer || isSame(was, now) || isSame(mergePatch(now, value), now)) put(kept, name, value);
    else isLost = true;
  }
  return { patch: kept, isLost };
}
