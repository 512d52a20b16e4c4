"""What a search asks for, and the words of records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract import searching
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, List, Object, Text
from hinterland.contract.searching import (
    GAP,
    LONGEST_WORDS,
    Search,
    Unit,
    has_found,
    kept_words,
    rank,
    read_search,
    searched_fields,
    texts_of,
)
from hinterland.kit import words as words_module
from hinterland.kit.words import words_of


def units(*written: str) -> tuple[Unit, ...]:
    """Units as they are written: words, and `*` behind the last of those that begin a word."""
    return tuple([Unit(tuple(text.rstrip("*").split()), text.endswith("*")) for text in written])


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("red Shoes", units("red", "shoes"), ()),
        ('"red shoes" -"on sale" wat* -a*', units("red shoes", "wat*"), units("on sale", "a*")),
        ('wi-fi "open', units("wi fi", "open"), ()),
        ('red red "" -- * RED', units("red"), ()),
        ('"red sho*" a*b', units("red sho*", "a b"), ()),
        ("東京*", units("東 京*"), ()),
        ('-x"y"z', units("y", "z"), units("x")),
    ],
)
def test_what_is_read(text: str, wanted: tuple[Unit, ...], unwanted: tuple[Unit, ...]) -> None:
    """Words, phrases, prefixes and exclusions, each once."""
    assert read_search(text) == Search(wanted, unwanted)


@pytest.mark.parametrize("text", ["", " ", "\t\n"])
def test_no_search(text: str) -> None:
    """A blank text is none."""
    assert read_search(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("*", "no word"),
        ("-a", "only words that must not be there"),
        (" ".join(f"w{number}" for number in range(51)), "over 50 words"),
        ("a" * 1_001, "longer"),
    ],
)
def test_what_can_not_be_read(text: str, problem: str) -> None:
    """What is no search, or too large a one, is refused in words."""
    with pytest.raises(Refusal, match=problem) as refused:
        read_search(text)
    assert refused.value.code == "invalid_query"


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Every text is a search of at most 50 words, none, or refused."""
    try:
        search = read_search(text)
    except Refusal:
        return
    assert search is None or 1 <= sum(len(unit.words) for unit in (*search.wanted, *search.unwanted)) <= 50


def test_the_words_of_a_record() -> None:
    """Texts and lists of texts in declared order, with a gap between two; others are not searched."""
    fields = {"title": Text(search=True), "size": Integer(), "tags": List(of=Text(search=True)), "plain": Text()}
    assert searched_fields(fields) == ("title", "tags")
    document = {"title": "One, two", "size": 3, "tags": ["three", "!", "four five"], "plain": "six"}
    searched = [(name, fields[name]) for name in searched_fields(fields)]
    kept = kept_words(texts_of(searched, document))
    assert kept == " one two | three | four five "
    assert kept_words(texts_of(searched, {"title": None, "tags": ["-"]})) is None
    places = {"one": 1, "two": 5, '"four five"': 19, "f*": 19, "one two": 6}
    for text, place in places.items():
        search = read_search(text)
        assert search is not None
        assert has_found(search, kept)
        assert rank(search, kept) == place
    for text in ('"two three"', "six", "one -two", "ne"):
        search = read_search(text)
        assert search is not None
        assert not has_found(search, kept)
        assert not has_found(search, None)


def test_a_long_text() -> None:
    """What is kept ends with a whole word."""
    kept = kept_words(["word " * LONGEST_WORDS])
    assert kept is not None
    assert LONGEST_WORDS - 10 < len(kept) <= LONGEST_WORDS
    assert kept.endswith(" word ")


@given(st.lists(st.text("a b東é", max_size=20) | st.just("\ufdfa" * 90), max_size=8), st.integers(20, 400))
def test_what_is_cut_off(texts: list[str], most: int) -> None:
    """What is kept of the words of long texts is the beginning of all of them, whole words of them."""
    every = [" ".join(words) for words in map(words_of, texts) if words]
    whole = f" {f' {GAP} '.join(every)} " if every else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "LONGEST_WORDS", most)
        patch.setattr(words_module, "_SLICE", 10)
        kept = kept_words(texts)
    expected = whole if whole is None or len(whole) <= most else whole[: whole.rindex(" ", 0, most) + 1]
    assert kept == expected


def test_what_is_not_normalised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes behind the words that are kept is not normalised, in one text and in many."""
    normalised: list[int] = []
    real = words_module._plain

    def counted(text: str) -> str:
        normalised.append(len(text))
        return real(text)

    monkeypatch.setattr(words_module, "_plain", counted)
    for texts in (["\ufdfa" * 3_000_000], ["\ufdfa" * 10_000] * 300):
        normalised.clear()
        kept = kept_words(texts)
        assert kept is not None
        assert len(kept) > LONGEST_WORDS - 100
        assert sum(normalised) < LONGEST_WORDS / 10


def test_members_that_are_searched() -> None:
    """The texts of members that are searched count, in objects, lists of them and what is nested, and no other text."""
    inner = Object(fields={"a": Text(search=True), "b": Text()})
    fields = {
        "place": Object(fields={"city": Text(search=True), "zip": Text(), "in": inner}),
        "lines": List(of=Object(fields={"item": Text(search=True), "tags": List(of=Text(search=True))})),
        "plain": Object(fields={"city": Text()}),
    }
    assert searched_fields(fields) == ("place", "lines")
    assert [[*field.searched] for field in fields.values()] == [["city", "in.a"], ["item", "tags"], []]
    searched = [(name, fields[name]) for name in searched_fields(fields)]
    document = {
        "place": {"city": "Rome", "zip": "00100", "in": {"a": "x", "b": "y"}},
        "lines": [{"item": "red pen", "tags": ["new", "old"]}, {"item": None, "tags": None}],
        "plain": {"city": "Bari"},
    }
    assert texts_of(searched, document) == ["Rome", "x", "red pen", "new", "old"]
    assert texts_of(searched, {"place": {"city": None, "in": None}, "lines": [None], "plain": None}) == []
