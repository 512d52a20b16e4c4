"""Functions of texts and bytes (cel-go's strings extension), each the same in Python and in both databases.

Positions count code points from 0. A position outside of the text is an error, as is a result of more than
``MOST_CHARACTERS``.
"""

from __future__ import annotations

import operator
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable

from hinterland.kit.cel import operations
from hinterland.kit.cel.operations import Operator, characters, in_python, registered
from hinterland.kit.cel.overloads import Overload
from hinterland.kit.cel.patterns import MOST_STATES_TOGETHER, PatternError, pattern_of
from hinterland.kit.cel.tree import FunctionCall, Literal, fail
from hinterland.kit.cel.typed import Apply, Constant, Typed
from hinterland.kit.cel.types import BOOL, BYTES, INT, STRING, ListType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hinterland.kit.cel.checking import Checker

MOST_CHARACTERS = 10_000_000
"""What replace() and join() may make."""

_TEXTS = ListType(STRING)
_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
"""The characters of Unicode's White_Space."""

_PLACE = "least(greatest({%d}, 0), 1000000000)::int"  # PostgreSQL takes 32 bits, and no text is longer


def _char_at(text: str, index: int) -> str | None:
    return text[index : index + 1] if 0 <= index <= len(text) else None


def _from(text: str, start: int) -> str | None:
    return text[start:] if 0 <= start <= len(text) else None


def _between(text: str, start: int, end: int) -> str | None:
    return text[start:end] if 0 <= start <= end <= len(text) else None


CHAR_AT = Operator(
    "charAt",
    _char_at,
    "CASE WHEN {1} BETWEEN 0 AND length({0}) THEN substr({0}, {1} + 1, 1) END",
    f"CASE WHEN {{1}} BETWEEN 0 AND length({{0}}) THEN substr({{0}}, {_PLACE % 1} + 1, 1) END",
    characters,
)
SUBSTRING_FROM = Operator(
    "substring",
    _from,
    "CASE WHEN {1} BETWEEN 0 AND length({0}) THEN substr({0}, {1} + 1) END",
    f"CASE WHEN {{1}} BETWEEN 0 AND length({{0}}) THEN substr({{0}}, {_PLACE % 1} + 1) END",
    characters,
)
SUBSTRING = Operator(
    "substring",
    _between,
    "CASE WHEN {1} >= 0 AND {1} <= {2} AND {2} <= length({0}) THEN substr({0}, {1} + 1, {2} - {1}) END",
    "CASE WHEN {1} >= 0 AND {1} <= {2} AND {2} <= length({0}) "
    f"THEN substr({{0}}, {_PLACE % 1} + 1, greatest({_PLACE % 2} - {_PLACE % 1}, 0)) END",
    characters,
)


# ---------------------------------------------------------------- searches


def _index_after(text: str, part: str, start: int) -> int | None:
    return text.find(part, start) if 0 <= start <= len(text) else None


def _last_index_before(text: str, part: str, start: int) -> int | None:
    return text.rfind(part, 0, start + len(part)) if 0 <= start <= len(text) else None


def _after(search: str, rest: str) -> str:
    found = f"{search}({rest}, {{1}})"
    return (
        "CASE WHEN {2} BETWEEN 0 AND length({0}) AND {1} IS NOT NULL THEN "
        f"CASE {found} WHEN 0 THEN -1 ELSE {found} + {{2}} - 1 END END"
    )


def _last(text: str) -> str:
    found = f"strpos(reverse({text}), reverse({{1}}))"
    return (
        f"CASE WHEN {{1}} = '' THEN length({text}) WHEN {found} = 0 THEN -1 "
        f"WHEN {found} > 0 THEN length({text}) - {found} - length({{1}}) + 1 END"
    )


INDEX = Operator("indexOf", str.find, "instr({0}, {1}) - 1", "strpos({0}, {1}) - 1", characters)
INDEX_AFTER = Operator(
    "indexOf",
    _index_after,
    _after("instr", "substr({0}, {2} + 1)"),
    _after("strpos", f"substr({{0}}, {_PLACE % 2} + 1)"),
    characters,
)
LAST_INDEX = registered("lastIndexOf", str.rfind, 2, _last("{0}"), characters)
LAST_INDEX_BEFORE = registered(
    "lastIndexOf",
    _last_index_before,
    3,
    f"CASE WHEN {{2}} BETWEEN 0 AND length({{0}}) THEN {_last(f'substr({{0}}, 1, {_PLACE % 2} + length({{1}}))')} END",
    characters,
    "_before",
)

# ---------------------------------------------------------------- changes


def _replaced_size(text: str, old: str, new: str, count: int = -1) -> int:
    """The characters of the text in which ``old`` is replaced."""
    found = text.count(old)
    return len(text) + (found if count < 0 else min(found, count)) * (len(new) - len(old))


def _replace(text: str, old: str, new: str, count: int = -1) -> str | None:
    is_too_long = _replaced_size(text, old, new, count) > MOST_CHARACTERS
    return None if is_too_long else text.replace(old, new, count if count >= 0 else -1)


