import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { RUNNERS } from "./runners.js";

// VECTORS: other files, which were drawn for one run.
const FOLDER = process.env["VECTORS"] ?? join(import.meta.dirname, "../../../../contract/vectors");
const topics = readdirSync(FOLDER).filter((file) => file.endsWith(".json")).map((file) => file.slice(0, -5));

/** A value as it comes back from JSON. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify({ value }));

test("every file of vectors has a runner", () => {
  expect(Object.keys(RUNNERS).sort()).toEqual(topics.sort());
});

test.each(topics)("%s: each case gives what the Python client makes of it", (topic) => {
  const { schemas = {}, cases } = JSON.parse(readFileSync(join(FOLDER, `${topic}.json`), "utf8"));
  const differing = cases.flatMap(({ name, expected, ...given }: Record<string, any>) => {
    const found = RUNNERS[topic]!({ ...given, schema: given.schema && schemas[given.schema] }, expected);
    return isDeepStrictEqual(plain(found), plain(expected)) ? [] : [{ name, given, expected, found }];
  });
  expect(differing).toEqual([]);
});
