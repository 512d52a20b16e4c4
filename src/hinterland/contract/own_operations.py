"""An app's own operations: which rows can stand in the table beside those of `operations.py`, and what a function's
annotations say of its row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard, get_args, get_type_hints

import msgspec

from hinterland.contract.errors import CODES
from hinterland.contract.operations import FUNCTIONS, AuthMode, Method, Operation
from hinterland.contract.transfers import Download
from hinterland.kit.body import Body

_NAME = re.compile(r"[a-z][a-zA-Z0-9_]*(\.[a-z][a-zA-Z0-9_]*)*")
_PATH = re.compile(r"(/([A-Za-z0-9._~-]+|\{[a-z_][a-z0-9_]*\}))+")
_SEGMENT = re.compile(r"\{\w+\}")


def joined(table: Mapping[str, Operation], own: Iterable[Operation]) -> dict[str, Operation]:
    """`table` with an app's `own` operations. Raises ValueError for one that does not fit in."""
    made = dict(table)
    places = {(row.method, _SEGMENT.sub("{}", row.path)) for row in table.values()}
    for row in own:
        if problem := _problem(row):
            raise ValueError(f"operation {row.name!r}: {problem}")
        place = row.method, _SEGMENT.sub("{}", row.path)
        if row.name in made or place in places:
            raise ValueError(f"operation {row.name!r}: the name, or {row.method} {row.path}, is already in use")
        made[row.name] = row
        places.add(place)
    return made


def typed_by(row: Operation, function: Callable[..., Any]) -> Operation:
    """`row` with the input and output that the annotations of `function`, `(backend, call: Call[Input]) -> Output`,
    name, and the first line of its docstring as the summary. Raises ValueError where they can't be read."""
    try:
        hints = get_type_hints(function)
    except NameError as error:
        message = f"operation {row.name!r}: {error}; annotate its function with types of its module, or give it a row"
        raise ValueError(message) from error
    of_call = [get_args(kind) for name, kind in hints.items() if name == "call"]
    if not of_call or not of_call[0]:
        raise ValueError(f"operation {row.name!r}: annotate its parameter call as Call[Input], or as Call[None]")
    if "return" not in hints:
        raise ValueError(f"operation {row.name!r}: annotate what it returns as -> Output, or as -> None")
    output = hints["return"]
    has_output = output is not type(None)
    return msgspec.structs.replace(
        row,
        input=None if of_call[0][0] is type(None) else of_call[0][0],
        output=output if has_output else None,
        status=200 if has_output else 204,
        view="plain" if has_output else "empty",
        summary=row.summary or next(iter((function.__doc__ or "").strip().splitlines()), row.name),
    )


def _problem(row: Operation) -> str:
    """Why a row can't be an app's; "" where it can."""
    if _NAME.fullmatch(row.name) is None:
        return "a name is one or more words with dots between, such as orders.total"
    for word, value, known in (("method", row.method, get_args(Method)), ("auth", row.auth, get_args(AuthMode))):
        if value not in known:
            return f"unknown {word} {value!r}; use {', '.join(known)}"
    if type(row.max_bytes) is not int or row.max_bytes < 0:
        return f"max_bytes must be a whole number from 1 on, or 0 for the setting max_body_bytes, is {row.max_bytes!r}"
    if unknown := [code for code in row.errors if code not in CODES]:
        return f"unknown error code {unknown[0]!r}"
    if row.aliases or row.is_idempotent_by_key or row.view not in ("plain", "empty"):
        return "aliases, idempotency keys and views are not available to an app's own operations"
    return _problem_of_path(row) or _problem_of_types(row)


def _problem_of_path(row: Operation) -> str:
    parts = row.path.split("/")
    if not row.path.startswith(FUNCTIONS) or _PATH.fullmatch(row.path) is None or {".", ".."} & {*parts}:
        return f"the path must begin with {FUNCTIONS} and have segments such as total or {{id}}"
    if len(set(row.segments)) < len(row.segments):
        return "a segment is in the path twice; rename one"
    fields = {field.encode_name for field in msgspec.structs.fields(row.input)} if _is_struct(row.input) else set()
    if _is_struct(row.input) or row.input is None:
        missing = [name for name in row.segments if name not in fields]
        return f"{missing[0]} is in the path and must be a field of the input" if missing else ""
    return "the input must be a msgspec.Struct"


def _problem_of_types(row: Operation) -> str:
    """What `/openapi.json` could not describe, or no request could send."""
    fields = msgspec.structs.fields(row.input) if _is_struct(row.input) else ()
    bodies = [field.encode_name for field in fields if field.type is Body]
    if len(bodies) > 1:
        return f"only one field of the input can be the body, not {' and '.join(bodies)}"
    if bodies and row.method in ("GET", "DELETE"):
        return f"{row.method} takes no body; use POST, PUT or PATCH, or another type for {bodies[0]}"
    output = [] if row.output is None or row.output is Download else [row.output]
    try:
        msgspec.json.schema_components([field.type for field in fields if field.type is not Body] + output)
    except TypeError:
        return "a type of its input or output has no JSON schema; use types that msgspec writes as JSON"
    return ""


def _is_struct(kind: object) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
