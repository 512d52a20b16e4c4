"""Messages of values that do not fit their type."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from hinterland.kit.validation_mismatch import ValidationMismatch, phrase, read


class Post(msgspec.Struct):
    """A type with something in it."""

    title: str
    tags: list[Literal["a"]] = []


@pytest.mark.parametrize(
    ("value", "kind", "mismatch"),
    [
        ({"title": 1}, Post, ValidationMismatch("Expected `str`, got `int`", "$.title", "str", "int")),
        ([1, None], list[int], ValidationMismatch("Expected `int`, got `null`", "$[1]", "int", "null")),
        ("x", int | None, ValidationMismatch("Expected `int | null`, got `str`", "$", "int | null", "str")),
        ({"a": ""}, dict[int, str], ValidationMismatch("Expected `int`, got `str`", "$", "int", "str")),
        ({"a": 1}, dict[str, str], ValidationMismatch("Expected `str`, got `int`", "$[...]", "str", "int")),
        ({}, Post, ValidationMismatch("is required", "$.title", "", "nothing")),
        ({"title": "t", "tags": ["b"]}, Post, ValidationMismatch("Invalid enum value 'b'", "$.tags[0]", "", "")),
        ([4], list[Annotated[int, msgspec.Meta(le=3)]], ValidationMismatch("Expected `int` <= 3", "$[0]", "", "")),
    ],
)
def test_the_parts_of_a_message(value: Any, kind: Any, mismatch: ValidationMismatch) -> None:
    """A message that names a place is parted from it, and one that names two types gives both."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    assert read(caught.value) == mismatch


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ({"title": "t", "tags": ["b"]}, Post, "Invalid enum value 'b'; allowed: a"),
        ({"p": [{"title": "t", "tags": ["b"]}]}, dict[str, list[Post] | None], "Invalid enum value 'b'; allowed: a"),
        ("c", Literal["a", "b"] | None, "Invalid enum value 'c'; allowed: a, b"),
        (3, Annotated[Literal[1, 2], msgspec.Meta(title="n")], "Invalid enum value 3; allowed: 1, 2"),
        ({"title": 1}, Post, "Expected `str`, got `int`"),
    ],
)
def test_a_value_that_is_none_of_those_allowed(value: Any, kind: Any, reason: str) -> None:
    """With the type, the reason lists the values that the place takes."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    assert read(caught.value, kind).reason == reason


def test_other_errors() -> None:
    """An error that names no place is about the whole."""
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(b"{")
    assert read(caught.value) == ValidationMismatch(str(caught.value), "$", "", "")


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A type that takes no other members."""

    posts: list[Post] = []


@pytest.mark.parametrize(
    ("value", "kind", "said"),
    [
        ({"posts": [{}]}, Strict, "$.posts[0].title is required"),
        ({"post": 1}, Strict, "$.post is unknown"),
        ("x", int | float | None, "$ must be a whole number or a number or null, is text"),
        ([True], list[list[str]], "$[0] must be a list, is true or false"),
        ({"title": "t", "tags": ["b"]}, Post, "$.tags[0] Invalid enum value 'b'"),
    ],
)
def test_messages_in_plain_english(value: Any, kind: Any, said: str) -> None:
    """A missing member is named by its own place, and types are said as people say them."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(value, kind)
    mismatch = read(caught.value)
    assert f"{mismatch.path} {phrase(mismatch)}" == said
