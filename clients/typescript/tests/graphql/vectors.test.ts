import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { type FetchPolicy, plan, recordCache } from "../../src/graphql/cache.js";
import { prepare } from "../../src/graphql/document.js";
import { canonical, shapeOf } from "../../src/graphql/normal.js";

type Case = Record<string, any>;

// VECTORS: other files, which were drawn for one run.
const FOLDER = process.env["VECTORS"] ?? join(import.meta.dirname, "../../../../contract/vectors");

const sorted = (keys: Iterable<string>) => [...keys].sort();

function steps({ steps, most, possible }: Case): Case {
  const cache = recordCache(most ?? undefined);
  const answers = steps.map(({ do: act, id, name, document, operation, variables, data }: Case) => {
    const shape = () => shapeOf(prepare(document, operation), variables, possible);
    switch (act) {
      case "write":
        return sorted(cache.write(shape(), data));
      case "optimistic":
        return sorted(cache.optimistic(id, shape(), data));
      case "rollback":
        return sorted(cache.rollback(id));
      case "evict":
        return sorted(cache.evict(name));
      case "clear":
        return sorted(cache.clear());
      default: {
        const { data: found, isComplete, keys } = cache.read(shape());
        return { data: found, is_complete: isComplete, keys: sorted(keys) };
      }
    }
  });
  return { answers, records: Object.fromEntries(cache.records), used: [...cache.used] };
}

function run({ call, document, value, policy, variables, operation, ...given }: Case): unknown {
  switch (call) {
    case "typenames":
      try {
        return { text: prepare(document).text };
      } catch {
        return { error: true };
      }
    case "canonical":
      return canonical(value);
    case "plan":
      return plan(policy as FetchPolicy, given["is_complete"]);
    case "fields":
      return shapeOf(prepare(document, operation), variables).rootFields();
    default:
      return steps(given);
  }
}

test("a document, and what a cache makes of results, is what the Python client makes of them", () => {
  const { cases } = JSON.parse(readFileSync(join(FOLDER, "graphql/cache.json"), "utf8"));
  const plain = (value: unknown) => JSON.parse(JSON.stringify({ value }));
  const differing = cases.flatMap(({ name, expected, ...given }: Case) => {
    const found = run(given);
    return isDeepStrictEqual(plain(found), plain(expected)) ? [] : [{ name, given, expected, found }];
  });
  expect(differing).toEqual([]);
  expect(cases.length).toBeGreaterThan(40);
});
