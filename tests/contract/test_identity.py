"""Ids and callers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.identity import (
    ID_PATTERN,
    MAX_ID_BYTES,
    SIGNED_OUT,
    IdMaker,
    Principal,
    first_id,
    is_device_id,
    is_record_id,
    is_temporary,
    new_id,
)

TIMES = st.floats(0, 2**50 / 1000 - 1)


@given(TIMES, TIMES)
def test_ids_sort_by_time(one: float, other: float) -> None:
    """Ids made at different milliseconds sort as the times do."""
    if int(one * 1000) != int(other * 1000):
        assert (new_id(one) < new_id(other)) == (one < other)


@given(TIMES)
def test_ids_are_ids(now: float) -> None:
    """A made id has 26 characters and may be one; two of the same moment differ."""
    made = new_id(now)
    assert re.fullmatch("[0-9a-hjkmnp-tv-z]{26}", made)
    assert is_record_id(made)
    assert new_id(now) != made
    assert new_id(now)[:10] == made[:10]


@given(st.lists(TIMES, min_size=1, max_size=30))
def test_made_ids_never_run_backwards(times: list[float]) -> None:
    """Made ids sort as they were made, whatever the clock does, and begin with the latest time that it showed."""
    maker = IdMaker()
    made = [maker.new(now) for now in times]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(is_record_id(id) and IdMaker.is_own(id) for id in made)
    assert made[-1][:10] == first_id(max(times)) == new_id(max(times))[:10]


def test_many_ids_of_one_millisecond() -> None:
    """However many ids are made in one millisecond, they sort as they were made."""
    maker = IdMaker()
    made = [maker.new(5.0) for _ in range(5_000)]
    assert made == sorted(set(made))
    assert first_id(5.0) < made[0]
    assert made[-1] < first_id(5.01)


@given(TIMES, TIMES)
def test_another_maker_goes_on(before: float, now: float) -> None:
    """A maker that is given the last id of another, or where one begins, goes on behind it."""
    last = IdMaker().new(before)
    assert IdMaker(last).new(now) > last
    assert IdMaker(new_id(before)).new(now) > first_id(before)
    assert IdMaker(first_id(before)).new(now) > first_id(before)


@pytest.mark.parametrize("id", ["", "a", "A" * 26, "my-own-id-of-26-characters", "0" * 25, "0" * 27])
def test_ids_that_no_maker_makes(id: str) -> None:
    """An id that somebody chose is distinguished from a made one by its length and letters."""
    assert not IdMaker.is_own(id)


IDS = ["a", "A-z_09", "x" * 128, "-", "0", "é" * 64, "😀" * 32, "a b", " ", 'a"b', "a\\b", "user:1", "a%2Fb", "...",
       ".a", "_a", "a~", "١", "a\u2028b", "?#&=+", "a@example.org", "admin:1"]  # fmt: skip


@pytest.mark.parametrize("value", IDS)
def test_record_ids(value: str) -> None:
    """A text of 1 to 128 bytes is an id; with ~ before it, a stand-in."""
    assert is_record_id(value)
    assert is_temporary("~" + value)
    assert not is_temporary(value)


@pytest.mark.parametrize(
    "value",
    ["", "x" * 129, "é" * 65, "a/b", "/", "a\n", "a\0", "a\x7f", "a\x85", "~a", "~", "..", ".", "__a", "__", "\ud800",
     None, 1, 1.5, ["a"], b"a"],
)  # fmt: skip
def test_no_record_ids(value: object) -> None:
    """Anything else is not an id, and with ~ before it not a stand-in."""
    assert not is_record_id(value)
    assert not is_temporary(value) or value == "~a"
    assert not isinstance(value, str) or not is_temporary(f"~{value}")


@given(st.text(max_size=140))
def test_any_text(value: str) -> None:
    """What is an id is what its hint and its pattern say."""
    pattern = ID_PATTERN.removesuffix("$") + r"\Z"  # in ECMA-262, $ is the end, also of what ends with a newline
    is_possible = re.search(pattern, value) is not None and len(value.encode()) <= MAX_ID_BYTES
    assert is_record_id(value) == is_possible


@pytest.mark.parametrize(("value", "is_one"), [("a-B_1", True), ("x" * 64, True), ("x" * 65, False), ("a b", False)])
def test_devices(value: str, is_one: bool) -> None:
    """A device's name is made by its client: letters, digits, _ and -."""
    assert is_device_id(value) is is_one


def test_principals() -> None:
    """A caller who is signed out has no `auth`; one who is has an id and roles there, and how they signed in."""
    assert not SIGNED_OUT.is_signed_in
    assert SIGNED_OUT.as_auth() is None
    ada = Principal(
        id=7, roles=("editor",), session="s", client="app", acr="aal2", amr=("pwd", "otp", "mfa"), auth_time=1_000
    )
    assert ada.is_signed_in
    assert ada.as_auth() == {
        "id": 7, "roles": ["editor"], "client": "app", "acr": "aal2", "amr": ["pwd", "otp", "mfa"], "auth_time": 1_000,
    }  # fmt: skip
    assert ada.as_auth() is ada.as_auth()
