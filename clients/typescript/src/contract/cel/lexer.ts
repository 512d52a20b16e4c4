/** The expression is outside the subset that is evaluated on the device, or it is none: only the server can tell. */
export class UnsupportedExpression extends Error {
  override readonly name = "UnsupportedExpression";
}

export function unsupported(what: unknown): never {
  throw new UnsupportedExpression(`${what} is not evaluated on this device; ask the server`);
}

export interface Token {
  readonly kind: "name" | "string" | "number" | "sign" | "end";
  readonly value: string | number | bigint;
}

// A string, a name, a number, a sign. A prefix of a string, three quotation marks and arithmetic are none.
const WORDS = "([\"'])((?:\\\\.|(?!\\1)[^\\\\\\n\\r])*)\\1(?![\"'])|([a-z_]\\w*)(?![\"'])|";
const NUMBERS = "(0x[\\da-f]+|(?:\\d*\\.)?\\d+(?:e[+-]?\\d+)?)(?!\\w)|";
const TOKEN = /* @__PURE__ */ RegExp(`${WORDS}${NUMBERS}(&&|\\|\\||[=!<>]=|[-!<>?:.,()[\\]])|$`, "iy");
const BLANK = /(?:[ \t\r\n\f]|\/\/[^\n]*)*/y;
const ESCAPE = /\\(?:([nrt\\?"'`])|x([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|)/g;
const PLAIN: { [letter: string]: string } = { n: "\n", r: "\r", t: "\t" };

function unescaped(raw: string): string {
  return raw.replace(ESCAPE, (escape, letter?: string, x?: string, u?: string) => {
    const code = parseInt(x ?? u ?? "", 16);
    // No stored text has U+0000 or half a surrogate pair.
    if (!letter && (!code || (code >= 0xd800 && code < 0xe000))) unsupported(escape);
    return letter ? PLAIN[letter] ?? letter : String.fromCharCode(code);
  });
}

/** All tokens of a text and an end token. */
export function tokens(source: string): Token[] {
  const found: Token[] = [];
  for (let at = 0, kind = ""; kind !== "end"; ) {
    BLANK.lastIndex = at;
    TOKEN.lastIndex = at + BLANK.exec(source)![0].length;
    const [, quote, inside = "", name, number, sign] = TOKEN.exec(source) ?? unsupported(source.slice(at));
    at = TOKEN.lastIndex;
    if (quote) found.push({ kind: "string", value: unescaped(inside) });
    else if (number) found.push({ kind: "number", value: numberIn(number) });
    else found.push({ kind: name ? "name" : sign ? "sign" : "end", value: name ?? sign ?? "" });
    kind = found.at(-1)!.kind;
  }
  return found;
}

/** A number; an integer beyond those of a double as a bigint. */
function numberIn(text: string): number | bigint {
  const number = Number(text);
  const isExact = Number.isSafeInteger(number) || !/^(\d+|0x.*)$/i.test(text);
  return Number.isFinite(number) && isExact ? number : BigInt(text);
}
