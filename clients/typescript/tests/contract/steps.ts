import { shapeOf } from "../../src/contract/records.js";
import { StatusError } from "../../src/contract/errors.js";
import { type Memory, newMemory, putSpace, setSchema, viewOf } from "../../src/offline/memory.js";
import { discard, enqueue, outbox, retry } from "../../src/offline/mutations.js";
import { distrust, startAgain, takeCommit, takePull } from "../../src/offline/pulls.js";
import { fork, gap, nextPush, settle } from "../../src/offline/results.js";
import type { Push } from "../../src/offline/types.js";

type Case = Record<string, any>;

const NAMES = "lists,notes";

function empty(schema: any): Memory {
  const memory = newMemory();
  memory.account = "ada";
  for (const name of NAMES.split(",")) memory.loaded.add(name);
  if (schema) memory.shapes.set("notes", shapeOf(schema));
  putSpace(memory, {
    device: "d0", nextSeq: 1, acknowledged: 0, number: 0, wanted: NAMES.split(","), subscription: "", cursor: "",
    newest: 0, isCurrent: false, isWhole: false, generations: {},
  });
  return memory;
}

/** Takes a step; what it answers, or the code of its refusal. */
function take(memory: Memory, last: { push: Push | null }, step: Case): unknown {
  switch (step["do"]) {
    case "write": {
      const writes = step["writes"].map((write: Case) => ({ parent: "", body: {}, ...write }));
      return enqueue(memory, step["id"], writes, step["now"]).map(({ id }) => id);
    }
    case "push": {
      const push = nextPush(memory, step["limit"]);
      if (!push) return null;
      last.push = push;
      const { device, acknowledged, mutations } = push;
      return { device, acknowledged, mutations: mutations.map(({ seq, id, base }) => [seq, id, base]) };
    }
    case "answer": {
      const pushed = last.push ?? { device: "d0", acknowledged: 0, mutations: [] };
      const results = step["outcomes"].slice(0, pushed.mutations.length)
        .map((outcome: Case, at: number) => ({ seq: pushed.mutations[at]!.seq, ...outcome }));
      return settle(memory, pushed, { results, settled: results.at(-1)?.seq ?? 0 });
    }
    case "pull":
      return takePull(memory, NAMES, step["is_outdated"] ? "other" : memory.space!.cursor, step as any);
    case "commit":
      return takeCommit(memory, NAMES, step as any);
    case "describe":
      return setSchema(memory, { etag: "", document: { api: 1, collections: [step["collection"]] } });
    case "start_again":
      return startAgain(memory);
    case "distrust":
      return distrust(memory);
    case "fork":
      return fork(memory, step["device"]);
    case "gap":
      return gap(memory, step["expected"], step["device"]);
  }
  const entry = outbox(memory)[step["position"]];
  if (!entry) return null;
  if (step["do"] === "discard") return discard(memory, entry.id);
  return retry(memory, entry.id, () => step["again"], step["now"]);
}

/** The records that are shown, texts before numbers as SQLite sorts their types' names. */
function records(memory: Memory): unknown[] {
  const found = [...memory.tables].flatMap(([place, table]) => [...table].flatMap(([id, row]) => {
    const [collection, parent] = place.split("\n") as [string, string];
    const view = viewOf(memory, row, [collection, parent, id]);
    return view ? [[collection, parent, id, view] as const] : [];
  }));
  return found.sort(([, , one], [, , other]) => {
    if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
    return one < other ? -1 : 1;
  });
}

/** What each step answers, and the state after the last one. */
export function steps({ schema, steps: given }: Case): unknown {
  const memory = empty(schema);
  const last: { push: Push | null } = { push: null };
  const answers = given.map((step: Case) => {
    try {
      return take(memory, last, step) ?? null;
    } catch (error) {
      if (error instanceof StatusError) return error.code;
      if ((error as Case)["code"] === "already_sending") return "already_sending";
      throw error;
    }
  });
  const { cursor, newest, isCurrent, isWhole, subscription, generations, ...space } = memory.space!;
  const isSame = subscription === NAMES;
  return {
    answers,
    records: records(memory),
    outbox: outbox(memory).map(({ id, state, seq, writes }) => ({
      id, state, seq,
      writes: writes.map(({ act, collection, parent = "", id = "", body = {} }) => [act, collection, parent, id, body]),
    })),
    position: [cursor, newest, isCurrent && isSame, isWhole && isSame],
    generations: Object.fromEntries(Object.entries(generations).filter(([, [generation]]) => generation)),
    space: [space.device, space.nextSeq, space.acknowledged],
  };
}
