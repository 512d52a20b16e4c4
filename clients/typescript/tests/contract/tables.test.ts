import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { errorIn, failure, statusOf } from "../../src/contract/errors.js";
import { OPERATIONS } from "../../src/contract/operations.js";
import { closeError, queueFull } from "../../src/socket/errors.js";
import { PYTHON } from "../support/served.js";

// Prints a table of the Python package as JSON.
const printed = (code: string): any =>
  JSON.parse(execFileSync(PYTHON, ["-c", `import json, sys\n${code}`], { encoding: "utf8", maxBuffer: 10 ** 7 }));

const ERRORS = `
from hinterland.client import errors
from hinterland.client.answers import BY_CODE, BY_STATUS
from hinterland.contract.errors import CODES
row = lambda kind: [kind.message, kind.advice, kind.default_sent]
named = [getattr(errors, name) for name in errors.__all__]
all = [kind for kind in named if isinstance(kind, type) and issubclass(kind, Exception)]
kinds = {kind.code: row(kind) for kind in all if kind is not errors.WrongServer}
print(json.dumps({
    "kinds": kinds,
    "codes": {code: [entry.status, *row(BY_CODE[code])] for code, entry in CODES.items()},
    "statuses": {status: [kind.code, *row(kind)] for status, kind in BY_STATUS.items()},
    "wrong": row(errors.WrongServer),
}))`;

// Kinds that this client can't tell from another or does not have: fetch gives one error for what happens before the
// response; the vault and the loop are the Python client's.
const OTHERS = new Set([
  "name_not_found", "connect_timeout", "pool_timeout", "write_timeout", "timeout", "vault", "wrong_loop",
]);
// Those of another entry than the core.
const OF_SOCKETS = { queue_full: queueFull(), connection_closed: closeError(1000, "") };
const texts = ({ message, advice, sent }: { message: string; advice: string; sent: string }) => [message, advice, sent];

test("every kind of error has the texts of the Python client", () => {
  const { kinds, codes, wrong } = printed(ERRORS);
  for (const [kind, row] of Object.entries<string[]>(kinds)) {
    if (OTHERS.has(kind)) continue;
    const own = kind === "insecure_address" ? [row[0], expect.stringContaining("allowHttp"), row[2]] : row;
    expect(texts(OF_SOCKETS[kind as keyof typeof OF_SOCKETS] ?? failure(kind)), kind).toEqual(own);
  }
  for (const [code, [status, ...row]] of Object.entries<[number, ...string[]]>(codes)) {
    expect([statusOf(code), ...texts(failure(code))], code).toEqual([status, ...row]);
  }
  expect(texts(failure("wrong_server"))).toEqual(wrong);
  expect(Object.keys(kinds).length).toBeGreaterThan(40);
});

test("a status alone means what it means to the Python client", () => {
  const { statuses } = printed(ERRORS);
  for (const [status, [code, ...row]] of Object.entries<string[]>(statuses)) {
    const error = errorIn({ status: Number(status), headers: new Headers(), text: "<html>" }, 0);
    expect([error.code, ...texts(error)], status).toEqual([code, ...row]);
    expect(error.isFromServer).toBe(false);
  }
  expect(errorIn({ status: 418, headers: new Headers(), text: "" }, 0).code).toBe("bad_request");
  expect(errorIn({ status: 599, headers: new Headers(), text: "" }, 0).code).toBe("internal");
});

test("every operation has the method, path and repeatability of the server's table", () => {
  const table = printed(`
from hinterland.contract.operations import OPERATIONS
print(json.dumps({o.name: [o.method, o.path, o.auth != "ignored", o.is_idempotent_by_key, o.is_repeatable]
                  for o in OPERATIONS.values()}))`);
  for (const { name, method, path, hasAuth, hasKey, isRepeatable } of OPERATIONS.values()) {
    const [, serverPath] = table[name];
    expect([method, path, hasAuth, hasKey, isRepeatable], name)
      .toEqual([table[name][0], serverPath.split("{")[0], ...table[name].slice(2)]);
  }
  expect(OPERATIONS.size).toBeGreaterThan(15);
});
