/** What an app gives as a document, and what is known of it. */

import { refusedHere } from "../contract/errors.js";
import { type Node, parse, print } from "./syntax.js";

/**
 * A document as a text, or typed: the `TypedDocumentNode` and the `TypedDocumentString` of code generators, which carry the
 * types of a result `R` and of variables `V`.
 */
export type GraphQLDocument<R = any, V = any> = string | (object & { __apiType?: (variables: V) => R });

type Fragments = ReadonlyMap<string, Node>;

/** A document, read. */
export interface Prepared {
  readonly kind: "query" | "mutation" | "subscription";
  /** Of its operation. */
  readonly name: string | undefined;
  readonly operation: Node;
  readonly fragments: Fragments;
  /** The same with `__typename` in the selection of each field, by which results are kept. */
  readonly named: { readonly operation: Node; readonly fragments: Fragments };
  /** As it is sent: with these. */
  readonly text: string;
}

const prepared = new WeakMap<object, Prepared>();
const texts = new Map<string, Prepared>();
const MOST_TEXTS = 500;
const TYPE_NAME = "__typename";
const TYPE_NAME_FIELD: Node = { kind: "Field", name: { kind: "Name", value: TYPE_NAME } };

/** A document that is read once; one that is given as text is kept among the last 500. Throws `invalid_body`. */
export function prepare(document: GraphQLDocument, name = ""): Prepared {
  if (typeof document === "object" && "kind" in document) {
    let found = prepared.get(document);
    if (!found) prepared.set(document, found = made(document as unknown as Node, name));
    return found;
  }
  const text = String(document);
  const key = `${name} ${text}`;
  let found = texts.get(key);
  if (!found) {
    found = made(parse(text), name, text);
    if (texts.size >= MOST_TEXTS) texts.delete(texts.keys().next().value!);
    texts.set(key, found);
  }
  return found;
}

function made(node: Node, wanted: string, text?: string): Prepared {
  const definitions: Node[] = node["definitions"];
  const places: number[] = [];
  const named = definitions.map((each) => namedNode(each, places));
  const isWanted = ({ kind, name }: Node) => kind === "OperationDefinition" && (!wanted || name?.value === wanted);
  const [operation, ...others] = definitions.filter(isWanted);
  if (!operation || others.length) {
    throw refusedHere("invalid_body", "a document has one operation; give each one of its own");
  }
  return {
    operation, kind: operation["operation"], name: operation["name"]?.value, fragments: fragmentsIn(definitions),
    named: { operation: named.find(isWanted)!, fragments: fragmentsIn(named) },
    text: text === undefined ? print({ ...node, definitions: named }) : inserted(text, places),
  };
}

const fragmentsIn = (definitions: Node[]): Fragments =>
  new Map(definitions.filter(({ kind }) => kind === "FragmentDefinition").map((each) => [each["name"].value, each]));

const inserted = (text: string, places: number[]): string =>
  [0, ...places].map((place, at) => (at ? `${TYPE_NAME} ` : "") + text.slice(place, places[at])).join("");

/** A node whose fields' selections have `__typename`; `places` gets where these begin in the text. */
function namedNode(node: Node, places: number[]): Node {
  const set: Node | undefined = node["selectionSet"];
  if (!set) return node;
  const isName = ({ kind, name, alias }: Node) => kind === "Field" && !alias && name.value === TYPE_NAME;
  const isMissing = node.kind === "Field" && !set["selections"].some(isName);
  if (isMissing) places.push(set["start"]);
  const selections: Node[] = set["selections"].map((each: Node) => namedNode(each, places));
  return { ...node, selectionSet: { ...set, selections: isMissing ? [TYPE_NAME_FIELD, ...selections] : selections } };
}

/** The SHA-256 of a document's text, in hexadecimal digits. */
export async function digestOf({ text }: Prepared): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
