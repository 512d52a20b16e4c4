"""Waits between tries, and what repetitions may add."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from hinterland.kit.backoff import Budget, full_jitter


@given(st.integers(0, 5_000), st.floats(0.001, 10), st.floats(0.001, 100), st.floats(0, 1))
def test_a_wait_is_never_over_its_bounds(attempt: int, base: float, cap: float, draw: float) -> None:
    """A wait lies between 0 and the smaller of the cap and the base doubled with each attempt."""
    wait = full_jitter(attempt, base, cap, lambda: draw)
    assert 0 <= wait <= min(cap, base * 2.0 ** min(attempt, 62)) + 1e-9


def test_the_whole_range_is_used() -> None:
    """Full jitter draws from the whole range, so that clients that failed together spread out."""
    source = Random(1)
    waits = sorted(full_jitter(3, 0.1, 30, source.random) for _ in range(1_000))
    assert waits[0] < 0.01
    assert waits[-1] > 0.79
    assert 0.35 < sum(waits) / 1_000 < 0.45


def test_a_budget_keeps_repetitions_in_proportion() -> None:
    """Successes pay in a fifth of a repetition each, up to the reserve; nothing is paid while nothing succeeds."""
    budget = Budget(ratio=0.2, reserve=2)
    assert [budget.take() for _ in range(3)] == [True, True, False]
    for _ in range(4):
        budget.pay_in()
    assert not budget.take()
    budget.pay_in()
    assert budget.take()
    for _ in range(100):
        budget.pay_in()
    assert budget.left == 2
