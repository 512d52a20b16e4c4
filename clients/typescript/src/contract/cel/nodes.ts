/** What operators and functions make of their checked operands. Undefined is an error, from the leaves to the top. */

import { codePoints, compareTexts, isObject } from "../values.js";
import { unsupported } from "./errors.js";
import { type Get, type Node, readerOf } from "./types.js";

const isInteger = ({ type }: Node) => type === "int" || type === "int64";
const isNumber = (node: Node) => node.type === "double" || isInteger(node);
const isList = ({ type }: Node) => type[0] === "[";
const isScalar = ({ type }: Node) => /^[bdits]/.test(type) && type !== "items";

/** A strict operation of two operands. */
const strict = (type: string, one: Get, other: Get, apply: (a: any, b: any) => unknown): Node => ({
  type,
  get(scope) {
    const a = one(scope);
    const b = a === undefined ? a : other(scope);
    return b === undefined ? b : apply(a, b);
  },
});

/** A part that has to be of a type; what may hold anything is read as it, numbers of every kind as doubles. */
export function readAs(node: Node, wanted: string, isLoose: boolean): Node {
  const { type, raw } = node;
  if (type === wanted) return node;
  const kind = /^\[?int/.test(wanted) ? wanted.replace(/int.*/, "double") : wanted;
  const canRead = /^\[?(bool|double|string)$/.test(kind) || (isLoose && kind === "timestamp");
  if (type !== "dyn" || !canRead) return unsupported(`${type} as ${wanted}`);
  const read = readerOf(kind);
  const get = raw ?? node.get;
  return { ...node, type: kind, get: (scope) => read(get(scope)) };
}

export function logic(terms: readonly Node[], isAnd: boolean): Node {
  const getters = terms.map((term) => readAs(term, "bool", false).get);
  return {
    type: "bool",
    get(scope) {
      let result: unknown = isAnd;
      for (const get of getters) {
        const value = get(scope);
        if (value === !isAnd) return value;
        if (value === undefined) result = value;
      }
      return result;
    },
  };
}

export function choice(condition: Node, then: Node, otherwise: Node, isLoose: boolean): Node {
  const test = readAs(condition, "bool", isLoose).get;
  const areIntegers = isInteger(then) && isInteger(otherwise);
  if (!areIntegers && then.type !== otherwise.type) unsupported("?:");
  if (!isScalar(then) || (then.type === "dyn" && !isLoose)) unsupported("?:");
  return {
    type: then.type === otherwise.type ? then.type : "int64",
    get(scope) {
      const value = test(scope);
      return value === undefined ? value : (value ? then : otherwise).get(scope);
    },
  };
}

/** `has(path)` and, negated, `path == null`: an error only if its parent has no value. */
export function has({ path = [], raw }: Node, isNegated: boolean): Node {
  return {
    type: "bool",
    get(scope) {
      let parent: unknown = scope;
      for (const name of path.slice(0, -1)) parent = isObject(parent) && Object.hasOwn(parent, name) ? parent[name] : null;
      return isObject(parent) ? ((raw!(scope) ?? null) === null) === isNegated : undefined;
    },
  };
}

export function nullTest(node: Node, sign: string): Node {
  return node.path && /^[!=]=$/.test(sign) ? has(node, sign === "==") : unsupported("null");
}

const COMPARISONS: { [sign: string]: (order: number) => boolean } = {
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  ">": (order) => order > 0,
  ">=": (order) => order >= 0,
  "==": (order) => order === 0,
  "!=": (order) => order !== 0,
};

/** Integers of 64 bits are compared with doubles exactly. */
const order = (one: any, other: any): number =>
  typeof one === "string" ? compareTexts(one, other) : one < other ? -1 : one > other ? 1 : 0;

export function compare(one: Node, sign: string, other: Node, isLoose: boolean): Node {
  if (one.type === "dyn" && other.type !== "dyn") one = readAs(one, other.type, isLoose);
  else if (other.type === "dyn" && one.type !== "dyn") other = readAs(other, one.type, isLoose);
  const isEquality = sign[1] === "=" && /[!=]/.test(sign);
  const isFit = isNumber(one) && isNumber(other) ? areExact(one, other, isEquality) : one.type === other.type;
  if (!isFit || !isScalar(one) || (one.type === "dyn" && !isLoose) || (one.type === "bytes" && !isEquality)) {
    unsupported(`${one.type} ${sign} ${other.type}`);
  }
  const test = COMPARISONS[sign]!;
  return strict("bool", one.get, other.get, (a, b) =>
    one.type === "dyn" && (typeof a !== typeof b || typeof a === "object") ? undefined : test(order(a, b)),
  );
}

/** Whether a comparison of an integer with a double is exact in every database; others the server refuses. */
function areExact(one: Node, other: Node, isEquality: boolean): boolean {
  if (isInteger(one) === isInteger(other)) return true;
  const [integer, double] = isInteger(one) ? [one, other] : [other, one];
  if (integer.isConstant) return isExactDouble(integer);
  if (!double.isConstant) return integer.type === "int";
  const value = double.get({}) as number;
  return Math.abs(value) < 2 ** 63 && (!isEquality || Number.isInteger(value));
}

function isExactDouble(constant: Node): boolean {
  const value = constant.get({}) as number | bigint;
  return typeof value === "number" || BigInt(Number(value)) === value;
}

export function memberOf(item: Node, container: Node, isLoose: boolean): Node {
  if (container.items) return memberOfItems(item, container.items, isLoose);
  let element = container.type.slice(1);
  let list = container.get;
  if (container.type === "dyn") {
    if (isInteger(item) ? !(item.type === "int" || (item.isConstant && isExactDouble(item))) : !/^(bool|double|string|dyn)$/.test(item.type)) {
      unsupported("in");
    }
    element = isInteger(item) ? "double" : item.type;
    if (element === "dyn" && !isLoose) unsupported("in");
    list = readAs(container, `[${element === "dyn" ? "string" : element}`, isLoose).get;
  } else if (!isList(container)) unsupported("in");
  const get = asElement(item, element, isLoose).get;
  const read = readerOf(element);
  return strict("bool", get, list, (wanted, values: unknown[]) => values.some((value) => read(value) === wanted));
}

/** The item, in the type of a list's elements. */
function asElement(item: Node, element: string, isLoose: boolean): Node {
  const found = item.type === "dyn" && element !== "dyn" ? readAs(item, element, isLoose) : item;
  if (element === "int64" && isInteger(found)) return { ...found, get: (scope) => big(found.get(scope)) };
  if (element === "int" && isInteger(found)) return { ...found, get: (scope) => small(found.get(scope)) };
  if (element === "double" && isInteger(found)) {
    if (found.isConstant ? !isExactDouble(found) : found.type !== "int") unsupported("in");
    return { ...found, get: (scope) => small(found.get(scope)) };
  }
  return found.type === element ? found : unsupported(`${item.type} in a list of ${element}`);
}

const big = (value: unknown) => (value === undefined ? value : BigInt(value as number));
/** The number that is equal to an integer; itself where there is none, which is equal to no element. */
const small = (value: unknown) =>
  typeof value === "bigint" && BigInt(Number(value)) === value ? Number(value) : value;

function memberOfItems(item: Node, items: readonly Node[], isLoose: boolean): Node {
  const hasDouble = items.some(({ type }) => type === "double");
  const first = items[0] ?? { type: "string" };
  for (const one of items) {
    const isFit = isNumber(one) && hasDouble ? one.type !== "int64" || !!one.isConstant : isInteger(one) && isInteger(items[0]!);
    if (!isScalar(one) || one.type === "dyn" || (!isFit && one.type !== first.type)) unsupported("this list");
    if (hasDouble && isInteger(one) && one.isConstant && !isExactDouble(one)) unsupported("this list");
  }
  if (item.type === "dyn") item = readAs(item, hasDouble ? "double" : first.type, isLoose);
  if (items.length) {
    const areNumbers = isNumber(item) && isNumber(items[0]!);
    if (!areNumbers && item.type !== first.type) unsupported("in");
    if (areNumbers && !hasDouble && item.type === "double" && !items.every((one) => areExact(asPath(one), item, false))) unsupported("in");
    if (hasDouble && isInteger(item) && (item.isConstant ? !isExactDouble(item) : item.type !== "int")) unsupported("in");
  } else if (!isScalar(item) || item.type === "dyn") unsupported("in");
  return {
    type: "bool",
    get(scope) {
      const wanted = item.get(scope);
      const values = items.map(({ get }) => get(scope));
      if (wanted === undefined || values.includes(undefined)) return undefined;
      return values.some((value) => order(value, wanted) === 0);
    },
  };
}

const asPath = (node: Node): Node => node;

export function index(owner: Node, at: Node): Node {
  const place = at.get({}) as number;
  if (!isList(owner) || at.type !== "int" || !(place >= 0 && place < 2 ** 31)) return unsupported("an index");
  const type = owner.type.slice(1);
  const read = readerOf(type);
  return { type, get: (scope) => read((owner.get(scope) as unknown[] | undefined)?.[place]) };
}

export function sizeOf(node: Node, isLoose: boolean): Node {
  const isAny = isLoose && node.type === "dyn";
  if (!isAny && !isList(node) && node.type !== "string") unsupported("size()");
  return {
    type: "int",
    get(scope) {
      const value = node.get(scope);
      return typeof value === "string" ? codePoints(value) : Array.isArray(value) ? value.length : undefined;
    },
  };
}

const METHODS: { [name: string]: (text: string, part: string) => boolean } = {
  contains: (text, part) => text.includes(part),
  startsWith: (text, part) => text.startsWith(part),
  endsWith: (text, part) => text.endsWith(part),
};
const CASES: { [name: string]: (text: string) => string } = {
  lowerAscii: (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()),
  upperAscii: (text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase()),
};

export function applyMethod(owner: Node, name: string, [part, ...others]: readonly Node[], isLoose: boolean): Node {
  if (name === "size" && !part) return sizeOf(owner, isLoose);
  const isCase = Object.hasOwn(CASES, name);
  if (others.length || isCase !== !part || (part && !Object.hasOwn(METHODS, name))) return unsupported(`${name}()`);
  const text = readAs(owner, "string", isLoose).get;
  if (part) return strict("bool", text, readAs(part, "string", isLoose).get, METHODS[name]!);
  return strict("string", text, text, CASES[name]!);
}

/** `container.exists(name, body)` or `.all`: `||` or `&&` of the body over the elements. */
export function macro(container: Node, name: string, body: Node, isAll: boolean, isLoose: boolean): Node {
  if (!isList(container) && !(isLoose && container.type === "dyn")) unsupported("exists() and all()");
  const test = readAs(body, "bool", isLoose).get;
  return {
    type: "bool",
    get(scope) {
      const values = container.get(scope);
      if (!Array.isArray(values)) return undefined;
      let result: unknown = isAll;
      for (const value of values) {
        const found = test({ ...scope, [name]: value });
        if (found === !isAll) return found;
        if (found === undefined) result = found;
      }
      return result;
    },
  };
}
