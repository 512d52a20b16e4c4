"""Merge patches."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.patches import difference, merge_patch, standing
from hinterland.contract.values import is_same

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2)
NAMES = st.sampled_from("abc")
VALUES = st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=8)
FLAT = st.dictionaries(NAMES, st.integers(0, 3), max_size=3)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)


# RFC 7396, appendix A
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}), ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}), ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}), (["a", "b"], ["c", "d"], ["c", "d"]), ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None), ({"a": "foo"}, "bar", "bar"), ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}), ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)  # fmt: skip
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    """A merge patch does what RFC 7396 says of it."""
    assert merge_patch(target, patch) == result


@given(VALUES, VALUES)
def test_arguments_stay(target: Any, patch: Any) -> None:
    """Neither the target nor the patch is changed, and the same patch twice is the same as once."""
    copies = deepcopy((target, patch))
    result = merge_patch(target, patch)
    assert (target, patch) == copies
    assert merge_patch(result, patch) == result


@given(OBJECTS, OBJECTS)
def test_a_patch_stands_where_nobody_else_wrote(server: dict[str, Any], patch: dict[str, Any]) -> None:
    """Where the object is as the device saw it, or its edit is the later one, the whole patch stands."""
    assert merge_patch(server, standing(server, server, patch, is_newer=False).patch) == merge_patch(server, patch)
    newer = standing({"a": 9}, server, patch, is_newer=True)
    assert (merge_patch(server, newer.patch), newer.is_lost) == (merge_patch(server, patch), False)


@given(FLAT, FLAT, OBJECTS)
def test_an_older_patch(base: dict[str, Any], server: dict[str, Any], patch: dict[str, Any]) -> None:
    """The members that another device changed later keep their values, and what is not lost of the patch is done."""
    kept = standing(base, server, patch, is_newer=False)
    result, wanted = merge_patch(server, kept.patch), merge_patch(server, patch)
    changed = [name for name in "abc" if base.get(name) != server.get(name)]
    assert [result.get(name) for name in changed] == [server.get(name) for name in changed]
    others = [name for name in "abc" if name not in changed]
    assert [result.get(name) for name in others] == [wanted.get(name) for name in others]
    assert kept.is_lost != is_same(result, wanted)


@given(OBJECTS, OBJECTS)
def test_a_difference_is_the_patch_between(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Patched with its difference to another, an object is that one, where no member is null."""
    one, other = merge_patch({}, before), merge_patch({}, after)  # without nulls
    assert is_same(merge_patch(one, difference(one, other)), other)
    assert difference(one, one) == {}
