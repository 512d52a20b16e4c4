import { expect, test } from "vitest";
import { evaluator } from "../../../src/contract/cel/index.js";

test("an expression outside the subset is refused with the first sign of it that is not known", () => {
  const signs = { "record.title + 'x' == 'y'": "+", "size(record.title) * 2 + 1 > 4": "*", "'it": "'" };
  for (const [expression, sign] of Object.entries(signs)) {
    const message = `${sign} is not evaluated on this device; ask the server`;
    expect(() => evaluator(expression), expression).toThrow(expect.objectContaining({ message }));
  }
});
