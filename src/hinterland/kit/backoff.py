"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable

Random = Callable[[], float]


def full_jitter(attempt: int, base: float, cap: float, random: Random) -> float:
    """Seconds before the try after `attempt` (from 0): anywhere from 0 to `base` doubled with each, never over `cap`.

    `random` gives numbers from 0 to 1. The whole range is used, so that many clients that failed together spread out.
    """
    return float(min(cap, base * 2.0 ** min(attempt, 62))) * random()


class Budget:
    """A token bucket that keeps repetitions in proportion: a success pays in `ratio` of one, a repetition takes one.

    It starts full at `reserve`. While nothing succeeds nothing is paid in, so that an outage is not made worse.
    """

    def __init__(self, ratio: float = 0.2, reserve: float = 10.0) -> None:
        self._ratio = ratio
        self._reserve = reserve
        self.left = reserve

    def pay_in(self) -> None:
        """Something succeeded."""
        self.left = min(self._reserve, self.left + self._ratio)

    def take(self) -> bool:
        """Whether a repetition may be made; it is counted as made."""
        if self.left < 1:
            return False
        self.left -= 1
        return True