def _replace_work(text: str, old: str, new: str, count: int = -1) -> int:
    return len(text) + min(MOST_CHARACTERS, max(0, _replaced_size(text, old, new, count)))


_FOUND = "((length({0}) - length(replace({0}, {1}, ''))) / nullif(length({1}), 0))"
_FITS = f"length({{0}})::bigint + {_FOUND}::bigint * (length({{2}}) - length({{1}})) <= {MOST_CHARACTERS}"
_REPLACED = (
    f"CASE WHEN {{1}} = '' THEN CASE WHEN length({{0}})::bigint + (length({{0}}) + 1)::bigint * length({{2}}) "
    f"<= {MOST_CHARACTERS} THEN CASE WHEN {{0}} = '' THEN {{2}} "
    "ELSE {2} || array_to_string(string_to_array({0}, NULL), {2}) || {2} END END "
    f"WHEN {_FITS} THEN replace({{0}}, {{1}}, {{2}}) END"
)
REPLACE = registered("replace", _replace, 3, _REPLACED, _replace_work)
REPLACE_SOME = in_python("replace", _replace, _replace_work)
TRIM = Operator(
    "trim", lambda text: text.strip(_SPACE), f"trim({{0}}, '{_SPACE}')", f"btrim({{0}}, '{_SPACE}')", characters
)
REVERSE = registered("reverse", lambda text: text[::-1], 1, "reverse({0})", characters)

