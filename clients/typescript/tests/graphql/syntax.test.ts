import { parse as standard } from "graphql";
import { expect, test } from "vitest";
import { prepare } from "../../src/graphql/document.js";
import { type Node, parse, print } from "../../src/graphql/syntax.js";

const DOCUMENTS = [
  "{a}",
  `query Q($a: Int! = 3, $b: [String!]! @d(x: 1)) @live {
    x: posts(limit: $a, in: [1 -2.5e3 "é\\n\\""], on: true, no: null, s: up_ASC) { id }
  }`,
  `mutation { create(input: {title: "a", deep: {list: [], empty: {}}}) {
    id ... on Post @include(if: true) { title } ...F @skip(if: $no)
  } } fragment F on Post { id }`,
  `subscription S { posts(where: {a: {eq: """\n    block\n      text \\""" here\n  """}}) { kind } }`,
  "# a comment\n query on { fragment: on, query, ... { null } , true ... @x { y } }",
  "fragment fragment on on { __typename }query{...fragment}",
];

/** A node without what says how and where it was written, and members that are not there. */
const plain = (node: unknown): unknown => JSON.parse(JSON.stringify(node, (name, value) =>
  (["loc", "block", "start"].includes(name) || value?.length === 0 && typeof value !== "string" ? undefined : value)));

test.each(DOCUMENTS)("the package graphql reads what is written: %s", (text) => {
  const expected = standard(text);
  expect(plain(parse(text))).toEqual(plain(expected));
  expect(plain(standard(print(parse(text))))).toEqual(plain(expected));
  expect(plain(standard(print(expected as unknown as Node)))).toEqual(plain(expected));
});

const WRONG = ["{", "{a(b:)}", "{a} ?", "query Q(a: 1) {b}", "type A { b: Int }", "{a \"b", "{..}", ""];

test.each(WRONG)("what is no document is refused: %s", (text) => {
  expect(() => prepare(text)).toThrow(expect.objectContaining({ code: "invalid_body", sent: "no" }));
});

test("a document has one operation; the selection of each field is sent with __typename, once", () => {
  expect(() => prepare("{a} query B {b}")).toThrow("one operation");
  const fragment = "fragment F on A { e { f } }";
  const { text, name, kind } = prepare(`query Q { a { b { __typename c } ... on A { d } ...F } } ${fragment}`);
  expect([name, kind]).toEqual(["Q", "query"]);
  expect(text).toBe(
    "query Q { a {__typename  b { __typename c } ... on A { d } ...F } } fragment F on A { e {__typename  f } }");
  expect(prepare(standard("{ a { b } }")).text).toBe("query{a{__typename b}}");
});

test("a typed document is one of the package graphql, or a text that an object has", () => {
  expect(prepare(standard("query Typed { a }")).name).toBe("Typed");
  class Typed extends String {
    declare __apiType?: (variables: { id: string }) => { a: number };
  }
  expect(prepare(new Typed("query Text($id: ID) { a(id: $id) }")).name).toBe("Text");
});
