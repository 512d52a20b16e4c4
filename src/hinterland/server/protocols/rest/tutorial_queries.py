"""The parameters of a list on a tutorial's path: the server's own, those of json-server 0.17 and 1, and those of the
simple REST providers of admin frameworks.

A parameter that has the name of a declared field compares that field, whatever the name means otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.contract.query import MAX_LIMIT, RESERVED, WORDS, Query, check_name, parse
from hinterland.contract.records import META
from hinterland.kit.closest_first import closest_first
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.reader import check_undeclared, undeclared
from hinterland.server.protocols.rest.comparisons import OPERATORS, compared, is_field, searched

MOST = 1_000  # parameters, and values of one: an admin framework asks for as many records by their ids
_MOST_CONDITIONS = 100  # each makes the statement longer
_MAX_START = 1_000_000_000
_MAX_PAGE = 1_000_000
_DEFAULT = 10  # records of a page, as in json-server
_PAGING = ("_page", "_per_page", "_limit", "_start", "_end", "range")
_PARAMETERS = (*_PAGING, "_sort", "_order", "q")
_INCLUDING = frozenset({"_embed", "_expand", "embed"})

PageForm = Literal["array", "data", "links", "pages", "slice", "range"]
_range = msgspec.json.Decoder(tuple[int, int])
_sort = msgspec.json.Decoder(tuple[str, str])
_filter = msgspec.json.Decoder(dict[str, Any])


class Paging(NamedTuple):
    """The part of a list that is asked for, and the form of its response: the bare array of everything ("array"), of a
    counted page with links to the others ("links") or of a part ("slice", "range"); `{data, page, limit, total}`
    ("data") or `{first, prev, next, last, pages, items, data}` ("pages")."""

    form: PageForm
    limit: int
    page: int = 1
    skipped: int | None = None


class TutorialQuery(NamedTuple):
    """What a list on a tutorial's path asks for: `query` and the conditions `more` of the records in `paging`."""

    query: Query
    more: tuple[Any, ...]
    paging: Paging


def parse_tutorial_query(entry: Entry, caller: Principal, pairs: Sequence[tuple[str, str]]) -> TutorialQuery:
    """What a query string asks `entry` for. Raises `invalid_query`, and `forbidden` for a field that is hidden from the
    caller."""
    given = _Given(entry)
    for name, value in pairs:
        given.add(name, value)
    query = parse(given.own)
    given.check_size(undeclared(entry, query.equals))
    sort = _order(given.words) or query.sort
    if sort is not query.sort and query.sort:
        raise Refusal("invalid_query", "the order is given twice; send sort or _sort, not both")
    paging = _paging(given, query)
    more = [compared(entry, name, values) for name, values in given.fields.items()]
    if text := _once(given.words, "q"):
        more.append(searched(entry, caller, text))
    query = msgspec.structs.replace(query, sort=sort, limit=paging.limit, total=True)
    return TutorialQuery(query, tuple(more), paging)


def refuse_includes(entry: Entry, pairs: Sequence[tuple[str, str]]) -> None:
    """Raises `invalid_query` for parameters that ask for related records beside each record."""
    for name, _ in pairs:
        if name in _INCLUDING and not is_field(entry, name):
            message = f"{name} is not supported; read the related records with a request of their own"
            path = f"/v1/records/{entry.name}?expand=…"
            raise Refusal("invalid_query", f"{message}, such as /{entry.name}/1/comments, or with {path}")


