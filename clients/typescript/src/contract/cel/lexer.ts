/** The expression is outside the subset that is evaluated on the device, or it is none: only the server can tell. */
export class UnsupportedExpression extends Error {
  override readonly name = "UnsupportedExpression";
}

export function unsupported(what: unknown): never {
  throw new UnsupportedExpression(`${what} is not evaluated on this device; ask the server`);
}

// A string, a name or a number, a sign. A prefix of a string, three quotation marks and arithmetic are none.
const STRINGS_AND_NAMES = "([\"'])(?:\\\\.|(?!\\1)[^\\\\\\n\\r])*\\1(?![\"'])|[a-z_]\\w*(?![\"'])|";
const NUMBERS = "(?:0x[\\da-f]+|(?:\\d*\\.)?\\d+(?:e[+-]?\\d+)?)(?!\\w)|";
const SIGNS = "&&|\\|\\||[=!<>]=|\\/\\/[^\\n]*|[-!<>?:.,()[\\]]";

/** The tokens of a text as they are written. */
export function tokens(source: string): string[] {
  const found: string[] = [];
  const others = source.replace(RegExp(STRINGS_AND_NAMES + NUMBERS + SIGNS, "gi"), (token) => {
    if (token.slice(0, 2) !== "//") found.push(token);
    return "";
  });
  const [unknown] = /[^ \t\r\n\f]+/.exec(others) ?? [];
  return unknown ? unsupported(unknown) : found;
}

const PLAIN: { [letter: string]: string } = { n: "\n", r: "\r", t: "\t" };

/** The text that a string of the source stands for. */
export const textIn = (token: string): string =>
  token.slice(1, -1).replace(/\\(?:u([\dA-Fa-f]{4})|x([\dA-Fa-f]{2})|([nrt\\?"'`])|)/g, (escape, u, x, letter) => {
    if (letter) return PLAIN[letter] ?? letter;
    const code = parseInt(u ?? x, 16);
    // No stored text has U+0000 or half a surrogate pair.
    return code > 0 && !(code >> 11 === 27) ? String.fromCharCode(code) : unsupported(escape);
  });

/** The number that a token stands for; an integer beyond those of a double as a bigint. */
export function numberIn(token: string): number | bigint {
  const number = Number(token);
  const isExact = Number.isSafeInteger(number) || (Number.isFinite(number) && /^0?[^x]*[.e]/i.test(token));
  return isExact ? number : BigInt(token);
}
