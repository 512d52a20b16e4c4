"""The argument `where` as an expression in CEL, for those who read filters as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hinterland.contract.errors import Refusal
from hinterland.contract.kinds.undeclared import UNDECLARED
from hinterland.contract.matching import wanted
from hinterland.kit.cel.types import DOUBLE, TIMESTAMP, Type
from hinterland.server.data.catalogue import Entry

_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


def cel_of(entry: Entry, where: Mapping[str, Any]) -> str:
    """All of what a `where` says; "" where it says nothing. Raises `invalid_query`."""
    parts: list[str] = []
    for name, asked in where.items():
        if name in ("AND", "OR") and asked is not None:
            inner = [text for one in asked if (text := cel_of(entry, one))]
            parts += [_joined("&&" if name == "AND" else "||", inner)] if inner else []
        elif name == "NOT" and asked is not None:
            text = cel_of(entry, asked)
            parts += [f"!({text})"] if text else []
        elif asked is not None:
            parts += [_compared(entry, name, word, value) for word, value in asked.items()]
    return _joined("&&", parts) if parts else ""


def _joined(operator: str, parts: list[str]) -> str:
    return f" {operator} ".join([f"({part})" for part in parts]) if len(parts) > 1 else parts[0]


def _compared(entry: Entry, name: str, word: str, value: Any) -> str:
    path, kind = f"record.{name}", entry.book.kinds[name]
    if word == "exists" or (value is None and word in ("eq", "ne")):
        has = f"has({path})"
        return has if (value if word == "exists" else word == "ne") else f"!{has}"
    if word == "in":
        return f"{path} in [{', '.join([_literal(entry, name, each, kind) for each in value or ()])}]"
    if value is None:
        raise Refusal("invalid_query", f"{name}: {word} takes a value, not null")
    if word in ("contains", "startsWith", "endsWith"):
        return f"{path}.{word}({_text(value)})"
    return f"{path} {_OPERATORS[word]} {_literal(entry, name, value, kind)}"


def _literal(entry: Entry, name: str, value: Any, kind: Type) -> str:
    held = value if entry.collection.field(name) is UNDECLARED else wanted(entry.collection, name, value)
    if kind is TIMESTAMP:
        return f"timestamp({_text(str(held))})"
    if kind is DOUBLE:
        return repr(float(held))
    return _text(held) if isinstance(held, str) else json.dumps(held)


def _text(value: str) -> str:
    """A text as CEL writes it, whose escapes are those of JSON but for characters beyond 16 bits."""
    return json.dumps(value, ensure_ascii=False)
