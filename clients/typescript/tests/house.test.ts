import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";
import { DEFAULTS } from "../src/core/options.js";
import * as graphql from "../src/graphql/index.js";
import * as core from "../src/index.js";
import * as queue from "../src/queue/index.js";
import * as react from "../src/react/index.js";
import * as socket from "../src/socket/index.js";

const ROOT = join(import.meta.dirname, "..");
const SOURCE = join(ROOT, "src");
// Each may import from itself and those before it; those behind `offline` also not from each other.
const FLOORS = ["kit", "contract", "core", "offline", "socket", "graphql", "queue", "react", "tanstack", "sqlite"];
const LONGEST_FILE = 300;

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join(folder, file));

const importsOf = (file: string): string[] =>
  [...readFileSync(file, "utf8").matchAll(/\bfrom "([^"]+)"|\bimport\("([^"]+)"\)|^import "([^"]+)"/gm)]
    .map((found) => (found[1] ?? found[2] ?? found[3])!);

const floorOf = (file: string): string => relative(SOURCE, file).split("/")[0]!;

test("a folder imports only from those below it", () => {
  const violations = filesIn(SOURCE).flatMap((file) => {
    const own = FLOORS.indexOf(floorOf(file));
    if (own < 0) return [];
    return importsOf(file).filter((path) => path.startsWith(".")).filter((path) => {
      const other = FLOORS.indexOf(floorOf(join(dirname(file), path)));
      return other < 0 || other > own || (other !== own && other >= FLOORS.indexOf("react"));
    }).map((path) => `${relative(SOURCE, file)}: ${path}`);
  });
  expect(violations).toEqual([]);
});

test("every folder of the source is a floor", () => {
  const folders = readdirSync(SOURCE, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(folders.map((folder) => folder.name).filter((name) => !FLOORS.includes(name))).toEqual([]);
});

test("the source needs no package but the peers of its adapters", () => {
  const packages = filesIn(SOURCE).flatMap((file) =>
    importsOf(file).filter((path) => !path.startsWith(".")).map((path) => `${floorOf(file)}: ${path}`));
  const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  expect(packages.filter((found) => {
    const [floor, name] = found.split(": ") as [string, string];
    return !(["react", "tanstack"].includes(floor) && Object.keys(peerDependencies).includes(name));
  })).toEqual([]);
});

test("a file has at most 300 lines, of at most 130 characters but for rows of a table", () => {
  const files = [...filesIn(SOURCE), ...filesIn(join(ROOT, "tests"))];
  const long = files.map((file) => ({ file: relative(ROOT, file), lines: readFileSync(file, "utf8").split("\n") }))
    .filter(({ lines }) => lines.length > LONGEST_FILE + 1 || lines.some((line) => line.length > 130 && !/^\w+\|/.test(line)))
    .map(({ file }) => file);
  expect(long).toEqual([]);
});

test("nothing sleeps in a test, and nothing is left out or tried alone", () => {
  const banned = /\bsetTimeout\(|\.(only|skip|todo)\(/;
  const found = filesIn(join(ROOT, "tests"))
    .filter((file) => !file.endsWith("house.test.ts") && !file.includes("/support/"))
    .filter((file) => banned.test(readFileSync(file, "utf8")));
  expect(found.map((file) => relative(ROOT, file))).toEqual([]);
});

test("every option and everything that the package exports is documented", () => {
  const page = readFileSync(join(ROOT, "../../docs/typescript.md"), "utf8");
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const shown = typeof value === "number" ? String(value) : "none";
    expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| ${shown} \\| `, "m"));
  }
  expect([...Object.keys(core), ...Object.keys(react)].filter((name) => !new RegExp(`\\b${name}\\b`).test(page))).toEqual([]);
  const live = readFileSync(join(ROOT, "../../docs/typescript-live.md"), "utf8");
  expect([socket, graphql, queue].flatMap(Object.keys).filter((name) => !new RegExp(`\\b${name}\\b`).test(live))).toEqual([]);
});
