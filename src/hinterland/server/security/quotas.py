"""Counts of guesses by key, in memory, for a while.

A quota is the generic cell rate algorithm: one number for each key, the moment when all of its tries are back. Moments
are of the monotonic clock. Several processes share them by `learn` and `counted`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import NamedTuple

# To push a key out, an attacker must fail this many times with other keys, each a whole password hash: the
# quota would have filled up long before.
REMEMBERED = 50_000


class Moments(ABC):
    """A moment for each key, and for how long it is of use; the oldest are forgotten beyond `remembered` keys."""

    def __init__(self, name: str, *, remembered: int = REMEMBERED) -> None:
        self.name = name
        self._remembered = remembered
        self._moments: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._moments)

    @abstractmethod
    def learn(self, key: str, moment: float | None) -> None:
        """All processes have this `moment` for `key`; None: they have none."""

    @abstractmethod
    def counted(self, key: str, moment: float | None, now: float) -> tuple[float, float] | None:
        """What all processes are to have for `key` where they have `moment`: the new one, and until when it is of use;
        None: as it is."""

    def _set(self, key: str, moment: float) -> None:
        self._moments.pop(key, None)
        self._moments[key] = moment
        if len(self._moments) > self._remembered:
            self._moments.popitem(last=False)


class Quota(Moments):
    """For each key `burst` tries at once, and one more every `interval` seconds."""

    def __init__(self, name: str, burst: int, interval: float, *, remembered: int = REMEMBERED) -> None:
        super().__init__(name, remembered=remembered)
        self._slack = (burst - 1) * interval
        self._interval = interval

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` may try; 0: it may now."""
        return max(0.0, self._moments.get(key, now) - now - self._slack)

    def take(self, key: str, now: float) -> None:
        """Count a try of `key`."""
        self._set(key, max(self._moments.get(key, now), now) + self._interval)

    def give_back(self, key: str) -> None:
        """Uncount a try."""
        if key in self._moments:
            self._moments[key] -= self._interval

    def learn(self, key: str, moment: float | None) -> None:
        """The later moment counts: this process may have counted tries that it has not shared yet."""
        if moment is not None and moment > self._moments.get(key, -math.inf):
            self._set(key, moment)

    def counted(self, key: str, moment: float | None, now: float) -> tuple[float, float] | None:
        """One try more."""
        full = max(now if moment is None else moment, now) + self._interval
        return full, full


class Turns(Moments):
    """For each key the moment at which it is let in once. A turn that is not taken is kept for `kept` seconds."""

    def __init__(self, name: str, kept: float, *, remembered: int = REMEMBERED) -> None:
        super().__init__(name, remembered=remembered)
        self._kept = kept

    def is_full(self, now: float) -> bool:
        """Whether one more turn would push out another that still counts."""
        while self._moments:
            key, turn = next(iter(self._moments.items()))
            if now < turn + self._kept:
                break
            del self._moments[key]
        return len(self._moments) >= self._remembered

    def wait(self, key: str, now: float) -> float | None:
        """Seconds until the turn of `key`, at most 0 where it has come; None: it has none."""
        turn = self._moments.get(key)
        return turn - now if turn is not None and now < turn + self._kept else None

    def give(self, key: str, turn: float) -> None:
        """Give `key` a turn."""
        self._set(key, turn)

    def take(self, key: str) -> None:
        """The turn was taken."""
        del self._moments[key]

    def learn(self, key: str, moment: float | None) -> None:
        """A turn that all processes don't have any longer was taken at one of them."""
        if moment is not None:
            self._set(key, moment)
        else:
            self._moments.pop(key, None)

    def counted(self, key: str, moment: float | None, now: float) -> tuple[float, float] | None:
        """The turn that this process gave, unless it is forgotten."""
        turn = self._moments.get(key)
        return None if turn is None else (turn, turn + self._kept)


class Tally(NamedTuple):
    """Where something is counted: under which key of what."""

    moments: Quota | Turns
    key: str
