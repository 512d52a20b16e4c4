/** From text to tokens (the language's specification, "Syntax": lexis). */

import { codePoints } from "../values.js";
import { CelError, unsupported } from "./errors.js";

export interface Token {
  readonly kind: "end" | "name" | "int" | "double" | "string" | "sign";
  readonly value: string | number | bigint;
  readonly start: number;
}

const TOKEN =
  /(?:[ \t\r\n\f]+|\/\/[^\n]*)+|([rRbB]{0,2})("""|'''|"|')|([A-Za-z_]\w*)|(0[xX][\dA-Fa-f]+|(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?)(\w*)|(&&|\|\||[=!<>]=|[-+*/%!<>?:.,()[\]{}])/y;
const ESCAPE = /\\(?:([abfnrtv\\?"'`])|[xX]([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|([0-3][0-7]{2})|)/g;
const PLAIN: { [letter: string]: string } = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** All tokens of a text and an end token. Throws CelError where something is none. */
export function tokens(source: string): Token[] {
  if (source.length > 8192 && codePoints(source) > 8192) throw new CelError("the expression is too long", 8192);
  const found: Token[] = [];
  let at = 0;
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (!match) throw new CelError(`"${source[at]}" is not part of the language`, at);
    const [whole, prefix = "", quote, name, number, suffix, sign] = match;
    const start = at;
    at += whole.length;
    if (quote) {
      const [value, end] = string(source, prefix.toLowerCase(), quote, start, at);
      found.push({ kind: "string", value, start });
      at = end;
    } else if (number) {
      if (suffix) throw new CelError(`"${whole}" is not a number`, start);
      const isInteger = /^(\d+|0x.*)$/i.test(number);
      const value = isInteger ? BigInt(number) : Number(number);
      if (value === Infinity) throw new CelError("this number is too big for a double", start);
      found.push({ kind: isInteger ? "int" : "double", value, start });
    } else if (name || sign) found.push({ kind: name ? "name" : "sign", value: whole, start });
  }
  found.push({ kind: "end", value: "", start: at });
  return found;
}

/** The value of a string whose inside begins at `at`, and where the string ends. */
function string(source: string, prefix: string, quote: string, start: number, at: number): [string, number] {
  if (/rr|bb/.test(prefix)) throw new CelError(`"${prefix}" is not a prefix of strings`, start);
  if (prefix.includes("b")) unsupported("a literal of bytes");
  const isRaw = prefix === "r";
  const plain = quote.length === 1 ? `[^${quote}\\\\\\n\\r]` : `(?!${quote})[^\\\\]`;
  const inside = RegExp(`(?:${plain}|\\\\${isRaw ? "" : "[^]"})*`, "y");
  inside.lastIndex = at;
  const raw = inside.exec(source)![0];
  if (!source.startsWith(quote, at + raw.length)) throw new CelError("the string that begins here is not closed", start);
  const value = isRaw
    ? raw
    : raw.replace(ESCAPE, (_, letter?: string, x?: string, u?: string, U?: string, octal?: string) => {
        if (letter) return PLAIN[letter] ?? letter;
        const code = octal ? parseInt(octal, 8) : parseInt(x ?? u ?? U ?? "", 16);
        // No stored text has U+0000 or half a surrogate pair.
        if (!(code > 0 && code < 0xd800) && !(code > 0xdfff && code < 0x110000)) {
          throw new CelError("this escape stands for no character", start);
        }
        return String.fromCodePoint(code);
      });
  if (value.includes("\0")) throw new CelError("no stored text has U+0000", start);
  return [value, at + raw.length + quote.length];
}
