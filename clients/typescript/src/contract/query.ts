/** What a list asks for; `W` are the fields that `where` may compare. */
export interface Query<W = Record<string, unknown>> {
  /** A CEL expression over `record`. */
  filter?: string | undefined;
  /** Fields and the values that they must have; null: no value. */
  where?: W | undefined;
  /** Field names in order, `-` before one for descending. */
  sort?: string | readonly string[] | undefined;
  /** The records of a page, at most 1,000; 20 by default. */
  limit?: number | undefined;
  /** From 1. */
  page?: number | undefined;
  /** The `next` of the page before. */
  cursor?: string | null | undefined;
  /** Whether to count all records that match. */
  total?: boolean | undefined;
}

export const DEFAULT_LIMIT = 20;
/**
 * The query string's pairs of a list. `where.` allows a field of any name. A query string has no
 * null: the filter asks for that.
 */
export function parameters(query: Query): [string, string][] {
  const { where = {}, limit = DEFAULT_LIMIT, page = 1, sort = [] } = query;
  const given = Object.entries(where).filter(([, value]) => value !== undefined);
  const filters = given.filter(([, value]) => value === null).map(([name]) => `${member(name)} == null`);
  if (query.filter) filters.unshift(filters.length ? `(${query.filter})` : query.filter);
  const pairs: [string, string][] = given.filter(([, value]) => value !== null)
    .map(([name, value]) => [`where.${name}`, String(value)]);
  const words: [string, string | false | null | undefined][] = [
    ["page", page !== 1 && String(page)],
    ["limit", limit !== DEFAULT_LIMIT && String(limit)],
    ["cursor", query.cursor],
    ["filter", filters.join(" && ")],
    ["sort", typeof sort === "string" ? sort : sort.join(",")],
    ["total", query.total && "true"],
  ];
  for (const [name, value] of words) if (value) pairs.push([name, value]);
  return pairs;
}

/** The path of a field in a filter. */
const member = (name: string): string =>
  /^(?!(in|true|false|null)$)[A-Za-z_]\w*$/.test(name) ? `record.${name}` : `record[${JSON.stringify(name)}]`;
