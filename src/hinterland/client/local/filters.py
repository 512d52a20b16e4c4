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
from hinterland.kit.cel.typed import Typed
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


def checked_filter(filter: str, fields: Mapping[str, Type], *, is_open: bool = False) -> Typed:
    """The filter as a checked tree; where the collection `is_open`, it may read other fields too. Raises the refusal
    `invalid_query` with what is wrong and where."""
    try:
        return _checked(filter, tuple(sorted(fields.items(), key=lambda item: item[0])), is_open)
    except CelError as error:
        raise Refusal("invalid_query", f"filter: {error}") from None


@lru_cache(maxsize=256)
def _checked(filter: str, fields: tuple[tuple[str, Type], ...], is_open: bool) -> Typed:
    tree = check(parse(filter), Environment({"record": ObjectType(dict(fields), is_open=is_open)}))
    if tree.type is not BOOL:
        raise Refusal("invalid_query", f"the filter is {tree.type.phrase}, not true or false")
    return tree


@lru_cache(maxsize=256)
def predicate_of(tree: Typed) -> Test:
    """The test of a document that a checked filter, or a part of one, is. Unlike on the server nothing bounds its work:
    the app's own filter hides no record of its own device."""
    test = evaluator(tree)
    return lambda document: test({"record": document}) is True


def names_in(filter: str) -> set[str]:
    """The fields that a filter may read, and maybe others."""
    return {*_NAMES.findall(filter)}


def filter_of_documents(filter: str, documents: Sequence[Document], fields: Types | None = None) -> Typed:
    """The filter to documents whose collection nobody has declared; `fields` are the types that the app's own record
    type gives, if it gives any. Raises `invalid_query`."""
    names = names_in(filter)
    known = guessed(documents, names) if fields is None else fields
    texts = [name for name in names if known.get(name) is STRING]
    return fitting_filter(filter, known, lambda: [name for name in texts if _are_moments(name, documents)], fields)


def fitting_filter(filter: str, known: Types, moments: Callable[[], Iterable[str]], fields: Types | None) -> Typed:
    """The filter for the types that are `known`, or else with those texts as instants that are, or else with whatever
    type fits for a field of which no value is seen, unless the app gives the types of `fields`."""
    kinds = (STRING, INT, DOUBLE, BOOL, TIMESTAMP)
    unseen = [dict.fromkeys(names_in(filter), kind) for kind in kinds] if fields is None else [{}]
    for empty in unseen:
        with suppress(Refusal):
            return checked_filter(filter, empty | known)
    others = known | dict.fromkeys(moments(), TIMESTAMP)
    for empty in unseen:
        with suppress(Refusal):
            return checked_filter(filter, empty | others)
    return checked_filter(filter, unseen[0] | known)


def _are_moments(name: str, documents: Sequence[Document]) -> bool:
    values = [document.get(name) for document in documents]
    return all(value is None or (isinstance(value, str) and is_instant(value)) for value in values)
