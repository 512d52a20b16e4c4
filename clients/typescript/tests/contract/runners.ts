import { evaluator, UnsupportedExpression } from "../../src/contract/cel/index.js";
import * as changes from "../../src/contract/changes.js";
import { StatusError } from "../../src/contract/errors.js";
import { idMaker, isMadeId, isRecordId, isTemporary } from "../../src/contract/ids.js";
import { checked } from "../../src/contract/kinds.js";
import { candidates, isStandIn, learn } from "../../src/contract/learning.js";
import { add, remove } from "../../src/contract/lists.js";
import { comparator, rank, termsOf, whole } from "../../src/contract/order.js";
import { replay } from "../../src/contract/overlay.js";
import { difference, mergePatch, standing } from "../../src/contract/patches.js";
import { shapeOf } from "../../src/contract/records.js";
import { references, StandIns } from "../../src/contract/temporary.js";
import { instant, isSame, parseBase64, parseInstant, parseInt64 } from "../../src/contract/values.js";
import { errorTexts, queries, retry } from "./requests.js";
import { steps } from "./steps.js";

type Case = Record<string, any>;
/** What the TypeScript client makes of a case, in the form of what is expected. */
export type Runner = (given: Case, expected: unknown) => unknown;

function refused(error: unknown): Case {
  if (!(error instanceof StatusError)) throw error;
  return { code: error.code, message: error.message, errors: error.errors };
}

function attempted(name: string, make: () => unknown, failed = "refused"): Case {
  try {
    return { [name]: make() };
  } catch (error) {
    return { [failed]: failed === "refused" ? refused(error) : (error as Error).message };
  }
}

function merges({ call, policy, base, server, device, patch, old, items, ...given }: Case): unknown {
  switch (call) {
    case "merge": {
      const { value, isLost } = changes.merge(policy, base, server, device, given["is_device_newer"]);
      return { value, is_lost: isLost };
    }
    case "followed":
      return changes.followed(policy, base, server, device);
    case "merge_patch":
      return mergePatch(given["target"], patch);
    case "difference":
      return difference(given["before"], given["after"]);
    case "standing": {
      const kept = standing(base, server, patch, given["is_newer"]);
      return { patch: kept.patch, is_lost: kept.isLost };
    }
    default:
      return (call === "add" ? add : remove)(old, items);
  }
}

function transforms({ call, value, schema, document, body, now }: Case): unknown {
  if (call === "is_transform") return changes.isTransform(value);
  if (call === "unescaped") return changes.unescaped(value);
  return attempted("body", () => changes.resolve(shapeOf(schema), document, body, now));
}

const writes = ({ schema, write, document, now, caller, ...given }: Case): unknown =>
  attempted("document", () => changes.apply(shapeOf(schema, given["is_certain"]), write, document, now, caller));

/** What is left to the server is taken as it is. */
function validation({ field, value, ...given }: Case, expected: unknown): unknown {
  const found = attempted("value", () => checked(field, value), "error");
  return given["is_left_to_the_server"] && found["value"] === value ? expected : found;
}

const overlay = ({ schema, base, writes: timed, caller }: Case): unknown =>
  replay(base, timed.map(({ write, timestamp }: Case) => [write, timestamp]), schema && shapeOf(schema), caller);

function temporary({ call, value, given, schema, write, id, path }: Case): unknown {
  if (call === "is_stand_in") return isStandIn(value);
  const fields = schema?.fields ?? {};
  const known = new StandIns(given.map(([collection, parent, name, id]: any[]) => [{ collection, parent, name }, id]));
  if (call === "references") return [...references(write)].sort();
  if (call === "candidates") return [...candidates(write, fields)].sort();
  if (call === "learn") {
    const learnt = [...learn(known, [write], { 0: id }).values()];
    const places = learnt.map(({ collection, parent, name }) => [collection, parent, name]);
    return { places, parent: known.parent(path) };
  }
  const changed = known.write(write, fields, call === "write_whole");
  return { id: changed.id ?? "", parent: changed.parent ?? "", body: changed.body ?? {} };
}

/** Of an expression that the server refuses, nothing is promised but that it throws no other error. */
function expressions({ expression, schema, record, auth }: Case, expected: unknown): unknown {
  try {
    const found = evaluator(expression, schema)(record, auth) ?? "error";
    return expected === "invalid" ? expected : found;
  } catch (error) {
    if (!(error instanceof UnsupportedExpression)) throw error;
    return expected === "invalid" ? expected : "unsupported";
  }
}

function order({ call, value, sort, schema, records }: Case): unknown {
  if (call === "rank") {
    try {
      return rank(value);
    } catch (error) {
      return refused(error);
    }
  }
  const keys = sort.length ? sort : ["-created_at", "-id"];
  const terms = termsOf(keys, (name) => (schema.fields[name]?.kind === "int64" ? whole : rank));
  return [...records].sort(comparator(terms)).map(({ id }) => id);
}

function values({ call, one, other, value }: Case): unknown {
  if (call === "is_same") return isSame(one, other);
  if (call === "instant") return instant(value);
  const read = { parse_instant: parseInstant, parse_int64: parseInt64, parse_base64: parseBase64 }[call as string]!;
  return attempted("value", () => read(value), "error");
}

function ids({ call, value, after, times }: Case): unknown {
  if (call === "made") {
    const make = idMaker(after);
    return times.map((now: number) => make(now).slice(0, 12));
  }
  return { is_record_id: isRecordId, is_temporary: isTemporary, is_made_id: isMadeId }[call as string]!(value);
}

export const RUNNERS: Record<string, Runner> = {
  merges, transforms, writes, validation, overlay, temporary, expressions, order, values, ids, queries, retry,
  errors: errorTexts, steps,
};
