/** The ids of records. */

import { utf8Length } from "./values.js";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32: sorts as its bits do

export const ID_HINT =
  "must have 1 to 128 bytes of UTF-8 without / and control characters, and not begin with ~ or __";

/** What string ids of records match; they have at most 128 bytes. */
export const ID = /^(?!~|__|\.{1,2}$)[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}$/u;

/** Whether a value may be a string id of a record. */
export const isRecordId = (value: unknown): value is string =>
  typeof value === "string" && ID.test(value) && utf8Length(value) <= 128;

/** Whether a value is a client's stand-in for an integer id that the server has yet to give: `~` and an id. */
export const isTemporary = (value: unknown): value is string =>
  typeof value === "string" && value[0] === "~" && isRecordId(value.slice(1));

/** Whether a text has the form of an id that was made here or on a device. */
export const isMadeId = (text: string): boolean => /^[0-9a-hjkmnp-tv-z]{26}$/.test(text);

function letters(number: number, count: number): string {
  return count ? letters(Math.floor(number / 32), count - 1) + ALPHABET[number % 32] : "";
}

const randomLetters = (count: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(count)), (byte) => ALPHABET[byte & 31]).join("");

/**
 * A function that makes record ids of 26 characters from the seconds since 1970. They sort as they were made, also
 * where the clock goes back or stops: 50 bits of milliseconds, 10 that count within one, 70 random. Each sorts behind
 * `after`, the last id of an earlier maker.
 */
export function idMaker(after = ""): (now: number) => string {
  const number = (part: string) => [...part].reduce((sum, letter) => sum * 32 + ALPHABET.indexOf(letter), 0);
  const start = after.slice(0, 12).padEnd(12, "0");
  let milliseconds = number(start.slice(0, 10));
  let count = number(start.slice(10));
  return (now) => {
    const at = Math.trunc(now * 1000) % 2 ** 50;
    if (at > milliseconds) [milliseconds, count] = [at, 0];
    else if (++count > 1023) [milliseconds, count] = [milliseconds + 1, 0];
    return letters(milliseconds, 10) + letters(count, 2) + randomLetters(14);
  };
}
