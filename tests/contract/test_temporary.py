from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.temporary import candidates, created, parent_of, references, renamed

ONE, TWO = "~" + "1" * 26, "~" + "2" * 26
values = st.recursive(
    st.sampled_from([ONE, TWO, "text", 5, None, True]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_only_a_creation_brings_an_id_into_the_world() -> None:
    """A creation's own temporary id is made by it, and needed by every other write."""
    assert created(Write(act="create", collection="a", id=ONE)) == ONE
    assert created(Write(act="create", collection="a", id="plain")) == ""
    assert references(Write(act="create", collection="a", id=ONE)) == set()
    assert references(Write(act="patch", collection="a", id=ONE)) == {ONE}


def test_a_reference_may_stand_in_a_parent_or_a_value() -> None:
    """Parents' paths and values in a body refer to records too."""
    write = Write(act="create", collection="b", id="x", parent=f"a/{ONE}", body={"to": [{"deep": TWO}], "n": 1})
    assert references(write) == {ONE, TWO}
    known = renamed(write, {ONE: 5, TWO: 6})
    assert (known.parent, known.body) == ("a/5", {"to": [{"deep": 6}], "n": 1})
    assert parent_of("a/plain", {ONE: 5}) == "a/plain"


@given(values)
def test_after_renaming_nothing_is_left_to_refer_to(value: object) -> None:
    """Renaming with all ids known leaves no reference, and without any leaves the write as it is."""
    write = Write(act="patch", collection="a", id=ONE, body={"value": value})
    assert references(renamed(write, {ONE: 1, TWO: 2})) == set()
    assert renamed(write, {}) == write


def test_what_may_stand_for_another_id() -> None:
    """An id of any form may be a stand-in where a record or a parent is named, one that was made in a value too; the
    id of a creation is its own."""
    body = {"to": [ONE, "1" * 26], "text": "hello", "n": 1}
    write = Write(act="patch", collection="b", id="x", parent=f"a/y/c/{TWO}", body=body)
    assert candidates(write) == {ONE, "1" * 26, "x", "y", TWO}
    assert candidates(Write(act="create", collection="b", id="x", body={})) == set()
    assert renamed(write, {"x": 1, "y": 2, "hello": 4, "1" * 26: 3}).body == {**body, "to": [ONE, 3]}
    assert renamed(write, {"x": 1, "y": 2}).parent == f"a/2/c/{TWO}"
