/** What a list asks for; `W` are the fields that `where` may compare. */
export interface Query<W = Record<string, unknown>> {
  /** A CEL expression over `record`. */
  filter?: string | undefined;
  /** Words of the fields that are declared for it: `red "running shoes" wat* -kids`. */
  search?: string | undefined;
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
  /** The fields to return, `id` always, also those of related records: `title,author.name`. */
  fields?: string | readonly string[] | undefined;
  /** Related records to return in `_expand`: `author`, `comments(sort=-created_at,limit=5)`. */
  expand?: string | readonly string[] | undefined;
}

/**
 * The query string's pairs of a list. `where.` allows a field of any name. A query string has no null: the filter asks
 * for that.
 */
export function parameters({ where = {}, filter, ...words }: Query = {}): [string, string][] {
  const given = Object.entries(where).filter(([, value]) => value !== undefined);
  const nulls = given.filter(([, value]) => value === null).map(([name]) => `${member(name)} == null`);
  const filters = [filter && nulls.length ? `(${filter})` : filter, ...nulls].filter(Boolean).join(" && ");
  return [
    ...given.filter(([, value]) => value !== null).map(([name, value]) => [`where.${name}`, value] as const),
    ...Object.entries({ filter: filters, ...words }).filter(([, value]) => (value || value === 0) && String(value)),
  ].map(([name, value]) => [name, String(value)]);
}

/** The path of a field in a filter. */
const member = (name: string): string =>
  /^(?!(in|true|false|null)$)[A-Za-z_]\w*$/.test(name) ? `record.${name}` : `record[${JSON.stringify(name)}]`;
