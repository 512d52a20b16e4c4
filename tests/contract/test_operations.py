"""The one table of operations."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import pytest

from hinterland.contract.errors import CODES
from hinterland.contract.operations import _TABLE, EVERY_OPERATION_ERRORS, OPERATIONS, Operation, PerCollection, path_of

ALL = pytest.mark.parametrize("operation", _TABLE, ids=lambda operation: operation.name)
SEGMENT = re.compile(r"\{(\w+)\}")


def _shape(path: str) -> str:
    return SEGMENT.sub("{}", path)


def test_names_are_unique() -> None:
    """No operation hides another."""
    assert len(OPERATIONS) == len(_TABLE)


def test_places_are_unique() -> None:
    """No two operations or aliases answer the same method and path, whatever their segments are called."""
    places = Counter(
        (operation.method, _shape(path))
        for operation in _TABLE
        for path in (operation.path, *(alias.path for alias in operation.aliases))
    )
    assert [place for place, count in places.items() if count > 1] == []


@ALL
def test_errors_are_known(operation: Operation) -> None:
    """Every error code of an operation is in the table of errors, once, and not repeated from those of all."""
    assert set(operation.all_errors) <= CODES.keys()
    assert len(set(operation.errors)) == len(operation.errors)
    assert len(set(operation.all_errors)) == len(operation.all_errors)
    assert not set(operation.all_errors) & set(EVERY_OPERATION_ERRORS)
    assert set(EVERY_OPERATION_ERRORS) <= CODES.keys()


@ALL
def test_rows_are_whole(operation: Operation) -> None:
    """A row says what it does, has a well-formed path, and what needs a sign-in can refuse for want of one."""
    assert operation.summary
    assert operation.summary[0].isupper()
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)*", operation.name)
    for path in (operation.path, *(alias.path for alias in operation.aliases)):
        assert re.fullmatch(r"/|(/([\w.-]+|\{\w+\}))+", path)
        assert sorted(SEGMENT.findall(path)) == sorted(SEGMENT.findall(operation.path))
    if operation.auth == "required":
        assert "unauthorized" in operation.all_errors
    if operation.input is not None:
        assert {"invalid_body", "invalid_query"} & {*operation.all_errors, *EVERY_OPERATION_ERRORS}
    assert (operation.status == 204) == (operation.view == "empty")
    assert operation.method in ("GET", "POST") or operation.name.startswith(("records.", "auth.sessions."))


@ALL
def test_inputs_have_schemas(operation: Operation) -> None:
    """Inputs and outputs can be printed as JSON Schema, but for those that each collection has of its own."""
    for part in (operation.input, operation.output):
        if part is not None and not isinstance(part, PerCollection):
            assert msgspec.json.schema(part)


def test_keys_only_where_something_is_written() -> None:
    """An idempotency key can be reused and run at the same time: who takes one says so."""
    for operation in _TABLE:
        if operation.is_idempotent_by_key:
            assert {"in_progress", "key_reused"} <= set(operation.all_errors)


def test_path_of() -> None:
    """A canonical path is filled in by name."""
    assert path_of("records.view", collection="posts", id=7) == "/v1/records/posts/7"
    assert path_of("health") == "/health"
    with pytest.raises(KeyError):
        path_of("records.view", collection="posts")
