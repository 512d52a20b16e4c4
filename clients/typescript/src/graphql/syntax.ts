/** Documents of GraphQL (October 2021, §2): read, and written on one line. Definitions of types are not among them. */

import { refusedHere } from "../contract/errors.js";

/** A node of a document, in the form of the package `graphql`. */
export interface Node {
  readonly kind: string;
  readonly [name: string]: any;
}

const TEXT = /"""(?:\\"""|[^])*?"""|"(?:\\.|[^"\\\n\r])*"/.source;
const TOKEN = new RegExp(`[\\s,\\ufeff]+|#[^\\n\\r]*|(${TEXT}|\\.\\.\\.|[!$&():=@[\\]{|}]|[A-Za-z_]\\w*|-?\\d[\\d.eE+-]*)`, "y");

/** The tokens of a text, and where each ends. */
function tokensOf(text: string): [tokens: string[], ends: number[]] {
  const tokens: string[] = [], ends: number[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    const found = TOKEN.exec(text);
    if (!found) throw wrong(`unexpected ${JSON.stringify(text.slice(at, at + 10))} at character ${at}`);
    if (found[1]) ends[tokens.push(found[1]) - 1] = TOKEN.lastIndex;
  }
  return [tokens, ends];
}

const wrong = (detail: string) => refusedHere("invalid_body", `GraphQL document: ${detail}`);

/** The document in a text. Throws `invalid_body`. */
export function parse(text: string): Node {
  const [tokens, ends] = tokensOf(text);
  let at = 0;

  const is = (token: string) => tokens[at] === token;
  const skip = (token: string): boolean => is(token) && !!++at;
  function expect(token: string) {
    if (!skip(token)) throw wrong(`expected ${token}, found ${tokens[at] ?? "the end"}`);
  }
  function name(): Node {
    const value = tokens[at++] ?? "";
    if (!/^[A-Za-z_]/.test(value)) throw wrong(`expected a name, found ${value || "the end"}`);
    return { kind: "Name", value };
  }
  function many<T>(from: string, to: string, read: () => T): T[] {
    const all: T[] = [];
    if (skip(from)) while (!skip(to)) all.push(read());
    return all;
  }
  const named = (): Node => ({ kind: "NamedType", name: name() });

  function type(): Node {
    let found = skip("[") ? { kind: "ListType", type: type() } : named();
    if (found.kind === "ListType") expect("]");
    if (skip("!")) found = { kind: "NonNullType", type: found };
    return found;
  }
  function value(): Node {
    const token = tokens[at] ?? "";
    if (skip("$")) return { kind: "Variable", name: name() };
    if (is("[")) return { kind: "ListValue", values: many("[", "]", value) };
    if (is("{")) return { kind: "ObjectValue", fields: many("{", "}", () => argument("ObjectField")) };
    if (token[0] === '"') {
      at++;
      const block = token.startsWith('"""');
      return { kind: "StringValue", block, value: block ? unindented(token.slice(3, -3)) : JSON.parse(token) };
    }
    if (/^[-\d]/.test(token)) return { kind: /^-?\d+$/.test(token) ? "IntValue" : "FloatValue", value: tokens[at++] };
    const { value: word } = name();
    if (word === "null") return { kind: "NullValue" };
    return /^(true|false)$/.test(word) ? { kind: "BooleanValue", value: word === "true" } : { kind: "EnumValue", value: word };
  }
  function argument(kind = "Argument"): Node {
    const own = name();
    expect(":");
    return { kind, name: own, value: value() };
  }
  const args = () => many("(", ")", argument);
  function directives(): Node[] {
    const all: Node[] = [];
    while (skip("@")) all.push({ kind: "Directive", name: name(), arguments: args() });
    return all;
  }
  const set = (): Node => {
    if (!is("{")) expect("{");
    return { kind: "SelectionSet", start: ends[at], selections: many("{", "}", selection) };
  };
  function selection(): Node {
    if (skip("...")) {
      if (!is("on") && /^\w/.test(tokens[at] ?? "")) return { kind: "FragmentSpread", name: name(), directives: directives() };
      const typeCondition = skip("on") ? named() : undefined;
      return { kind: "InlineFragment", typeCondition, directives: directives(), selectionSet: set() };
    }
    const first = name();
    const [alias, own] = skip(":") ? [first, name()] : [undefined, first];
    return {
      kind: "Field", alias, name: own, arguments: args(), directives: directives(),
      selectionSet: is("{") ? set() : undefined,
    };
  }
  function variable(): Node {
    expect("$");
    const own = name();
    expect(":");
    return {
      kind: "VariableDefinition", variable: { kind: "Variable", name: own }, type: type(),
      defaultValue: skip("=") ? value() : undefined, directives: directives(),
    };
  }
  function definition(): Node {
    if (is("{")) {
      return { kind: "OperationDefinition", operation: "query", variableDefinitions: [], directives: [], selectionSet: set() };
    }
    const { value: operation } = name();
    if (operation === "fragment") {
      const own = name();
      expect("on");
      return { kind: "FragmentDefinition", name: own, typeCondition: named(), directives: directives(), selectionSet: set() };
    }
    if (!/^(query|mutation|subscription)$/.test(operation)) throw wrong(`unexpected ${operation}`);
    return {
      kind: "OperationDefinition", operation, name: /^\w/.test(tokens[at] ?? "") ? name() : undefined,
      variableDefinitions: many("(", ")", variable), directives: directives(), selectionSet: set(),
    };
  }

  const definitions: Node[] = [];
  while (at < tokens.length) definitions.push(definition());
  return { kind: "Document", definitions };
}

