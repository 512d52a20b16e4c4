"""Reading documents that fit their type, and those that do not."""

from __future__ import annotations

import msgspec
import pytest

from hinterland.client import errors
from hinterland.client.documents import decoded


class Post(msgspec.Struct):
    """What an app expects of a record."""

    id: int
    title: str
    tags: list[str] = []


@pytest.mark.parametrize(
    ("content", "path", "found"),
    [
        (b'{"id": 1, "title": 5}', "$.title", "int"),
        (b'{"id": 1, "title": "t", "tags": ["a", null]}', "$.tags[1]", "null"),
        (b'{"id": 1}', "$.title", "nothing"),
        (b'{"id": 1, "more": ' + b"[" * 100_000, "$", ""),
        (b"", "$", "an empty body"),
        (b"<html>", "$", "HTML or XML"),
        (b"oops", "$", "text that is not JSON"),
        (b'{"id": 1, "title": "\xff"}', "$", ""),
    ],
)
def test_an_answer_that_does_not_fit_names_path_and_finding(content: bytes, path: str, found: str) -> None:
    """An answer that does not fit its type is an InvalidResponse that names the path in the document and what was
    found there."""
    with pytest.raises(errors.InvalidResponse) as caught:
        decoded(content, Post, operation="records.view", request_id="r-1")
    error = caught.value
    assert (error.path, error.found) == (path, found)
    assert (error.operation, error.request_id, error.sent) == ("records.view", "r-1", "yes")
