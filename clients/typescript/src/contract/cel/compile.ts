/** From tokens to checked closures: an operator-precedence parser that decides types as it goes. */

import type { CollectionSchema } from "../schema.js";
import { isObject, parseInstant } from "../values.js";
import { CelError, unsupported } from "./errors.js";
import { tokens } from "./lexer.js";
import { applyMethod, choice, compare, has, index, logic, macro, memberOf, nullTest, readAs, sizeOf } from "./nodes.js";
import { fieldType, type Node, readerOf } from "./types.js";

const RELATION = 4;
const POWERS: { [sign: string]: number } = {
  "?": 1, "||": 2, "&&": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4, in: 4, "+": 5, "-": 5, "*": 6, "/": 6,
  "%": 6,
};
const CONSTANTS = /^(true|false|null|in)$/;
const RESERVED =
  /^(in|as|break|const|continue|else|for|function|if|import|let|loop|namespace|package|return|var|void|while|and|or|not|is|AND|OR|NOT|IN|between|LIKE|like)$/;
const TIMESTAMP = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6}0{0,3})?([Zz]|[+-]\d\d(:?\d\d)?)$/;

const constant = (type: string, value: unknown): Node => ({ type, isConstant: true, get: () => value });

/** The checked expression. `users` are the ids of `auth`; null: there is no such variable, as in a filter. */
export function compileNode(
  source: string,
  schema: CollectionSchema | null | undefined,
  users: "string" | "integer" | null,
): Node {
  const found = tokens(source);
  const isLoose = !schema;
  let at = 0;
  let element: [name: string, type: string] | null = null;

  const unexpected = (): never => {
    const token = found[at]!;
    throw new CelError(token.kind === "end" ? "the expression ends too early" : `unexpected "${token.value}"`, token.start);
  };
  const isAt = (sign: string) => found[at]!.kind === "sign" && found[at]!.value === sign;
  const accept = (sign: string) => isAt(sign) && !!++at;
  const expect = (sign: string) => accept(sign) || unexpected();

  function expression(power: number, depth: number): Node {
    if (depth > 64) throw new CelError("the expression is nested deeper than 64 levels", found[at]!.start);
    let left = prefix(depth);
    for (;;) {
      const { kind, value } = found[at]!;
      const strength = kind === "sign" || value === "in" ? POWERS[String(value)] ?? 0 : 0;
      if (kind === "string" || strength <= power) return left;
      at++;
      left = infix(left, String(value), strength, depth + 1);
    }
  }

  function infix(left: Node, sign: string, strength: number, depth: number): Node {
    if (sign === "?") {
      const then = expression(0, depth);
      expect(":");
      return choice(left, then, expression(0, depth), isLoose);
    }
    if (strength < RELATION) {
      const terms = [left, expression(strength, depth)];
      while (accept(sign)) terms.push(expression(strength, depth));
      return logic(terms, sign === "&&");
    }
    const right = expression(strength, depth);
    if (strength > RELATION || left.isRelation) return unsupported(sign);
    const isNull = left.type === "null" || right.type === "null";
    const node = isNull
      ? nullTest(right.type === "null" ? left : right, sign)
      : sign === "in"
        ? memberOf(left, right, isLoose)
        : compare(left, sign, right, isLoose);
    return { ...node, isRelation: true };
  }

  function prefix(depth: number): Node {
    if (accept("!")) {
      const { get } = readAs(expression(7, depth + 1), "bool", isLoose);
      return {
        type: "bool",
        get: (scope) => {
          const value = get(scope);
          return value === undefined ? value : !value;
        },
      };
    }
    const isNegative = accept("-");
    if (isNegative && !/int|double/.test(found[at]!.kind)) unsupported("-");
    let node = primary(depth, isNegative);
    for (;;) {
      if (accept(".")) node = select(node, depth);
      else if (accept("[")) {
        const { kind, value } = found[at]!;
        const inner = expression(0, depth + 1);
        expect("]");
        if (!inner.isConstant || !/int|string/.test(kind)) unsupported("an index");
        node = kind === "string" && !node.type.startsWith("[") ? field(node, value as string) : index(node, inner);
      } else return node;
    }
  }

  function primary(depth: number, isNegative: boolean): Node {
    const { kind, value, start } = found[at++]!;
    if (kind === "int") {
      const number = isNegative ? -(value as bigint) : (value as bigint);
      if (number !== BigInt.asIntN(64, number)) throw new CelError("this number is too big for a 64-bit integer", start);
      const isSafe = Number.isSafeInteger(Number(number));
      return constant(isSafe ? "int" : "int64", isSafe ? Number(number) : number);
    }
    if (kind === "double") return constant(kind, isNegative ? -value : value);
    if (kind === "string") return constant(kind, value);
    if (kind === "name") return name(value as string, depth);
    at--;
    if (accept("(")) {
      const inner = expression(0, depth + 1);
      expect(")");
      return { ...inner, isRelation: false };
    }
    return accept("[") ? { type: "items", items: list("]", depth), get: () => undefined } : unexpected();
  }

  function list(closing: string, depth: number): Node[] {
    const items: Node[] = [];
    while (!accept(closing)) {
      items.push(expression(0, depth + 1));
      if (!isAt(closing)) expect(",");
    }
    return items;
  }

  function name(word: string, depth: number): Node {
    if (word === "true" || word === "false") return constant("bool", word === "true");
    if (word === "null") return constant("null", null);
    if (RESERVED.test(word)) {
      at--;
      unexpected();
    }
    if (accept("(")) return call(word, list(")", depth));
    if (element?.[0] === word) {
      const read = readerOf(element[1]);
      return { type: element[1], get: (scope) => read(scope[word]) };
    }
    if (word !== "record" && !(users && word === "auth")) unsupported(`the variable "${word}"`);
    const raw = (scope: { readonly [name: string]: unknown }) => scope[word];
    return { type: "object", path: [word], raw, get: raw };
  }

  function call(word: string, [first, ...others]: Node[]): Node {
    if (!first || others.length) return unsupported(`${word}()`);
    if (word === "has" && first.path?.[1]) return has(first, false);
    if (word === "size") return sizeOf(first, isLoose);
    const text = first.isConstant && first.get({});
    if (word !== "timestamp" || typeof text !== "string" || !TIMESTAMP.test(text)) return unsupported(`${word}()`);
    try {
      return constant(word, parseInstant(text));
    } catch {
      return unsupported(`timestamp("${text}")`);
    }
  }

  function select(owner: Node, depth: number): Node {
    const { kind, value } = found[at]!;
    if (kind !== "name" || CONSTANTS.test(value as string)) unexpected();
    at++;
    const word = value as string;
    if (!accept("(")) return field(owner, word);
    if (word !== "exists" && word !== "all") return applyMethod(owner, word, list(")", depth), isLoose);
    const variable = String(found[at]!.value);
    if (found[at++]!.kind !== "name" || element || /^(record|auth|old)$/.test(variable)) unsupported(`${word}()`);
    expect(",");
    element = [variable, owner.type === "dyn" ? "dyn" : owner.type.slice(1)];
    const body = expression(0, depth + 1);
    element = null;
    accept(",");
    expect(")");
    return macro(owner, variable, body, word === "all", isLoose);
  }

  function field(owner: Node, name: string): Node {
    const [variable, ...fields] = owner.path ?? [];
    if (!variable || !/^(object|dyn)$/.test(owner.type)) unsupported(`the field "${name}"`);
    const type = fields.length ? "dyn" : fieldType(variable, name, schema, users ?? "string");
    // The server's databases know no such name inside of a value.
    if (!type || !name || (type === "dyn" && /["\\\x00-\x1f]/.test(name))) return unsupported(`the field "${name}"`);
    const { raw: outer } = owner as { raw: Node["get"] };
    const raw: Node["get"] = (scope) => {
      const value = outer(scope);
      return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
    };
    const read = readerOf(type);
    return { type, path: [...owner.path!, name], raw, get: (scope) => read(raw(scope)) };
  }

  const node = readAs(expression(0, 0), "bool", isLoose);
  if (found[at]!.kind !== "end") unexpected();
  return node;
}