/** The value of a block string (§2.9.4): without the indentation that its lines share. */
function unindented(raw: string): string {
  const lines = raw.replaceAll('\\"""', '"""').split(/\r\n|\n|\r/);
  const depth = (line: string) => /^[ \t]*/.exec(line)![0].length;
  const isBlank = (line: string) => depth(line) === line.length;
  const common = Math.min(...lines.slice(1).filter((line) => !isBlank(line)).map(depth));
  const cut = lines.map((line, at) => (at && common < Infinity ? line.slice(common) : line));
  while (cut.length && isBlank(cut[0]!)) cut.shift();
  while (cut.length && isBlank(cut.at(-1)!)) cut.pop();
  return cut.join("\n");
}

const list = (nodes: readonly Node[] | undefined, from: string, to: string) =>
  (nodes?.length ? `${from}${nodes.map(print).join(" ")}${to}` : "");
const after = (node: Node | undefined, mark: string) => (node ? mark + print(node) : "");
const marks = ({ directives }: Node) => list(directives, " ", "");

const PRINTED: Record<string, (node: Node) => string> = {
  Document: ({ definitions }) => list(definitions, "", ""),
  OperationDefinition: (node) =>
    node["operation"] + after(node["name"], " ") + list(node["variableDefinitions"], "(", ")") + marks(node)
    + print(node["selectionSet"]),
  FragmentDefinition: (node) =>
    `fragment ${print(node["name"])}${after(node["typeCondition"], " on ")}${marks(node)}${print(node["selectionSet"])}`,
  VariableDefinition: (node) =>
    `${print(node["variable"])}:${print(node["type"])}${after(node["defaultValue"], "=")}${marks(node)}`,
  SelectionSet: ({ selections }) => list(selections, "{", "}"),
  Field: (node) => (node["alias"] ? `${print(node["alias"])}:` : "") + print(node["name"])
    + list(node["arguments"], "(", ")") + marks(node) + after(node["selectionSet"], ""),
  FragmentSpread: (node) => `...${print(node["name"])}${marks(node)}`,
  InlineFragment: (node) => `...${after(node["typeCondition"], "on ")}${marks(node)}${print(node["selectionSet"])}`,
  Directive: (node) => `@${print(node["name"])}${list(node["arguments"], "(", ")")}`,
  Argument: ({ name, value }) => `${print(name)}:${print(value)}`,
  Name: ({ value }) => value,
  NamedType: ({ name }) => print(name),
  ListType: ({ type }) => `[${print(type)}]`,
  NonNullType: ({ type }) => `${print(type)}!`,
  Variable: ({ name }) => `$${print(name)}`,
  ListValue: ({ values }) => `[${values.map(print).join(" ")}]`,
  ObjectValue: ({ fields }) => `{${fields.map(print).join(" ")}}`,
  StringValue: ({ value }) => JSON.stringify(value),
  NullValue: () => "null",
};
PRINTED["ObjectField"] = PRINTED["Argument"]!;

/** A node as text. */
export const print = (node: Node): string => (PRINTED[node.kind] ?? ((other: Node) => String(other["value"])))(node);
