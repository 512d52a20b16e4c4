/** The forms of values on the wire and in the store. */

import { isObject } from "../kit/json.js";

export { isObject };

/** The fields of a record by name. */
export type Doc = { [name: string]: unknown };

const has = Object.hasOwn;

/** A member of an object; undefined for none, also where the name is one of Object.prototype. */
export const member = (object: Doc | null | undefined, name: string): unknown =>
  object && has(object, name) ? object[name] : undefined;

/** Sets a member of any name, `__proto__` too. */
export function put(object: Doc, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(object, name, { value, configurable: true, enumerable: true, writable: true });
  } else object[name] = value;
}

/** Whether two JSON values are equal; the order of an object's members does not count. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every((name) => has(other, name) && isSame((one as Doc)[name], (other as Doc)[name]))
  );
}

/** The order of two texts by code point, which differs from that of UTF-16 beyond U+FFFF. */
export function compareTexts(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const difference = one.codePointAt(at)! - other.codePointAt(at)!;
    if (difference) return difference;
  }
  return one.length - other.length;
}

/** The order of two texts, or of two numbers, which may be bigints. */
export const order = (one: any, other: any): number =>
  typeof one === "string" ? compareTexts(one, other) : Number(one > other) - Number(one < other);

/** The number of code points. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

export const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** The wire form of seconds since 1970, to the nearest microsecond. */
export function instant(seconds: number): string {
  let whole = Math.floor(seconds);
  const exact = (seconds - whole) * 1e6;
  let micros = Math.round(exact);
  if (micros - exact === 0.5 && micros % 2) micros--; // half to even
  if (micros === 1e6) [whole, micros] = [whole + 1, 0];
  return `${new Date(whole * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}Z`;
}

/** The wire form of an ISO 8601 instant with an offset. Throws an Error with a hint. */
export function parseInstant(text: string): string {
  const found =
    /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?([Zz]|([+-])(\d\d)(?::?(\d\d))?)?$/.exec(text) ?? [];
  const [, day, time, second = "00", fraction = "", zone, sign, hours = "0", minutes = "0"] = found;
  const local = `${day}T${time}:${second}.000Z`;
  const moment = new Date(local);
  const offset = (+hours * 60 + +minutes) * (sign === "-" ? -60_000 : 60_000);
  const utc = new Date(+moment - offset).toJSON() ?? "";
  // A day that the month does not have is another day when it is written again.
  const isMoment = moment.toJSON() === local && local > "0001" && +hours < 24 && +minutes < 60;
  if (!isMoment || utc.length !== 24 || utc < "0001") throw Error("use an instant such as 2026-01-31T12:00:00Z");
  if (!zone) throw Error("must have an offset; give the offset, such as Z or +02:00");
  return `${utc.slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, "0")}Z`;
}

/** The canonical decimal form of a 64-bit integer given as text. Throws an Error with a hint. */
export function parseInt64(text: string): string {
  const number = /^-?\d{1,19}$/.test(text) ? BigInt(text) : null;
  if (number === null || number !== BigInt.asIntN(64, number)) throw Error("use a 64-bit integer as a decimal string");
  return String(number);
}

/** The canonical base64 of a text (RFC 4648 §4). Throws an Error with a hint. */
export function parseBase64(text: string): string {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw Error("use base64 text (RFC 4648 §4)");
  return btoa(atob(text));
}
