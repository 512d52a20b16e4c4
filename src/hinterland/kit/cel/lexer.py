"""From text to tokens (the language's specification, "Syntax": lexis)."""

from __future__ import annotations

import re
from functools import cache

from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.literals import unescape

MAX_LENGTH = 8192
"""Characters that an expression may have."""

END, NAME, INTEGER, DOUBLE, TEXT, BYTES, SIGN = "end", "name", "integer", "double", "string", "bytes", "sign"
UNSIGNED = "uint"


class Lexeme:
    """One token: its kind, its value (decoded for literals) and its position."""

    __slots__ = ("end", "kind", "start", "value")

    def __init__(self, kind: str, value: object, start: int, end: int) -> None:
        self.kind = kind
        self.value = value
        self.start = start
        self.end = end


_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n\f]+|//[^\n]*)+)
    |(?P<string>(?P<prefix>[rRbB]{0,2})(?P<quote>\"\"\"|'''|"|'))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>0[xX][0-9A-Fa-f]+|(?:[0-9]+\.[0-9]+|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)(?P<suffix>[A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE,
)
_HINTS = {
    "=": 'use "==" to compare',
    "&": 'use "&&" for and',
    "|": 'use "||" for or',
    "~": "regular expressions are not part of rules; use startsWith(), endsWith() or contains()",
    "^": 'there is no power or exclusive or; use "!=" between two booleans',
    ";": "an expression has no statements; leave it out",
    "`": 'write a field with an unusual name as record["the name"]',
    "@": "names have no prefix; write auth.id or record.field",
    "$": "names have no prefix; write auth.id or record.field",
    "#": 'a comment begins with "//"',
    "“": 'use straight quotes: "',
    "”": 'use straight quotes: "',
    "‘": "use straight quotes: '",
    "’": "use straight quotes: '",
}


def tokens(source: str) -> list[Lexeme]:
    """All tokens of ``source`` and an end token; ``CelError`` where something is none."""
    if len(source) > MAX_LENGTH:
        message = f"the expression has {len(source):,} characters, at most {MAX_LENGTH:,} are possible"
        raise CelError(message, source, MAX_LENGTH)
    found: list[Lexeme] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _strange(source, at)
        at = match.end()
        if match["string"] is not None:
            found.append(_string(source, match))
            at = found[-1].end
        elif match["number"] is not None:
            found.append(_number(source, match))
        elif match["space"] is None:
            found.append(Lexeme(NAME if match["name"] else SIGN, match[0], match.start(), at))
    found.append(Lexeme(END, "", len(source), len(source)))
    return found


def _strange(source: str, at: int) -> CelError:
    sign = source[at]
    end = at + 1
    while end < len(source) and source[end] == sign:
        end += 1
    return CelError(f'"{source[at:end]}" is not part of the language', source, at, end, _HINTS.get(sign, ""))


def _number(source: str, match: re.Match[str]) -> Lexeme:
    text, start, end = match["number"], match.start(), match.end()
    if match["suffix"] and (match["suffix"] not in ("u", "U") or not (text.isdigit() or text[:2] in ("0x", "0X"))):
        raise CelError(f'"{match[0]}" is not a number', source, start, end)
    kind = UNSIGNED if match["suffix"] else INTEGER
    is_hex = text[:2] in ("0x", "0X")
    if is_hex or text.isdigit():
        if len(text) > 30:
            raise CelError("this number is too big for a 64-bit integer", source, start, end)
        return Lexeme(kind, int(text, 16 if is_hex else 10), start, end)
    value = float(text)
    if value == float("inf"):
        raise CelError("this number is too big for a double", source, start, end)
    return Lexeme(DOUBLE, value, start, end)


@cache
def _inside(quote: str, is_raw: bool) -> re.Pattern[str]:
    """What may stand between the quotes: anything but them, a backslash with what it escapes, and, in one, a line."""
    escape = r"\\" if is_raw else r"\\[\s\S]"
    plain = rf"[^{quote}\\\n\r]" if len(quote) == 1 else rf"(?!{quote})[^\\]"
    return re.compile(f"(?:{plain}|{escape})*")


def _string(source: str, match: re.Match[str]) -> Lexeme:
    prefix, quote, start = match["prefix"].lower(), match["quote"], match.start()
    if prefix in ("rr", "bb"):
        raise CelError(f'"{match["prefix"]}" is not a prefix of strings', source, start, match.end())
    inside = _inside(quote, "r" in prefix).match(source, match.end())
    at = inside.end() if inside else match.end()
    if not source.startswith(quote, at):
        raise CelError(f"the string that begins here is not closed with {quote}", source, start, match.end())
    raw = source[match.end() : at]
    value = unescape(raw, source, match.end(), is_raw="r" in prefix, is_bytes="b" in prefix)
    return Lexeme(BYTES if "b" in prefix else TEXT, value, start, at + len(quote))
