/** Keys of IndexedDB as texts that SQLite orders in the same way, by their bytes. */

/** The keys from `lower` to `upper`, both included; undefined: no limit. */
export interface KeyRange {
  readonly lower: unknown;
  readonly upper: unknown;
}

const RANGES = new WeakSet<object>();

function newRange(lower: unknown, upper: unknown): KeyRange {
  const range = { lower, upper };
  RANGES.add(range);
  return range;
}

/** What takes the place of the browser's IDBKeyRange. */
export const keyRanges = { bound: newRange, upperBound: (upper: unknown) => newRange(undefined, upper) };

/** The range of a key, or the range that it is; null and undefined: all keys. */
export const rangeOf = (key: unknown): KeyRange =>
  RANGES.has(key as object) ? (key as KeyRange) : { lower: key ?? undefined, upper: key ?? undefined };

/**
 * A key's place in the order: numbers before texts before lists, and a list before those that continue it. Throws a
 * DataError for what is no key.
 */
export function placeOf(key: unknown): string {
  if (typeof key === "number" && Number.isFinite(key)) return `1${numbered(key)}`;
  if (typeof key === "string") return `2${key.replace(/[\0-\x02]/g, escaped)}\x01`;
  if (Array.isArray(key)) return `3${key.map(placeOf).join("")}0`;
  throw new DOMException(`${String(key)} is no key`, "DataError");
}

/** A character that could be mistaken for the end of a text. */
const escaped = (character: string) => `\x02${String.fromCharCode(character.charCodeAt(0) + 3)}`;

/** A double as 16 digits that sort as it does: the bits of a negative one are turned. */
function numbered(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value + 0); // -0 is 0
  const isNegative = view.getInt32(0) < 0;
  const [high, low] = [view.getUint32(0), view.getUint32(4)].map((half) => isNegative ? ~half : half) as [number, number];
  return [isNegative ? high : high ^ (1 << 31), low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
