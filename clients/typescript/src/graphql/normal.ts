/**
 * Results as records by type and id. Pure, and the same in each client.
 *
 * A record's key is its `__typename` and `id`, joined by `:`; `Query` has the fields of queries. Another object's key is that of
 * the record around it, its field and place in a list: `Query.posts.0`. Fields are named with their arguments as JSON, members
 * in order: `posts({"limit":10})`. In the place of an object, a field has its key.
 */

import { isObject, order } from "../contract/values.js";
import type { Prepared } from "./document.js";
import type { Node } from "./syntax.js";

type Values = Record<string, unknown>;

/** The fields of a record. */
export type Fields = { [field: string]: unknown };

/** Records by key; null: it was deleted. */
export type Records = Map<string, Fields | null>;

/** What records have of a selection: `data`, with null for what they lack, and the keys of the records that were read. */
export interface Found {
  data: any;
  isComplete: boolean;
  keys: Set<string>;
}

/** The selection of an operation with its variables. */
export interface Shape {
  readonly isQuery: boolean;
  /** The records of a result, and null for those that it reports as deleted. */
  recordsIn(data: Values): Records;
  /** What records have of it. */
  resultOf(get: (key: string) => Fields | null | undefined): Found;
  /** The fields of the root. */
  rootFields(): string[];
}

export const ROOT = "Query";
const ROOTS = { query: ROOT, mutation: "Mutation", subscription: "Subscription" };
const ROOT_TYPES = Object.values(ROOTS);
const TYPE_NAME = "__typename";
const CHANGE = "Change"; // how the types of what happened to a record end, which are no records

/** A JSON text with the members of objects in order. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each) =>
    (isObject(each) ? Object.fromEntries(Object.entries(each).sort(([one], [other]) => order(one, other))) : each));

function valueOf(node: Node, variables: Values): unknown {
  switch (node.kind) {
    case "Variable":
      return variables[node["name"].value];
    case "ListValue":
      return node["values"].map((each: Node) => valueOf(each, variables) ?? null);
    case "ObjectValue":
      return argumentsOf(node["fields"], variables);
    case "IntValue":
    case "FloatValue":
      return Number(node["value"]);
    case "NullValue":
      return null;
    default:
      return node["value"];
  }
}

const argumentsOf = (nodes: readonly Node[] = [], variables: Values): Values =>
  Object.fromEntries(nodes.map(({ name, value }) => [name.value, valueOf(value, variables)] as const)
    .filter(([, value]) => value !== undefined));

/** The variables of an operation, with its defaults for those that are missing. */
function variablesOf(operation: Node, given: unknown): Values {
  const variables: Values = {};
  for (const { variable, defaultValue } of operation["variableDefinitions"] ?? []) {
    if (defaultValue) variables[variable.name.value] = valueOf(defaultValue, {});
  }
  for (const [name, value] of Object.entries(given ?? {})) if (value !== undefined) variables[name] = value;
  return variables;
}

/** A field that is selected, as `key` in results; `selections`: none for a value without parts. */
interface Chosen {
  key: string;
  name: string;
  field: string;
  selections: Node[] | undefined;
}

/** The fields that an object has of selections, each once (GraphQL §6.3.2). */
type Choose = (selections: readonly Node[], type: string) => Chosen[];

function chooser(fragments: Prepared["fragments"], variables: Values, possible: Record<string, string[]>): Choose {
  const isIncluded = ({ directives = [] }: Node) => directives.every(({ name, arguments: given }: Node) => {
    const { if: condition } = argumentsOf(given, variables);
    return !["include", "skip"].includes(name.value) || condition === (name.value === "include");
  });
  const collect = (selections: readonly Node[], type: string, found: Map<string, Chosen>) => {
    for (const node of selections.filter(isIncluded)) {
      if (node.kind === "Field") {
        const name: string = node["name"].value;
        const key: string = node["alias"]?.value ?? name;
        const given = argumentsOf(node["arguments"], variables);
        const field = Object.keys(given).length ? `${name}(${canonical(given)})` : name;
        const earlier = found.get(key)?.selections ?? [];
        const own: Node[] | undefined = node["selectionSet"]?.selections;
        found.set(key, { key, name, field, selections: own && [...earlier, ...own] });
        continue;
      }
      const part = node.kind === "FragmentSpread" ? fragments.get(node["name"].value) : node;
      const on = part?.["typeCondition"]?.name.value;
      const isOwn = !on || on === type || possible[on]?.includes(type) || ROOT_TYPES.includes(type);
      if (part && isOwn) collect(part["selectionSet"].selections, type, found);
    }
    return found;
  };
  return (selections, type) => [...collect(selections, type, new Map()).values()];
}

/** Under which name a result has the type of its object. */
function typeIn(data: Values, selections: readonly Node[]): unknown {
  const named = selections.find(({ kind, name }) => kind === "Field" && name.value === TYPE_NAME);
  return data[named?.["alias"]?.value ?? TYPE_NAME];
}