class _Given:
    """Parameters by what they are: `own` of the server, `words` of other servers, values that `fields` are compared
    with."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.own: list[tuple[str, str]] = []
        self.words: dict[str, list[str]] = {}
        self.fields: dict[str, list[Any]] = {}
        self.has_own_paging = False
        self.is_counted = False

    def add(self, name: str, value: str) -> None:
        """Count one parameter in."""
        if name == "filter" and value.startswith("{"):
            self._add_filter(value)
        elif name == "sort" and value.startswith("["):
            self.words.setdefault("[sort]", []).append(value)
        elif name in RESERVED or name.startswith("where.") or "\0" in name + value:
            self.has_own_paging |= name in ("page", "limit", "cursor")
            self.is_counted |= name in ("page", "limit")
            self.own.append((name, value))
        else:
            self._add(name, value)

    def _add(self, name: str, value: Any) -> None:
        if name in _INCLUDING:
            refuse_includes(self.entry, [(name, "")])
        if name in _PARAMETERS and not is_field(self.entry, name):
            self.words.setdefault(name, []).append(value)
            return
        self._check(name)
        values = self.fields.setdefault(name, [])
        values += value if isinstance(value, list) else [value]

    def check_size(self, own_undeclared: int) -> None:
        """Raises `invalid_query` where there is more than one statement can ask; `own_undeclared` of the server's own
        parameters compare fields that are not declared. Of these, each value is a condition of its own."""
        if len(self.own) + len(self.fields) > _MOST_CONDITIONS:
            raise Refusal("invalid_query", f"the query has over {_MOST_CONDITIONS} conditions; send fewer")
        counts = [len(values) for name, values in self.fields.items() if not self._is_declared(name)]
        check_undeclared(own_undeclared + sum(counts))
        for name, values in self.fields.items():
            if len(values) > MOST:
                raise Refusal("invalid_query", f"{name[:64]} has over {MOST:,} values; send fewer")

    def _is_declared(self, name: str) -> bool:
        base = next((name.removesuffix(end) for end in OPERATORS if name.endswith(end)), name)
        return is_field(self.entry, name) or is_field(self.entry, base)

    def _check(self, name: str) -> None:
        check_name(name)
        if self.entry.collection.is_open or self._is_declared(name):
            return
        fields = (*self.entry.collection.fields, *META)
        known = closest_first(name, (*fields, *WORDS, *_PARAMETERS))
        ends = ", ".join(OPERATORS)
        message = f"unknown parameter {name[:64]!r}; allowed: {', '.join(known)}, and a field with one of {ends}"
        raise Refusal("invalid_query", message)

    def _add_filter(self, text: str) -> None:
        """The members of a filter that is a JSON object: each as a parameter would be."""
        try:
            members = _filter.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            raise Refusal("invalid_query", 'filter is not a JSON object; send {"field": value}, or CEL') from None
        for name, value in members.items():
            inner = value if isinstance(value, list) else [value]
            if any(isinstance(one, dict | list) or "\0" in f"{name}{one}" for one in inner):
                raise Refusal("invalid_query", f"filter: {name[:64]!r} must be a value or a list of values")
            if name in _PAGING or name in ("_sort", "_order") or (name == "q" and not isinstance(value, str)):
                self._check_member(name)
            self._add(name, value)

    def _check_member(self, name: str) -> None:
        if not is_field(self.entry, name):
            raise Refusal("invalid_query", f"filter: {name!r} is not a field; q is text that is searched for")


# ---------------------------------------------------------------- order


def _order(words: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The order that `_sort` and `_order`, or a `sort` in JSON, ask for."""
    if "[sort]" in words:
        try:
            name, direction = _sort.decode(words["[sort]"][0])
        except msgspec.MsgspecError:
            raise Refusal("invalid_query", 'sort is not a field with its direction; send ["title", "ASC"]') from None
        if "_sort" in words or len(words["[sort]"]) > 1:
            raise Refusal("invalid_query", "the order is given twice; send sort or _sort, once")
        return (_directed(name, direction),) if name else ()
    names, directions = _listed(words, "_sort"), _listed(words, "_order")
    if "_sort" not in words and directions:
        raise Refusal("invalid_query", "_order is the direction of _sort; send both")
    if names and len(directions) > len(names):
        raise Refusal("invalid_query", f"_order has {len(directions)} directions and _sort {len(names)} fields")
    directions += [""] * (len(names) - len(directions))
    return tuple([_directed(name, direction) for name, direction in zip(names, directions, strict=False)])


