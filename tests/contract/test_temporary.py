from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.changes import Write
from hinterland.contract.fields import Bytes, Field, Integer, Json, List, Object, Text
from hinterland.contract.temporary import Place, StandIns, candidates, created, is_stand_in, references

PLAIN = "0" * 10 + "x" * 16
ONE, TWO = "~" + PLAIN, "~" + "2" * 26
KNOWN = StandIns([(Place("a", "", ONE), 1), (Place("a", "", "x"), 2), (Place("b", "a/2", "x"), 3)])
FIELDS: dict[str, Field] = {
    "text": Text(), "texts": List(), "bytes": Bytes(), "number": Integer(), "numbers": List(of=Integer()),
    "json": Json(),
}  # fmt: skip
values = st.recursive(
    st.sampled_from([ONE, TWO, "x", "~x", 5, None, True]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["x", ONE]), inner),
)


def test_only_a_creation_brings_an_id_into_the_world() -> None:
    """A creation's own temporary id is made by it, and needed by every other write."""
    assert created(Write(act="create", collection="a", id=ONE)) == ONE
    assert created(Write(act="create", collection="a", id="plain")) == ""
    assert references(Write(act="create", collection="a", id=ONE)) == set()
    assert references(Write(act="patch", collection="a", id="~x")) == {"~x"}


def test_what_refers_to_a_record() -> None:
    """Ids in a parent's path refer to records, and values that were made at random; other words do not."""
    body = {"to": [{"deep": TWO}], "text": "~x", "n": 1}
    assert references(Write(act="create", collection="b", id="y", parent=f"~a/{ONE}/c/~b", body=body)) == {
        ONE,
        TWO,
        "~b",
    }


def test_a_stand_in_belongs_to_its_place() -> None:
    """A stand-in is replaced at its collection and parent, as an id and in paths, collections' names excepted; a number
    is never replaced."""
    write = Write(act="patch", collection="b", id="x", parent="a/x", body={"id": "x", "parent": "a/x"})
    known = KNOWN.write(write, {})
    assert (known.id, known.parent, known.body) == (3, "a/2", {"id": 3, "parent": "a/2"})
    assert KNOWN.id("b", "", "x") == "x"
    assert KNOWN.id("a", "", 1) == 1
    assert KNOWN.parent("x/x/a/x") == "x/x/a/x"
    assert KNOWN.parent("") == ""


def test_a_creation_has_its_own_id() -> None:
    """A creation is another record than the one that had its stand-in before."""
    write = Write(act="create", collection="a", id="x", body={"id": "y"})
    assert KNOWN.write(write, {}) == write
    assert KNOWN.write(write, {}, is_whole=True).id == 2
    assert KNOWN.without([write]).id("a", "", "x") == "x"
    assert KNOWN.without([write]).id("a", "", ONE) == 1


def test_the_ids_of_a_mutation() -> None:
    """What is answered by position is learnt for those creations that had stand-ins, below the ids of their parents."""
    writes = [Write(act="create", collection="a", id="~n"), Write(act="create", collection="b", id="", parent="a/~n"),
              Write(act="create", collection="b", id="~m", parent="a/~n")]  # fmt: skip
    known = StandIns()
    assert not known
    assert known.learn(writes, {2: 6, 1: 5, 0: 4, 9: 9}) == {0: Place("a", "", "~n"), 2: Place("b", "a/4", "~m")}
    assert dict(known) == {Place("a", "", "~n"): 4, Place("b", "a/4", "~m"): 6}


def test_a_value_is_replaced_where_a_number_may_be() -> None:
    """A text that was made at random is replaced in the fields that can hold a number, and where none is declared."""
    body = {name: {"in": [ONE]} if name == "json" else ONE for name in FIELDS} | {
        "numbers": {"$add": [ONE]},
        "other": ONE,
    }
    known = KNOWN.write(Write(act="patch", collection="c", id="y", body=body), FIELDS).body
    replaced = {"number": 1, "numbers": {"$add": [1]}, "json": {"in": [1]}, "other": 1}
    assert known == body | replaced
    assert (
        StandIns([*KNOWN, (Place("d", "", ONE), 7)]).write(Write(act="patch", collection="c", body=body), {}).body
        == body
    )


@given(values)
def test_words_stay(value: object) -> None:
    """What is no random stand-in of this device stays as it was written, however deep."""
    write = Write(act="patch", collection="a", id="y", body={"value": value, "text": ONE})
    assert KNOWN.without([Write(act="create", collection="a", id=ONE)]).write(write, FIELDS) == write
    known = KNOWN.write(write, FIELDS)
    assert known.body["text"] == ONE
    assert ONE not in references(Write(act="patch", collection="a", id="y", body={"value": known.body["value"]}))


def test_what_may_be_a_stand_in() -> None:
    """Any id that does not read as a number may be one where a record or a parent is named, one that was made at random
    in a value too; the id of a creation is its own."""
    body = {"to": [ONE, PLAIN], "text": TWO, "other": "hello", "n": 1}
    write = Write(act="patch", collection="b", id="x", parent=f"a/y/c/{TWO}/d/7", body=body)
    assert candidates(write, FIELDS) == {ONE, PLAIN, "x", "y", TWO}
    assert candidates(Write(act="create", collection="b", id="x", body={}), {}) == set()
    assert [is_stand_in(id) for id in ("~a", "x", "7", 7, "", "~")] == [True, True, False, False, False, False]


def test_a_path_of_very_many_levels() -> None:
    """In a path that is deeper than any collection nothing is looked for: its cost grows with its length alone."""
    path = "/".join(["a", "x"] * 100_000)
    write = Write(act="patch", collection="b", id="y", parent=path)
    start = time.process_time()
    assert (KNOWN.parent(path), candidates(write, {}), references(write)) == (path, {"y"}, set())
    assert time.process_time() - start < 1
    assert (KNOWN.parent("a/x/b/x"), KNOWN.parent("")) == ("a/2/b/3", "")


def test_temporary_ids_of_a_batch_within_objects() -> None:
    """In a batch any temporary id is known in numbers, also those of objects and of lists of objects; text stays."""
    line = Object(fields={"post": Integer(), "note": Text(), "more": Object(fields={"posts": List(of=Integer())})})
    known = StandIns([(Place("posts", "", "~1"), 7)], is_batch=True)
    given = {"post": "~1", "note": "~1", "more": {"posts": ["~1", 2]}, "unknown": "~1"}
    meant = {"post": 7, "note": "~1", "more": {"posts": [7, 2]}, "unknown": "~1"}
    body = {"line": given, "lines": [given, 5, None], "json": {"post": "~1"}}
    write = Write(act="create", collection="orders", body=body)
    found = known.write(write, {"line": line, "lines": List(of=line), "json": Json()})
    assert found.body == {"line": meant, "lines": [meant, 5, None], "json": {"post": "~1"}}