/** The key of an object: its type and id, or its node id, which has the ids of records above it too. */
function keyBy(type: unknown, id: unknown, nodeId: unknown): string | undefined {
  if (typeof nodeId === "string" && nodeId.startsWith(`${type}:`)) return nodeId;
  return (id ?? undefined) === undefined ? undefined : `${type}:${id}`;
}

/** The selection of an operation with its variables; `possible` has the object types of abstract types. */
export function shapeOf({ kind, named }: Prepared, given: unknown, possible: Record<string, string[]> = {}): Shape {
  const root = ROOTS[kind];
  const choose = chooser(named.fragments, variablesOf(named.operation, given), possible);
  const all: Node[] = named.operation["selectionSet"].selections;

  function keyOf(data: Values, selections: Node[]): string | undefined {
    const type = typeIn(data, selections) ?? undefined;
    if (type === undefined || (root === ROOTS.subscription && String(type).endsWith(CHANGE))) return undefined;
    const chosen = choose(selections, String(type));
    const valueOf = (name: string) => data[chosen.find(({ field }) => field === name)?.key ?? ""];
    return keyBy(type, valueOf("id"), valueOf("nodeId"));
  }

  function write(records: Map<string, Fields>, key: string, selections: readonly Node[], data: Values) {
    if (!records.has(key)) records.set(key, {});
    const record = records.get(key)!;
    for (const each of choose(selections, String(typeIn(data, selections) || root))) {
      if (Object.hasOwn(data, each.key)) record[each.field] = written(records, `${key}.${each.field}`, each, data[each.key]);
    }
  }
  function written(records: Map<string, Fields>, place: string, chosen: Chosen, value: any): unknown {
    const { selections } = chosen;
    if (!selections || (value ?? null) === null) return value;
    if (Array.isArray(value)) return value.map((each, at) => written(records, `${place}.${at}`, chosen, each));
    const key = keyOf(value, selections) ?? place;
    write(records, key, selections, value);
    return key;
  }

  return {
    isQuery: root === ROOT,
    rootFields: () => choose(all, root).map(({ field }) => field),
    recordsIn(data) {
      const records = new Map<string, Fields>();
      write(records, root, all, data);
      // The root of others is not asked for again.
      if (root !== ROOT) for (const key of [...records.keys()]) if (key.split(".")[0] === root) records.delete(key);
      return new Map([...records, ...gone(data).map((key) => [key, null] as const)]);
    },
    resultOf(get) {
      const keys = new Set<string>();
      let isComplete = true;

      function read(key: string, selections: readonly Node[]): Values | null {
        keys.add(key);
        const record = get(key);
        if (!record) {
          isComplete &&= record === null;
          return null;
        }
        const data: Values = {};
        for (const each of choose(selections, String(record[TYPE_NAME] ?? root))) {
          isComplete &&= Object.hasOwn(record, each.field);
          data[each.key] = found(each, record[each.field] ?? null);
        }
        return data;
      }
      function found(chosen: Chosen, value: unknown): unknown {
        const { selections } = chosen;
        if (!selections || value === null) return value;
        if (!Array.isArray(value)) return read(String(value), selections);
        for (const each of value) if (typeof each === "string") keys.add(each);
        // What was deleted is in no list.
        return value.filter((each) => typeof each !== "string" || get(each) !== null).map((each) => found(chosen, each));
      }

      const data = read(root, all);
      return { data, isComplete, keys };
    },
  };
}

/** The records that changes report as deleted, or out of the caller's view. */
function gone(data: unknown): string[] {
  if (Array.isArray(data)) return data.flatMap(gone);
  if (!isObject(data)) return [];
  const { [TYPE_NAME]: type, kind, id, recordNodeId } = data;
  if (String(type).endsWith(CHANGE) && (kind === "delete" || kind === "left")) {
    const key = keyBy(String(type).slice(0, -CHANGE.length), id, recordNodeId);
    if (key !== undefined) return [key];
  }
  return Object.values(data).flatMap(gone);
}

/** A result as its document asks: without the type names that are for the cache. */
export function asAsked({ operation, fragments }: Prepared, given: unknown, result: unknown): any {
  const choose = chooser(fragments, variablesOf(operation, given), {});
  const shaped = (value: unknown, selections: Node[] | undefined): unknown => {
    if (!selections) return value;
    if (Array.isArray(value)) return value.map((each) => shaped(each, selections));
    if (!isObject(value)) return value;
    const data: Values = {};
    // Which fragments are for its type, its members show: a type of a root takes all.
    for (const each of choose(selections, ROOT)) {
      if (Object.hasOwn(value, each.key)) data[each.key] = shaped(value[each.key], each.selections);
    }
    return data;
  };
  return shaped(result, operation["selectionSet"].selections);
}
