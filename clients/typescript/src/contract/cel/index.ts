/**
 * A subset of the server's expressions (CEL), evaluated on the device: literals, paths of `record` and `auth`,
 * comparisons, logic, `?:`, `in`, `has`, `size`, searches in texts, `exists` and `all`. Anything else is unsupported.
 *
 * Undefined is an error, from the leaves to the top, where it denies. Of an expression that the server refuses for its
 * types, nothing is promised.
 */

import { type CollectionSchema, type FieldSchema, META } from "../schema.js";
import { codePoints, type Doc, isObject, member, order, parseInstant } from "../values.js";
import { numberIn, textIn, tokens, unsupported } from "./lexer.js";

export { UnsupportedExpression } from "./lexer.js";

type Get = (scope: Doc) => unknown;

interface Node {
  readonly get: Get;
  /** Of a path: what its last name is looked up in. */
  readonly parent?: Get;
  readonly literal?: string | number | bigint | boolean | null;
  readonly isRelation?: boolean;
  /** Whether it is the variable `record`. */
  readonly isRecord?: boolean;
}

/** The signs between operands, in groups: a later one binds more. */
const POWERS = ["?", "||", "&&", "== != < <= > >= in"];
const RELATION = 4;
const UNARY = 7;
const NAME = /^[A-Za-z_]/;
const CONSTANT = /^(true|false|null)$/;
const TIMESTAMP = /^.{10}t.{8}(\.\d{1,6}0{0,3})?(z|[+-].*)$/i;

/** An operation on values that are none of them errors. */
const strict = (apply: (...values: any[]) => unknown, ...nodes: Node[]): Node => ({
  get(scope) {
    const values: unknown[] = [];
    for (const { get } of nodes) {
      const value = get(scope);
      if (value === undefined) return value;
      values.push(value);
    }
    return apply(...values);
  },
});

const isNumber = (value: unknown) => typeof value === "number" || typeof value === "bigint";
const areLike = (one: unknown, other: unknown) =>
  isNumber(one) ? isNumber(other) : typeof one === typeof other && typeof one !== "object";
const isEqual = (one: unknown, other: unknown) => areLike(one, other) && order(one, other) === 0;

const COMPARISONS: { [sign: string]: (order: number) => boolean } = {
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
};

const letters = (pattern: RegExp, change: "toLowerCase" | "toUpperCase") => (text: unknown) =>
  typeof text === "string" ? text.replace(pattern, (part) => part[change]()) : undefined;
const search = (test: "includes" | "startsWith" | "endsWith") => (text: unknown, part: unknown) =>
  typeof text === "string" && typeof part === "string" ? text[test](part) : undefined;

// By the names of methods and the number of their operands.
const METHODS: { [name: string]: (...values: any[]) => unknown } = {
  size1: (value) =>
    typeof value === "string" ? codePoints(value) : Array.isArray(value) ? value.length : undefined,
  lowerAscii1: letters(/[A-Z]+/g, "toLowerCase"),
  upperAscii1: letters(/[a-z]+/g, "toUpperCase"),
  contains2: search("includes"),
  startsWith2: search("startsWith"),
  endsWith2: search("endsWith"),
};

/** `has(path)` and, negated, `path == null`: an error only if its parent has no value. */
const hasValue = ({ get, parent }: Node, isNegated: boolean): Node =>
  parent
    ? { get: (scope) => (isObject(parent(scope)) ? (get(scope) === undefined) === isNegated : undefined) }
    : unsupported("null");

/** `&&` or `||`: an operand that decides it makes errors in the others irrelevant. */
function decided<T>(items: readonly T[], read: (item: T) => unknown, isAnd: boolean): unknown {
  let result: unknown = isAnd;
  for (const item of items) {
    const value = read(item);
    if (value === !isAnd) return value;
    if (value !== isAnd) result = undefined;
  }
  return result;
}

