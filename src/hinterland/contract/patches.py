"""Merge patches of JSON objects (RFC 7396), and the part of one that is kept where another device changed the same."""

from __future__ import annotations

from typing import Any, NamedTuple

from hinterland.contract.values import is_same


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` after `patch`: an object changes the members that it names, null removes one; any other value replaces.

    Neither argument is changed.
    """
    if type(patch) is not dict:
        return patch
    merged = dict(target) if type(target) is dict else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The patch that makes `after` of `before`; a member that is null is one that is not there."""
    patch: dict[str, Any] = {name: None for name in before if after.get(name) is None}
    for name, value in after.items():
        was = before.get(name)
        if type(value) is dict and type(was) is dict:
            if inner := difference(was, value):
                patch[name] = inner
        elif not is_same(was, value):
            patch[name] = value
    return patch


class Standing(NamedTuple):
    """The part of a patch that is kept, and whether some of it is lost."""

    patch: dict[str, Any]
    is_lost: bool


def standing(base: Any, server: dict[str, Any], patch: dict[str, Any], *, is_newer: bool) -> Standing:
    """The part of a device's `patch` that is kept on the object `server`, which was `base` when the device saw it.

    Members that nobody else changed are taken; of those that both changed, the patch's where it `is_newer`.
    """
    before = base if type(base) is dict else {}
    kept: dict[str, Any] = {}
    is_lost = False
    for name, value in patch.items():
        was, now = before.get(name), server.get(name)
        if type(value) is dict and type(now) is dict:
            inner = standing(was, now, value, is_newer=is_newer)
            kept[name] = inner.patch
            is_lost = is_lost or inner.is_lost
        elif is_newer or is_same(was, now) or is_same(merge_patch(now, value), now):
            kept[name] = value
        else:
            is_lost = True
    return Standing(kept, is_lost)
