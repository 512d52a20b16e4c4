"""JSON Patch (RFC 6902): a list of operations on a JSON document, each at a JSON Pointer (RFC 6901).

All operations are done or none: one that is not possible ends the patch, and its caller drops the document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.values import is_same
from hinterland.kit.strict_json import MAX_DEPTH

MAX_OPERATIONS = 1_000
COPIED_BYTES = 1024 * 1024  # as JSON, that the `copy` operations of one patch make together
DEPTH = MAX_DEPTH + 2  # a value may be as deep in a patch as alone
MEDIA_TYPE = "application/json-patch+json"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_ESCAPE = re.compile(r"~(?![01])")
_MISSING: Final = object()
Pointer = tuple[str, ...]


class PatchOperation(NamedTuple):
    """One operation: the word `op`, the `path` and, of `move` and `copy`, the `source` as unescaped segments, and the
    `value` of `add`, `replace` and `test`."""

    op: str
    path: Pointer
    source: Pointer = ()
    value: Any = None


def operations(given: Any, place: str = "") -> tuple[PatchOperation, ...]:
    """The operations of a patch document. Raises `invalid_body`, which names the operation by its place, such as
    `[2].path`, behind the document's own `place`. Members that an operation does not have are ignored (§4)."""
    if not isinstance(given, list):
        raise _malformed(place, "must be a list of operations (RFC 6902)")
    if len(given) > MAX_OPERATIONS:
        raise _malformed(place, f"has {len(given):,} operations; send at most {MAX_OPERATIONS:,}")
    return tuple([_operation(one, f"{place}[{index}]") for index, one in enumerate(given)])


def _operation(given: Any, place: str) -> PatchOperation:
    if not isinstance(given, dict):
        raise _malformed(place, "must be an object")
    op = given.get("op")
    if not isinstance(op, str) or op not in _ACTS:
        raise _malformed(f"{place}.op", f"must be one of {', '.join(_ACTS)}")
    path = _pointer(given, "path", place)
    if op in ("move", "copy"):
        source = _pointer(given, "from", place)
        if op == "move" and len(source) < len(path) and path[: len(source)] == source:
            raise _malformed(f"{place}.from", "must not contain the path that it is moved to")
        return PatchOperation(op, path, source)
    if op != "remove" and "value" not in given:
        raise _malformed(f"{place}.value", "is required")
    return PatchOperation(op, path, value=given.get("value") if op != "remove" else None)


def _pointer(given: dict[str, Any], name: str, place: str) -> Pointer:
    text = given.get(name, _MISSING)
    if text is _MISSING:
        raise _malformed(f"{place}.{name}", "is required")
    if not isinstance(text, str) or (text and text[0] != "/") or _ESCAPE.search(text):
        raise _malformed(f"{place}.{name}", 'must be a JSON Pointer such as "/tags/0" (RFC 6901)')
    return tuple([part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]])


def _malformed(place: str, problem: str) -> Refusal:
    shown = place or "the patch"
    return Refusal("invalid_body", f"{shown}: {problem}", errors={place: [problem]} if place else None)


def patched(document: Any, patch: Sequence[PatchOperation]) -> Any:
    """The document after the patch, made of `document` itself, which is of no use if this fails.

    Raises `stale` where a `test` fails, `conflict` where an operation has nothing to work on, and `too_large` where
    copies add up to more than a MiB.
    """
    copied = 0
    for index, operation in enumerate(patch):
        try:
            if operation.op == "copy":
                value = _at(document, operation.source)
                copied += len(msgspec.json.encode(value))
                if copied > COPIED_BYTES:
                    raise Refusal("too_large", f"the patch copies more than {COPIED_BYTES:,} bytes; send the values")
            document = _ACTS[operation.op](document, operation)
        except _NothingThere as error:
            message = f"operation {index}: {error}; read the record again"
            raise Refusal("conflict", message, details={"operation": index}) from None
        except _TestFailed:
            message = f"operation {index}: the value at {_shown(operation.path)} is not the one that is tested for"
            raise Refusal("stale", message, details={"operation": index}) from None
        except RecursionError:
            raise Refusal(
                "invalid_body", f"operation {index}: the JSON is nested deeper than {MAX_DEPTH} levels"
            ) from None
    return document


class _NothingThere(Exception):
    """An operation has nothing to work on."""


class _TestFailed(Exception):
    """A `test` found another value."""


def _shown(path: Pointer) -> str:
    text = "".join([f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path])
    return f"{text[:100]!a}" if text else "the whole record"


def _at(document: Any, path: Pointer) -> Any:
    for end, part in enumerate(path):
        if type(document) is dict and part in document:
            document = document[part]
        elif type(document) is list and _INDEX.fullmatch(part) and int(part) < len(document):
            document = document[int(part)]
        else:
            raise _NothingThere(f"there is no {_shown(path[: end + 1])}")
    return document


def _put(document: Any, path: Pointer, value: Any) -> Any:
    """The document with a value added (§4.1)."""
    if not path:
        return value
    holder, last = _at(document, path[:-1]), path[-1]
    if type(holder) is dict:
        holder[last] = value
    elif type(holder) is list and (last == "-" or (_INDEX.fullmatch(last) and int(last) <= len(holder))):
        holder.insert(len(holder) if last == "-" else int(last), value)
    elif type(holder) is list:
        raise _NothingThere(f"the list at {_shown(path[:-1])} has no place {last[:20]!a}")
    else:
        raise _NothingThere(f"{_shown(path[:-1])} is neither an object nor a list")
    return document


def _taken(document: Any, path: Pointer) -> Any:
    """The document with a value removed (§4.2); null where that was all of it."""
    _at(document, path)
    if not path:
        return None
    holder = _at(document, path[:-1])
    del holder[path[-1] if type(holder) is dict else int(path[-1])]
    return document


def _copied(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value)) if type(value) in (dict, list) else value


def _add(document: Any, operation: PatchOperation) -> Any:
    return _put(document, operation.path, _copied(operation.value))


def _remove(document: Any, operation: PatchOperation) -> Any:
    return _taken(document, operation.path)


def _replace(document: Any, operation: PatchOperation) -> Any:
    _at(document, operation.path)
    if not operation.path:
        return _copied(operation.value)
    holder, last = _at(document, operation.path[:-1]), operation.path[-1]
    holder[last if type(holder) is dict else int(last)] = _copied(operation.value)
    return document


def _move(document: Any, operation: PatchOperation) -> Any:
    value = _at(document, operation.source)
    if operation.source == operation.path:
        return document
    return _put(_taken(document, operation.source), operation.path, value)


def _copy(document: Any, operation: PatchOperation) -> Any:
    return _put(document, operation.path, _copied(_at(document, operation.source)))


def _test(document: Any, operation: PatchOperation) -> Any:
    if not is_same(_at(document, operation.path), operation.value):
        raise _TestFailed
    return document


_ACTS: dict[str, Callable[[Any, PatchOperation], Any]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip
