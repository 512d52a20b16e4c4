"""A question to a collection: which records, in which order, how many, from where.

On the wire it is the query string of a list: `page`, `limit`, `cursor`, `filter` (CEL over `record`), `search` (words),
`sort` (`-created_at,name`), `total` (`true` counts), `fields` (`title,author.name`: those that are wanted), `expand`
(`author,comments(limit=5)`: related records that come with each), and `field=value` for equality. Every word of
`RESERVED` belongs to queries, now or later; a field of such a name, as any other, is asked for with
`where.field=value`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Annotated, Any

import msgspec

from hinterland.contract.errors import Refusal

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 20
WORDS = ("page", "limit", "cursor", "filter", "search", "sort", "total", "fields", "expand")
RESERVED = frozenset({*WORDS, "at", "count", "distinct", "group", "include", "where"})
WHERE = "where."
"""What a parameter that compares a field may begin with, whatever the field is called."""
GivenCursor = Annotated[
    str, msgspec.Meta(extra_json_schema={"format": "cursor", "description": "as the server gave it"})
]
"""A cursor in a request; what OpenAPI says of it."""
LONGEST_NAME = 1_000  # characters of a parameter's name: what it is compiled to is kept


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a list asks for. `page` counts from 1; `cursor` is the `next` of the answer before; `equals` maps a
    field to the text or value that it must have; `sort` holds field names, `-` before one for descending; `search` is
    read by `contract.searching`; `fields` and `expand` are as on the wire."""

    page: int | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    filter: str = ""
    search: str = ""
    sort: tuple[str, ...] = ()
    total: bool = False
    equals: dict[str, Any] = {}
    fields: str = ""
    expand: str = ""


def parse(parameters: Iterable[tuple[str, str]]) -> Query:
    """The query of a decoded query string. Raises the refusal `invalid_query`."""
    words, equals = split(parameters, WORDS, _field_of, "send it once")
    return Query(
        page=whole_number(words, "page", 1_000_000) if "page" in words else None,
        limit=whole_number(words, "limit", MAX_LIMIT) if "limit" in words else DEFAULT_LIMIT,
        cursor=words.get("cursor", ""),
        filter=words.get("filter", ""),
        search=words.get("search", ""),
        sort=names_of(words["sort"]) if "sort" in words else (),
        total=_flag(words.get("total", "false")),
        equals=equals,
        fields=words.get("fields", ""),
        expand=words.get("expand", ""),
    )


def split(
    parameters: Iterable[tuple[str, str]], known: Container[str], field_of: Callable[[str], str], once: str
) -> tuple[dict[str, str], dict[str, Any]]:
    """The parameters whose names are `known` words, and the others by the field that each compares. Raises
    `invalid_query`, for one that appears twice with `once` as advice."""
    words: dict[str, str] = {}
    equals: dict[str, Any] = {}
    for name, value in parameters:
        if "\0" in name or "\0" in value:
            raise Refusal("invalid_query", "a parameter has the character NUL; remove it")
        check_name(name)
        target, key = (words, name) if name in known else (equals, field_of(name))
        if key in target:
            raise Refusal("invalid_query", f"parameter {name[:64]} appears twice; {once}")
        target[key] = value
    return words, equals


def parameters(query: Query) -> list[tuple[str, str]]:
    """The query string's pairs for `query`: the opposite of `parse`."""
    pairs = [(_parameter_of(name), _text(value)) for name, value in query.equals.items()]
    if query.page is not None:
        pairs.append(("page", str(query.page)))
    if query.limit != DEFAULT_LIMIT:
        pairs.append(("limit", str(query.limit)))
    texts = ("cursor", query.cursor), ("filter", query.filter), ("search", query.search), ("sort", ",".join(query.sort))
    wanted = ("fields", query.fields), ("expand", query.expand)
    pairs += [(name, text) for name, text in (*texts, *wanted) if text]
    if query.total:
        pairs.append(("total", "true"))
    return pairs


def check_name(name: str) -> None:
    """Raises `invalid_query` for too long a name of a parameter."""
    if len(name) > LONGEST_NAME:
        raise Refusal("invalid_query", f"parameter {name[:64]!r}… has a name of over {LONGEST_NAME:,} characters")


def _field_of(name: str) -> str:
    """The field that a parameter compares. Raises `invalid_query` for a reserved word."""
    if name in RESERVED:
        advice = f"to compare a field of that name, send {WHERE}{name}=…"
        raise Refusal("invalid_query", f"parameter {name!r} is reserved; {advice}")
    return name.removeprefix(WHERE)


def _parameter_of(field: str) -> str:
    return f"{WHERE}{field}" if field in RESERVED or field.startswith(WHERE) else field


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def names_of(text: str) -> tuple[str, ...]:
    """The names of a list that is separated by commas, with or without spaces."""
    return tuple(name.strip(" ") for name in text.split(",") if name.strip(" "))


def whole_number(words: Mapping[str, str], name: str, highest: int) -> int:
    """The number of a parameter. Raises `invalid_query` for one that is not from 1 to `highest`."""
    text = words[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= highest):
        raise Refusal("invalid_query", f"{name} must be a whole number from 1 to {highest}, is {text[:40]!r}")
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false", "1", "0"):
        raise Refusal("invalid_query", f"total must be true or false, is {text[:40]!r}")
    return text in ("true", "1")
