"""Counts of guesses by key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hinterland.server.security.quotas import Quota, Turns


@given(
    burst=st.integers(1, 5),
    interval=st.sampled_from([0.5, 1.0, 7.0]),
    pauses=st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 20.0]), max_size=60),
)
def test_a_quota_holds_in_every_stretch_of_time(burst: int, interval: float, pauses: list[float]) -> None:
    """In any stretch of time at most `burst` tries and one more for every interval are made."""
    quota, now, made = Quota("q", burst, interval), 0.0, []
    for pause in pauses:
        now += pause
        if quota.wait("key", now) == 0:
            quota.take("key", now)
            made.append(now)
    for first, start in enumerate(made):
        for last, end in enumerate(made[first:], first):
            assert last - first + 1 <= burst + (end - start) / interval + 1e-6


def test_giving_back_what_was_forgotten_does_nothing() -> None:
    """A try whose key was forgotten meanwhile can be given back."""
    quota = Quota("q", 1, 1.0, remembered=1)
    quota.take("a", 0.0)
    quota.take("b", 0.0)
    quota.give_back("a")
    assert quota.wait("a", 0.0) == 0


def test_what_is_remembered_is_bounded() -> None:
    """Any number of keys takes a bounded amount of memory."""
    quota = Quota("q", 2, 1.0, remembered=100)
    for n in range(1_000):
        quota.take(f"key {n}", 0.0)
    assert len(quota) == 100


def test_processes_count_together() -> None:
    """What two processes count in a shared row is as if one had: each adds one to what is kept, and takes the later
    moment."""
    one, two, kept = Quota("q", 3, 10.0), Quota("q", 3, 10.0), None
    for quota in (one, two, one):
        if kept is not None:
            quota.learn("key", kept)
        assert quota.wait("key", 0.0) == 0
        quota.take("key", 0.0)
        counted = quota.counted("key", kept, 0.0)
        assert counted is not None
        kept, until = counted
        assert kept == until
    assert kept == 30.0
    two.learn("key", kept)
    assert one.wait("key", 0.0) == two.wait("key", 0.0) == 10.0
    two.learn("key", 5.0)  # an older one changes nothing, nor does none
    two.learn("key", None)
    assert two.wait("key", 0.0) == 10.0


def test_turns() -> None:
    """A turn is a moment for its key alone, is kept for a while, and is taken once."""
    turns = Turns("t", 300.0)
    assert turns.wait("key", 0.0) is None
    turns.give("key", 60.0)
    assert turns.counted("key", None, 0.0) == (60.0, 360.0)
    assert turns.counted("other", None, 0.0) is None
    assert [turns.wait("key", now) for now in (0.0, 60.0, 359.0, 360.0)] == [60.0, 0.0, -299.0, None]
    turns.take("key")
    assert turns.wait("key", 61.0) is None
    turns.learn("key", 70.0)
    assert turns.wait("key", 61.0) == 9.0
    turns.learn("key", None)
    assert turns.wait("key", 61.0) is None


def test_turns_of_no_use_make_room() -> None:
    """Turns are full while those that still count are as many as are remembered."""
    turns = Turns("t", 300.0, remembered=2)
    for key in ("a", "b"):
        assert not turns.is_full(0.0)
        turns.give(key, 10.0)
    assert turns.is_full(309.0)
    assert not turns.is_full(310.0)
