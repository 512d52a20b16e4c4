const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32: sorts as its bits do

/** A new id of 26 characters that sorts by `now` (milliseconds since 1970): 50 bits of time, 80 random. */
export function newId(now: number): string {
  let time = "";
  for (let left = Math.floor(now), place = 0; place < 10; place++, left = Math.floor(left / 32)) {
    time = ALPHABET[left % 32] + time;
  }
  return time + Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => ALPHABET[byte & 31]).join("");
}
