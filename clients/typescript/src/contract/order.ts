/** The order of local records, and the place in it that a cursor names. */

import { refusedHere } from "./errors.js";
import { type Doc, member, order } from "./values.js";

/** What a value is sorted by: its class, and its place in that. */
export type Rank = readonly [number, number | bigint | string];

export const NEWEST_FIRST: readonly string[] = ["-created_at", "-id"];

/** None, numbers, texts by code point. Throws `invalid_query` for lists and objects. */
export function rank(value: unknown): Rank {
  if (value === null || value === undefined) return [0, 0];
  if (typeof value === "string") return [2, value];
  if (typeof value === "object") throw refusedHere("invalid_query", "lists and objects have no order");
  return [1, typeof value === "boolean" ? Number(value) : (value as number)];
}

/** The same for whole numbers that are texts; other texts are behind them. */
export const whole = (value: unknown): Rank =>
  typeof value === "string" && /^-?\d+$/.test(value) ? [1, BigInt(value)] : rank(value);

/** A field, whether its highest value comes first, and what its values are sorted by. */
export interface Term {
  readonly name: string;
  readonly isDown: boolean;
  readonly rank: (value: unknown) => Rank;
}

export const compareRanks = ([kind, one]: Rank, [otherKind, other]: Rank): number =>
  kind - otherKind || order(one, other);

/** The keys of a `sort`, with the id behind them to tell equal ones apart. */
export function termsOf(sort: readonly string[], rankOf: (name: string) => Term["rank"] = () => rank): Term[] {
  if (sort.length > 16) throw refusedHere("invalid_query", "sort names at most 16 fields");
  const terms = sort.map((key): Term => {
    const isDown = key[0] === "-";
    const name = isDown ? key.slice(1) : key;
    return { name, isDown, rank: rankOf(name) };
  });
  const at = terms.findIndex(({ name }) => name === "id") + 1;
  return at ? terms.slice(0, at) : [...terms, { name: "id", isDown: !!terms.at(-1)?.isDown, rank: rankOf("id") }];
}

/** A comparator of records for `sort`. */
export const comparator =
  (terms: readonly Term[]) =>
  (one: Doc, other: Doc): number => {
    for (const { name, isDown, rank } of terms) {
      const found = compareRanks(rank(member(one, name)), rank(member(other, name)));
      if (found) return isDown ? -found : found;
    }
    return 0;
  };