def _listed(words: Mapping[str, list[str]], name: str) -> list[str]:
    return [part.strip() for value in words.get(name, ()) for part in value.split(",") if part.strip()]


def _directed(name: str, direction: str) -> str:
    if direction.lower() not in ("", "asc", "desc"):
        raise Refusal("invalid_query", f"a direction is asc or desc, not {direction[:40]!r}")
    if direction and name.startswith("-"):
        raise Refusal("invalid_query", f"{name[:64]!r} has two directions; send - or a direction, not both")
    return f"-{name}" if direction.lower() == "desc" else name


# ---------------------------------------------------------------- paging


def _paging(asked: _Given, query: Query) -> Paging:
    """The part of the list that the parameters ask for. Raises `invalid_query` where they are of two kinds."""
    words = asked.words
    given = [name for name in _PAGING if _once(words, name)]
    if not given:  # a cursor alone continues a bare array
        return Paging("data", query.limit, query.page or 1) if asked.is_counted else Paging("array", MAX_LIMIT)
    if asked.has_own_paging:
        raise Refusal("invalid_query", f"{given[0]} does not go with page, limit and cursor; send one kind")
    together = next((kind for kind in _KINDS if set(given) <= set(kind)), None)
    if together is None:
        kinds = " or ".join([" with ".join(kind) for kind in _KINDS])
        raise Refusal("invalid_query", f"{', '.join(given)} do not go together; send {kinds}")
    if "range" in given:
        return _ranged(_once(words, "range"))
    if "_page" in given or "_per_page" in given:
        return _numbered(words)
    start = _number(words, "_start", 0, _MAX_START, 0)
    if "_end" not in given:
        return Paging("slice", _number(words, "_limit", 1, MAX_LIMIT, MAX_LIMIT), skipped=start)
    end = _number(words, "_end", 1, _MAX_START + MAX_LIMIT, 0)
    if not start < end <= start + MAX_LIMIT:
        raise Refusal("invalid_query", f"_end must be 1 to {MAX_LIMIT:,} more than _start, which is {start}")
    return Paging("slice", end - start, skipped=start)


_KINDS = (("_page", "_per_page"), ("_page", "_limit"), ("_start", "_end"), ("_start", "_limit"), ("range",))


def _numbered(words: Mapping[str, list[str]]) -> Paging:
    page = _number(words, "_page", 1, _MAX_PAGE, 1)
    form: PageForm = "pages" if _once(words, "_per_page") else "links"
    limit = _number(words, "_per_page" if form == "pages" else "_limit", 1, MAX_LIMIT, _DEFAULT)
    return Paging(form, limit, page, (page - 1) * limit)


def _ranged(text: str) -> Paging:
    try:
        first, last = _range.decode(text)
    except msgspec.MsgspecError:
        first, last = 0, -1
    if not 0 <= first <= last < first + MAX_LIMIT or first > _MAX_START:
        message = f"range must be the first and the last place of up to {MAX_LIMIT:,} records; send [0, 24]"
        raise Refusal("invalid_query", message)
    return Paging("range", last - first + 1, skipped=first)


def _once(words: Mapping[str, list[str]], name: str) -> str:
    """The value of a parameter that may be given once; "" where it is not, or empty."""
    values = words.get(name, ())
    if len(values) > 1:
        raise Refusal("invalid_query", f"parameter {name} appears twice; send it once")
    return values[0] if values else ""


def _number(words: Mapping[str, list[str]], name: str, lowest: int, highest: int, default: int) -> int:
    text = _once(words, name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 11 and lowest <= int(text) <= highest):
        raise Refusal("invalid_query", f"{name} must be a whole number from {lowest} to {highest}, is {text[:40]!r}")
    return int(text)
