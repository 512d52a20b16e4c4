"""Patterns: what they match, what is refused, and that no pattern takes more than linear time."""

from __future__ import annotations

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.patterns import MOST_PATTERN, Pattern, PatternError, pattern_of
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.types import BOOL
from tests.kit.cel.engines import PostgresRecords, SqliteRecords
from tests.kit.cel.expressions import quoted
from tests.kit.cel.schema import ENVIRONMENT

ATOMS = ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\W", r"\s", "é", "[a-é]", r"\.", "(?:a|b)", "(a|)", "^", "$", "[-a]"]
REPEATS = ["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"]
PATTERNS = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda both: f"({both[0]}|{both[1]})"),
        st.tuples(inner, st.sampled_from(REPEATS)).map(lambda both: f"({both[0]}){both[1]}"),
    ),
    max_leaves=8,
)
TEXTS = st.text(st.sampled_from("ab.é1 \n-]\x85😀"), max_size=8)


@given(written=PATTERNS, texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_patterns_mean_what_they_mean_to_re2(written: str, texts: list[str], postgres_records: PostgresRecords) -> None:
    """RE2 finds the pattern, and its canonical form, in the same texts, and so does PostgreSQL."""
    pattern = pattern_of(written)
    compiled, canonical = re2.compile(written), re2.compile(pattern.canonical)
    expected = [compiled.search(text) is not None for text in texts]
    assert [pattern.is_in(text) for text in texts] == expected
    assert [Pattern(pattern.canonical).is_in(text) for text in texts] == expected
    assert [canonical.search(text) is not None for text in texts] == expected
    postgres_records.fill([{"id": text} for text in texts])
    tree = check(parse(f"record.id.matches({quoted(pattern.canonical)})"), ENVIRONMENT)
    found = postgres_records.answers([tree], {})
    assert [row[0][0] for row in found] == expected


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("(", "a group is not closed"),
        (")", "a group is closed that was not opened"),
        ("*a", "has nothing to repeat"),
        ("a**", "a repetition cannot follow another"),
        ("a{3,2}", "the least first"),
        ("a{101}", "at most 100 times"),
        ("a{", "{ begins a repetition"),
        ("[a", "it ends too soon"),
        ("[b-a]", "a range goes from a lesser"),
        ("[[:alpha:]]", "classes with names"),
        (r"\p{L}", "is not the same everywhere"),
        (r"\1", "is not the same everywhere"),
        ("(?P<x>a)", "begins no group"),
        ("(?i)ä", "for letters A to Z"),
        ("^*", "cannot be repeated"),
        ("(" * 33, "deeper than 32 levels"),
        ("a" * (MOST_PATTERN + 1), "at most 512"),
        ("((a{1,99}){1,99}){1,99}", "more than 300 parts"),
    ],
)
def test_what_is_no_pattern(written: str, message: str) -> None:
    """A pattern that is not the same everywhere, or too great, is refused with the reason."""
    with pytest.raises(PatternError, match=re2.escape(message).replace("\\ ", " ")):
        pattern_of(written)


@pytest.mark.parametrize("written", ["(a*)*b", "(a|a)*b", "(a|aa)+$", "(.*){1,30}x", "(a?){50}a{50}b"])
def test_no_pattern_backtracks(written: str) -> None:
    """What takes other engines exponential time looks at each character once: a few states serve any length."""
    pattern = Pattern(written)
    assert not pattern.is_in("a" * 100_000 + "c")
    assert len(pattern._moves) < 200


def test_matches_is_bounded(sqlite_records: SqliteRecords, postgres_records: PostgresRecords) -> None:
    """A text that is too long for its pattern is an error everywhere; one that is not is within the steps."""
    tree = check(parse("record.id.matches('(ab|c){1,20}d$')"), ENVIRONMENT)
    longest = pattern_of("(ab|c){1,20}d$").longest
    assert 1_000 < longest < 100_000
    records = [{"id": "c" * (longest - 1) + "d"}, {"id": "c" * longest + "d"}]
    found = [predicate(tree)({"record": record}) for record in records]
    assert found == [True, None]
    for engine in (sqlite_records, postgres_records):
        engine.fill(records)
        assert [row[0][0] for row in engine.answers([tree], {})] == found


def test_patterns_are_bounded_together() -> None:
    """Many great patterns in one expression are refused, since each takes its time to be read."""
    each = "record.id.matches('(ab|c){1,20}d')"
    assert check(parse(" || ".join([each] * 5)), ENVIRONMENT).type is BOOL
    with pytest.raises(CelError, match="the patterns of this expression are too great together"):
        check(parse(" || ".join([each] * 40)), ENVIRONMENT)
