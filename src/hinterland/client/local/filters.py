"""Filters over local records: the same expressions as on the server, evaluated in Python.

The types of fields come from the collection's declaration, else from the app's record type, else from the records.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import META_TYPES, Types
from hinterland.contract.records import Document
from hinterland.contract.values import is_instant
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import evaluator
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Environment,
    ListType,
    ObjectType,
    Type,
)  # fmt: skip

Test = Callable[[Document], bool]
_NAMES = re.compile(r"record\.(\w+)")
_OF_PYTHON: dict[Any, Type] = {str: STRING, int: INT, float: DOUBLE, bool: BOOL, bytes: BYTES, datetime: TIMESTAMP}


def annotated(kind: type[Any]) -> Types | None:
    """The types of a msgspec.Struct's fields; None: it tells nothing, as a dict."""
    if not issubclass(kind, msgspec.Struct):
        return None
    own = {field.encode_name: _of_python(field.type) for field in msgspec.structs.fields(kind)}
    return {"id": STRING, **own, **META_TYPES}


def _of_python(hint: Any) -> Type:
    origin, arguments = typing.get_origin(hint), [a for a in typing.get_args(hint) if a is not type(None)]
    if origin in (typing.Union, types.UnionType):
        # An id that may still be a temporary one counts as the text that it then is.
        return _of_python(str if set(arguments) == {int, str} else arguments[0]) if arguments else DYN
    if origin in (list, tuple) and arguments and arguments[0] in _OF_PYTHON:
        return ListType(_OF_PYTHON[arguments[0]])
    return _OF_PYTHON.get(hint, DYN)


def guessed(documents: Iterable[Document], names: Iterable[str]) -> Types:
    """The types that the values of these fields have; a field with several has none that a filter could use, and one
    without any value is left out."""
    found: Types = {}
    for document in documents:
        for name in names:
            if (value := document.get(name)) is not None:
                kind = _of_value(value)
                found[name] = kind if name not in found else _common(found[name], kind)
    return {"id": STRING, **found, **META_TYPES}


def _of_value(value: Any) -> Type:
    if isinstance(value, list):
        kinds = {_of_value(item) for item in value} or {STRING}
        kind = next(iter(kinds)) if len(kinds) == 1 else DYN
        return ListType(kind) if kind in _OF_PYTHON.values() else DYN
    return _OF_PYTHON.get(type(value), DYN)


def _common(first: Type, second: Type) -> Type:
    if first == second:
        return first
    return DOUBLE if {first, second} == {INT, DOUBLE} else DYN


def compiled(filter: str, fields: Mapping[str, Type]) -> Test:
    """The filter as a test of a document. Raises the refusal `invalid_query` with what is wrong and where."""
    try:
        return _compiled(filter, tuple(sorted(fields.items(), key=lambda item: item[0])))
    except CelError as error:
        raise Refusal("invalid_query", f"filter: {error}") from None


def compiled_for(filter: str, documents: Sequence[Document], fields: Types | None = None) -> Test:
    """The filter as a test of documents whose collection nobody has declared; `fields` are the types that the app's own
    record type gives, if it gives any. Raises `invalid_query`."""
    names = set(_NAMES.findall(filter))
    known = guessed(documents, names) if fields is None else fields
    moments = {name: TIMESTAMP for name in names if known.get(name) is STRING and _are_moments(name, documents)}
    kinds = (STRING, INT, DOUBLE, BOOL, TIMESTAMP)  # a field without any value may be of whatever type fits
    unseen = [dict.fromkeys(names, kind) for kind in kinds] if fields is None else [{}]
    tries = [empty | types for types in (known, known | moments) for empty in unseen]
    for each in tries:
        with suppress(Refusal):
            return compiled(filter, each)
    return compiled(filter, tries[0])


def _are_moments(name: str, documents: Sequence[Document]) -> bool:
    values = [document.get(name) for document in documents]
    return all(value is None or (isinstance(value, str) and is_instant(value)) for value in values)


@lru_cache(maxsize=256)
def _compiled(filter: str, fields: tuple[tuple[str, Type], ...]) -> Test:
    tree = check(parse(filter), Environment({"record": ObjectType(dict(fields))}))
    if tree.type is not BOOL:
        raise Refusal("invalid_query", f"the filter is {tree.type.phrase}, not true or false")
    test = evaluator(tree)  # without the server's bound: the app's own filter hides no record of its own device
    return lambda document: test({"record": document}) is True