_ESCAPES = {
    "\\": "\\\\",
    '"': '\\"',
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
_QUOTED = "{0}"
for _plain, _escape in _ESCAPES.items():
    _QUOTED = f"replace({_QUOTED}, '{_plain}', '{_escape}')"


def _quote(text: str) -> str:
    for plain, escape in _ESCAPES.items():
        text = text.replace(plain, escape)
    return f'"{text}"'


QUOTE = Operator("quote", _quote, f"'\"' || {_QUOTED} || '\"'", None, lambda text: 8 * len(text))

# ---------------------------------------------------------------- lists of texts


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0 or (not text and not separator):
        return []
    parts = list(text) if not separator else text.split(separator)
    return parts if count < 0 or len(parts) <= count else [*parts[: count - 1], separator.join(parts[count - 1 :])]


def _split_work(text: str, separator: str, count: int = -1) -> int:
    return len(text) + 32 * (text.count(separator) if separator else len(text))


def _split_json(text: str, separator: str) -> str:
    import json  # only SQLite needs it

    return json.dumps(_split(text, separator), ensure_ascii=False)


def _join(texts: list[object], separator: str = "") -> str | None:
    if not all(isinstance(text, str) for text in texts):
        return None
    size = sum(map(len, texts)) + len(separator) * max(0, len(texts) - 1)  # type: ignore[arg-type]
    return None if size > MOST_CHARACTERS else separator.join(texts)  # type: ignore[arg-type]


def _join_json(texts: str, separator: str) -> str | None:
    import json

    return _join(json.loads(texts), separator)


def _join_work(texts: list[object], separator: str = "") -> int:
    return characters(*texts) + len(texts) * (96 + len(separator))


SPLIT = registered("split", _split, 2, (
    "to_jsonb(CASE WHEN {0} = '' THEN CASE WHEN {1} = '' THEN ARRAY[]::text[] WHEN {1} <> '' THEN ARRAY[''] END "
    "WHEN {1} IS NOT NULL THEN string_to_array({0}, NULLIF({1}, '')) END)"
), _split_work)  # fmt: skip
SPLIT_SOME = in_python("split", _split, _split_work)
JOIN = registered("join", _join, 2, (
    "(SELECT CASE WHEN {0} IS NULL OR {1} IS NULL OR count(*) > count(_s) OR coalesce(sum(length(_s)), 0) "
    f"+ length({{1}})::bigint * greatest(count(*) - 1, 0) > {MOST_CHARACTERS} THEN NULL "
    "ELSE coalesce(string_agg(_s, {1} ORDER BY _n), '') END FROM (SELECT _n, CASE jsonb_typeof(_j) WHEN 'string' "
    "THEN _j #>> '{}' END AS _s FROM jsonb_array_elements({0}) WITH ORDINALITY AS _a(_j, _n)) AS _l)"
), _join_work)  # fmt: skip
operations.REGISTERED["cel_split"] = (2, _split_json)
operations.REGISTERED["cel_join"] = (2, _join_json)

# ---------------------------------------------------------------- bytes


def octets(value: str) -> bytes | None:
    """What base64 stands for; None if it is none."""
    try:
        return b64decode(value, validate=True)
    except (Error, ValueError):
        return None


def _bytes_size(value: str) -> int:
    return len(value) // 4 * 3 - (len(value) - len(value.rstrip("=")))


def _bytes_text(value: str) -> str | None:
    try:
        text = b64decode(value, validate=True).decode()
    except (Error, ValueError):
        return None
    return None if "\0" in text else text


def _base64_decode(text: str) -> str | None:
    found = octets(text + "=" * (-len(text) % 4))
    return None if found is None else b64encode(found).decode()


def _joined_bytes(left: str, right: str) -> str | None:
    a, b = octets(left), octets(right)
    return None if a is None or b is None else b64encode(a + b).decode()


def _ordered(name: str, compare: Callable[[bytes, bytes], bool]) -> Operator:
    def ordered(left: str, right: str) -> bool | None:
        a, b = octets(left), octets(right)
        return None if a is None or b is None else compare(a, b)

    return in_python(name, ordered, characters)


BYTES_ORDER = {
    name: _ordered(name, compare)
    for name, compare in (("<", operator.lt), ("<=", operator.le), (">", operator.gt), (">=", operator.ge))
}
BYTES_SIZE = Operator("size", _bytes_size, "length({0}) / 4 * 3 - (length({0}) - length(rtrim({0}, '=')))")
BYTES_TEXT = in_python("string", _bytes_text, characters)
TEXT_BYTES = registered(
    "bytes",
    lambda text: b64encode(text.encode("utf-8", "surrogatepass")).decode(),
    1,
    "replace(encode(convert_to({0}, 'UTF8'), 'base64'), chr(10), '')",
    characters,
)
BASE64_ENCODE = Operator("base64.encode", lambda value: value, "{0}")
BASE64_DECODE = in_python("base64.decode", _base64_decode, characters)
JOIN_BYTES = in_python("+", _joined_bytes, characters)

# ---------------------------------------------------------------- patterns

STEP = 64  # characters, as metering counts them


def _matches(text: str, written: str, longest: int) -> bool | None:
    return pattern_of(written).is_in(text) if len(text) <= longest else None


def _matches_work(text: str, written: str, longest: int) -> int:
    """As if each character were looked at in half of the pattern's states."""
    return STEP * (min(len(text), longest) * pattern_of(written).states // 2)


MATCHES = registered("matches", _matches, 3, "CASE WHEN length({0}) <= {2} THEN {0} ~ {1} END", _matches_work)


def _check_matches(checker: Checker, node: FunctionCall) -> Typed:
    text, written = checker.text(node.arguments[0]), node.arguments[-1]
    if not isinstance(written, Literal) or not isinstance(written.value, str):
        raise fail(written, "a pattern must be a literal string", 'write record.title.matches("^[a-z]+$")')
    try:
        pattern = pattern_of(written.value)
    except PatternError as error:
        raise fail(written, f"this pattern is not possible: {error}", error.hint) from None
    checker.pattern_states += pattern.states
    if checker.pattern_states > MOST_STATES_TOGETHER:
        raise fail(written, "the patterns of this expression are too great together", "use fewer or smaller ones")
    longest = Constant(written, INT, pattern.longest)
    return Apply(node, BOOL, MATCHES, (text, Constant(written, STRING, pattern.canonical), longest))


CHECKED = {"matches": ("both", (2,), 'record.title.matches("^[a-z]+$")', _check_matches)}
STRICT: dict[str, tuple[str, str, tuple[Overload, ...]]] = {
    "charAt": ("method", "record.title.charAt(0)", (Overload((STRING, INT), STRING, CHAR_AT),)),
    "substring": ("method", "record.title.substring(0, 3)", (
        Overload((STRING, INT), STRING, SUBSTRING_FROM), Overload((STRING, INT, INT), STRING, SUBSTRING))),
    "indexOf": ("method", 'record.title.indexOf("a")', (
        Overload((STRING, STRING), INT, INDEX), Overload((STRING, STRING, INT), INT, INDEX_AFTER))),
    "lastIndexOf": ("method", 'record.title.lastIndexOf("a")', (
        Overload((STRING, STRING), INT, LAST_INDEX), Overload((STRING, STRING, INT), INT, LAST_INDEX_BEFORE))),
    "lowerAscii": ("method", "record.title.lowerAscii()", (Overload((STRING,), STRING, operations.LOWER),)),
    "upperAscii": ("method", "record.title.upperAscii()", (Overload((STRING,), STRING, operations.UPPER),)),
    "replace": ("method", 'record.title.replace("a", "b")', (
        Overload((STRING, STRING, STRING), STRING, REPLACE),
        Overload((STRING, STRING, STRING, INT), STRING, REPLACE_SOME))),
    "trim": ("method", "record.title.trim()", (Overload((STRING,), STRING, TRIM),)),
    "reverse": ("method", "record.title.reverse()", (Overload((STRING,), STRING, REVERSE),)),
    "split": ("method", 'record.title.split(" ")', (
        Overload((STRING, STRING), _TEXTS, SPLIT), Overload((STRING, STRING, INT), _TEXTS, SPLIT_SOME))),
    "join": ("method", 'record.tags.join(",")', (Overload((_TEXTS, STRING), STRING, JOIN),)),
    "strings.quote": ("global", "strings.quote(record.title)", (Overload((STRING,), STRING, QUOTE),)),
    "base64.encode": ("global", "base64.encode(record.data)", (Overload((BYTES,), STRING, BASE64_ENCODE),)),
    "base64.decode": ("global", 'base64.decode("aGk=")', (Overload((STRING,), BYTES, BASE64_DECODE),)),
}  # fmt: skip
