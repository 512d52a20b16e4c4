/** Prints cel-spec's simple cases as JSON lines: {"name": …, "case": cel.expr.conformance.test.SimpleTest}. */

import { tests } from "./node_modules/@bufbuild/cel-spec/dist/esm/testdata/conformance.js";

function print(suite, path) {
  for (const inner of suite.suites ?? []) print(inner, [...path, inner.name]);
  for (const { original } of suite.tests ?? []) {
    process.stdout.write(`${JSON.stringify({ name: [...path, original.name].join("/"), case: original })}\n`);
  }
}

print(tests, []);
