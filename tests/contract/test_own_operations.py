"""Rows of an app in the table of operations."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec
import pytest

from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.contract.own_operations import joined, typed_by
from hinterland.kit.body import Body


class Size(msgspec.Struct):
    """An input."""

    width: int = 0


class Upload(msgspec.Struct):
    """An input with a body."""

    content: Body


class Uploads(Upload):
    """An input with two bodies, which no request has."""

    other: Body


class Unwritable:
    """What JSON has no form for."""


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": ""}, "a name is one or more words"),
        ({"name": "a/b"}, "a name is one or more words"),
        ({"name": "auth.login"}, "is already in use"),
        ({"method": "get"}, "unknown method 'get'; use GET, POST"),
        ({"auth": "requird"}, "unknown auth 'requird'; use ignored, optional, required, admin"),
        ({"max_bytes": -1}, "max_bytes must be a whole number .* is -1"),
        ({"max_bytes": "1"}, "max_bytes must be a whole number .* is '1'"),
        ({"errors": ("teapot",)}, "unknown error code 'teapot'"),
        ({"view": "array"}, "views are not available"),
        ({"path": "/v1/records/a"}, "the path must begin with /v1/functions/"),
        ({"path": "/v1/functions/../records"}, "the path must begin with /v1/functions/"),
        ({"path": "/v1/functions/{width}/{width}", "input": Size}, "a segment is in the path twice"),
        ({"path": "/v1/functions/{height}", "input": Size}, "height is in the path and must be a field of the input"),
        ({"input": dict}, "the input must be a msgspec.Struct"),
        ({"input": Uploads}, "only one field of the input can be the body, not content and other"),
        ({"input": Upload, "method": "GET"}, "GET takes no body; use POST, PUT or PATCH, or another type for content"),
        ({"output": Unwritable}, "a type of its input or output has no JSON schema"),
    ],
)
def test_own_operations_that_can_not_be_served(given: dict[str, Any], problem: str) -> None:
    """A row of an app that no request could reach, or that says something unknown of who may call, is refused when it
    is declared, with the cause."""
    with pytest.raises(ValueError, match=rf"operation '[a-z./]*': .*{problem}"):
        joined(OPERATIONS, [Operation(**{"name": "squares.area", **given})])


def test_own_operations_are_joined() -> None:
    """The row of an app stands beside the others, once."""
    rows = [Operation(name="squares.area", input=Size, output=float), Operation(name="photos.put", input=Upload)]
    table = joined(OPERATIONS, rows)
    assert [*table.values()][-2:] == rows
    with pytest.raises(ValueError, match=r"operation 'squares': the name, or POST .* is already in use"):
        joined(table, [Operation(name="squares", path="/v1/functions/squares.area")])


T = TypeVar("T")


class Asked(Generic[T]):
    """Stands for a call with an input."""


def test_what_annotations_say() -> None:
    """Annotations give input and output, the docstring the summary; where they are missing, that is refused."""

    async def area(backend: object, call: Asked[Size]) -> int:
        """The area.

        In squares."""
        return 1

    async def nothing(backend: object, call: Asked[None]) -> None: ...

    async def silent(backend: object, call: Asked[Size]): ...  # type: ignore[no-untyped-def]

    async def untyped(backend: object, call): ...  # type: ignore[no-untyped-def]

    row = typed_by(Operation(name="area"), area)
    assert (row.input, row.output, row.status, row.summary) == (Size, int, 200, "The area.")
    nothing.__doc__ = " "
    row = typed_by(Operation(name="nothing"), nothing)
    assert (row.input, row.output, row.status, row.summary) == (None, None, 204, "nothing")
    with pytest.raises(ValueError, match="operation 'a': annotate what it returns as -> Output, or as -> None"):
        typed_by(Operation(name="a"), silent)
    with pytest.raises(ValueError, match="operation 'a': annotate its parameter call"):
        typed_by(Operation(name="a"), untyped)
