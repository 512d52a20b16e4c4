"""Records that refer to each other, made from their numbers alone: 20 posts, each with three tags, ten comments, and
five likes of each comment."""

from __future__ import annotations

from typing import Any

from benchmarks.dataset import row_id

POSTS, COMMENTS, LIKES = 20, 10, 5
NAMED = ("a", "b", "c")
"""The fields of a post that refer to tags."""

REFERENCES = {"tags": {}, "posts": dict.fromkeys(NAMED, "tags"), "comments": {"post": "posts"},
              "likes": {"comment": "comments"}}  # fmt: skip
"""The collections in the order in which they can be filled, with the fields that refer to other ones."""


def related_rows() -> dict[str, list[dict[str, Any]]]:
    """All records of each collection, with their ids."""
    comments = POSTS * COMMENTS
    return {
        "tags": [_row(number) for number in range(POSTS * 3)],
        "posts": [
            _row(number) | {name: row_id((number * 7 + turn * 13) % (POSTS * 3)) for turn, name in enumerate(NAMED)}
            for number in range(POSTS)
        ],
        "comments": [_row(number) | {"post": row_id(number // COMMENTS)} for number in range(comments)],
        "likes": [_row(number) | {"comment": row_id(number // LIKES)} for number in range(comments * LIKES)],
    }


def _row(number: int) -> dict[str, Any]:
    title = f"Salt marsh at low tide, sheet {number:07d} of the survey"
    return {"id": row_id(number), "title": title, "rank": number, "done": number % 3 == 0}
