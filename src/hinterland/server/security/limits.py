"""How often somebody may guess: quotas by account and by address, kept in this process's memory.

A quota is the generic cell rate algorithm: one number for each key, the moment when all of its tries are back.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import Clock
from hinterland.server.settings import AuthSettings

# To push a key out, an attacker must fail this many times with other keys, each a whole password hash: the
# quota would have filled up long before.
REMEMBERED = 50_000


class Quota:
    """For each key `burst` tries at once, and one more every `interval` seconds."""

    def __init__(self, burst: int, interval: float, *, remembered: int = REMEMBERED) -> None:
        self._slack = (burst - 1) * interval
        self._interval = interval
        self._remembered = remembered
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` may try; 0: it may now."""
        return max(0.0, self._full_at.get(key, now) - now - self._slack)

    def take(self, key: str, now: float) -> None:
        """Count a try of `key`."""
        self._full_at[key] = max(self._full_at.pop(key, now), now) + self._interval
        if len(self._full_at) > self._remembered:
            self._full_at.popitem(last=False)

    def give_back(self, key: str) -> None:
        """Uncount a try."""
        if key in self._full_at:
            self._full_at[key] -= self._interval


class Guess(NamedTuple):
    """One attempt to log in, already counted: under which keys."""

    account: str
    address: str
    pair: str


class LoginLimits:
    """Who may try to log in. A success uncounts its attempt, so that only failures use a quota up.

    An address from which an account was entered before has a quota of its own for it: whoever guesses elsewhere
    does not keep the owner out.
    """

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._clock = clock
        self._accounts = Quota(settings.account_guesses, settings.account_guess_seconds)
        self._addresses = Quota(settings.address_guesses, settings.address_guess_seconds)
        self._signups = Quota(settings.address_signups, settings.address_signup_seconds)
        self._known: OrderedDict[str, None] = OrderedDict()

    def attempt(self, email: str, address: str) -> Guess:
        """Count an attempt. Raises the `rate_limited` refusal with the seconds to wait."""
        now, network = self._clock.monotonic(), network_of(address)
        account = email[:254]
        pair = f"{account} {network}"
        guess = Guess(pair if pair in self._known else account, network, pair)
        _refuse_before(max(self._accounts.wait(guess.account, now), self._addresses.wait(network, now)), "sign-ins")
        self._accounts.take(guess.account, now)
        self._addresses.take(network, now)
        return guess

    def confirm(self, session: str) -> Guess:
        """Count a password that somebody signed in gives once more. Raises `rate_limited`; each session has its own
        quota, so that nobody else keeps its owner from it."""
        key, now = f"session {session}", self._clock.monotonic()
        _refuse_before(self._accounts.wait(key, now), "passwords")
        self._accounts.take(key, now)
        return Guess(key, "", "")

    def undo(self, guess: Guess) -> None:
        """The attempt was not judged: it does not count."""
        self._accounts.give_back(guess.account)
        self._addresses.give_back(guess.address)

    def succeeded(self, guess: Guess) -> None:
        """The attempt was the owner's: it does not count."""
        self.undo(guess)
        self._known[guess.pair] = None
        self._known.move_to_end(guess.pair)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def signup(self, address: str) -> None:
        """Count a sign-up. Raises the `rate_limited` refusal with the seconds to wait."""
        now, network = self._clock.monotonic(), network_of(address)
        _refuse_before(self._signups.wait(network, now), "sign-ups")
        self._signups.take(network, now)


def _refuse_before(seconds: float, what: str) -> None:
    if seconds > 0:
        wait = math.ceil(seconds)
        raise Refusal("rate_limited", f"too many {what}: try again in {wait} seconds", retry_after=float(wait))


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 one, which one customer holds."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