function parsed(source: string, schema?: CollectionSchema | null): Node {
  const found = tokens(source);
  let at = 0;
  let depth = 0;
  let element = "";

  const accept = (sign: string) => found[at] === sign && !!++at;
  const unexpected = (): never => unsupported(found[at] ?? "the end");
  const expect = (sign: string) => accept(sign) || unexpected();
  const name = () => (NAME.test(found[at] ?? "") ? found[at++]! : unexpected());

  function expression(power: number): Node {
    if (++depth > 64) unsupported("deep nesting");
    let left = prefix();
    for (;;) {
      const sign = found[at]!;
      const strength = 1 + POWERS.findIndex((signs) => signs.split(" ").includes(sign));
      if (strength <= power) break;
      at++;
      left = infix(left, sign, strength);
    }
    depth--;
    return left;
  }

  function infix(left: Node, sign: string, strength: number): Node {
    if (sign === "?") {
      const then = expression(0);
      expect(":");
      const otherwise = expression(0);
      return {
        get(scope) {
          const value = left.get(scope);
          return typeof value === "boolean" ? (value ? then : otherwise).get(scope) : undefined;
        },
      };
    }
    const right = expression(strength);
    if (strength < RELATION) {
      return { get: (scope) => decided([left, right], ({ get }) => get(scope), sign === "&&") };
    }
    if (left.isRelation) unsupported("a chain of comparisons");
    const isNull = left.literal === null || right.literal === null;
    const test = COMPARISONS[sign];
    const node = isNull
      ? hasValue(left.literal === null ? right : left, sign === "==" || (sign !== "!=" && unsupported(sign)))
      : strict(
          test
            ? (a, b) => (areLike(a, b) ? test(order(a, b)) : undefined)
            : (a, b) => (Array.isArray(b) ? b.some((value) => isEqual(value, a)) : undefined),
          left,
          right,
        );
    return { ...node, isRelation: true };
  }

  function prefix(): Node {
    if (accept("!")) return strict((value) => (typeof value === "boolean" ? !value : undefined), expression(UNARY));
    let node = primary(accept("-"));
    for (;;) {
      if (accept(".")) node = select(node);
      else if (accept("[")) {
        const { literal } = expression(0);
        expect("]");
        if (typeof literal === "string") node = field(node, literal);
        else if (!(typeof literal === "number" && literal >= 0)) unsupported("an index");
        else node = strict((list) => (Array.isArray(list) ? list[literal] ?? undefined : undefined), node);
      } else return node;
    }
  }

  function primary(isNegative: boolean): Node {
    const token = found[at] ?? "";
    if (/^[.\d]+/.test(token) && token !== ".") {
      at++;
      const number = numberIn(token);
      return constant(isNegative ? -number : number);
    }
    if (isNegative) unexpected();
    if (/^["']/.test(token)) return constant(textIn(found[at++]!));
    if (accept("(")) {
      const inner = expression(0);
      expect(")");
      return { ...inner, isRelation: false };
    }
    return accept("[") ? strict((...values) => values, ...list("]")) : variable(name());
  }

  function constant(literal: string | number | bigint | boolean | null): Node {
    if (typeof literal === "bigint" && literal !== BigInt.asIntN(64, literal)) unsupported(literal);
    return { literal, get: () => literal };
  }

  function list(closing: string): Node[] {
    const items: Node[] = [];
    while (!accept(closing)) {
      items.push(expression(0));
      if (found[at] !== closing) expect(",");
    }
    return items;
  }

  function variable(word: string): Node {
    if (CONSTANT.test(word)) return constant(JSON.parse(word));
    if (accept("(")) return call(word, list(")"));
    if (word === element) return { get: (scope) => scope[word] ?? undefined };
    if (word !== "record" && word !== "auth") unsupported(`the variable "${word}"`);
    return { get: (scope) => scope[word] ?? undefined, parent: (scope) => scope, isRecord: word === "record" };
  }

  function call(word: string, operands: Node[]): Node {
    const [first] = operands;
    if (!first || operands.length > 1) return unsupported(`${word}()`);
    if (word === "has") return hasValue(first, false);
    if (word === "size") return strict(METHODS["size1"]!, first);
    try {
      if (word === "timestamp" && TIMESTAMP.test(first.literal as string)) {
        return constant(parseInstant(first.literal as string));
      }
    } catch {}
    return unsupported(`${word}()`);
  }

  function select(owner: Node): Node {
    const word = name();
    if (word === "in" || CONSTANT.test(word)) unsupported(word);
    if (!accept("(")) return field(owner, word);
    if (word === "exists" || word === "all") return macro(owner, word === "all");
    const operands = [owner, ...list(")")];
    const key = word + operands.length;
    return Object.hasOwn(METHODS, key) ? strict(METHODS[key]!, ...operands) : unsupported(`${word}()`);
  }

  /** `list.exists(name, condition)` or `.all`. */
  function macro(owner: Node, isAll: boolean): Node {
    if (element) unexpected();
    const own = (element = name());
    expect(",");
    const body = expression(0);
    element = "";
    expect(")");
    return {
      get(scope) {
        const values = owner.get(scope);
        return Array.isArray(values)
          ? decided(values, (value) => body.get({ ...scope, [own]: value }), isAll)
          : undefined;
      },
    };
  }

  function field(owner: Node, name: string): Node {
    const { get, parent, isRecord } = owner;
    const declared = member(schema?.fields as Doc, name) as FieldSchema | undefined;
    const isKnown = !isRecord || !schema || schema.is_open || declared || META.includes(name);
    if (!parent || !isKnown) unsupported(`the field "${name}"`);
    const isInt64 = isRecord && declared?.kind === "int64";
    return {
      parent: get,
      get(scope) {
        const value = get(scope);
        const held = (isObject(value) ? member(value, name) : null) ?? undefined;
        return isInt64 && held !== undefined ? BigInt(held as string) : held;
      },
    };
  }

  const node = expression(0);
  return found.length > at ? unexpected() : node;
}

/** A test of a record: true, false, or undefined for an error. */
export type Evaluation = (record: Doc | null, auth?: Doc | null) => boolean | undefined;

/**
 * The three-valued test that an expression is. Without `schema`, a record's fields may hold anything.
 * Throws UnsupportedExpression.
 */
export function evaluator(text: string, schema?: CollectionSchema | null): Evaluation {
  const { get } = parsed(text, schema);
  return (record, auth) => {
    const value = get({ record, auth });
    return typeof value === "boolean" ? value : undefined;
  };
}

/** The test that an expression is: only true allows. Throws UnsupportedExpression. */
export function compile(
  text: string,
  schema?: CollectionSchema | null,
): (record: Doc | null, auth?: Doc | null) => boolean {
  const test = evaluator(text, schema);
  return (record, auth) => test(record, auth) === true;
}
