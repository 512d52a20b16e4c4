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
    """One attempt to log in, already counted: in which quota, under which key, from which network."""

    quota: Quota
    key: str
    network: str = ""


class LoginLimits:
    """Who may try to log in. A success uncounts its attempt, so that only failures use a quota up.

    An address from which an account was entered before has a quota of its own for it, which nobody else uses up.
    Strangers, all other addresses, share the account's: beyond it each waits for a turn of its own, of which it is told
    when it comes and which no other stranger takes, and for `account_wait_seconds` at most. So guesses from many
    addresses are slowed, and an owner at a new address gets in however many there are.
    """

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._clock = clock
        self._known = Quota(settings.account_guesses, settings.account_guess_seconds)
        self._strangers = Quota(settings.account_guesses, settings.account_guess_seconds)
        self._codes = Quota(settings.account_guesses, settings.account_wait_seconds)
        self._addresses = Quota(settings.address_guesses, settings.address_guess_seconds)
        self._signups = Quota(settings.address_signups, settings.address_signup_seconds)
        self._longest = settings.account_wait_seconds
        self._turns: OrderedDict[str, float] = OrderedDict()

    def check(self, address: str) -> None:
        """Refuse an address that must wait, whatever the account is, before anything is read for it."""
        _refuse_before(self._addresses.wait(network_of(address), self._clock.monotonic()), "sign-ins")

    def attempt(self, email: str, address: str, *, is_known: bool) -> Guess:
        """Count an attempt. Raises the `rate_limited` refusal with the seconds to wait."""
        now, network = self._clock.monotonic(), network_of(address)
        account = email[:254]
        pair = f"{account} {network}"
        _refuse_before(self._addresses.wait(network, now), "sign-ins")
        if is_known:
            _refuse_before(self._known.wait(pair, now), "sign-ins")
            self._known.take(pair, now)
            guess = Guess(self._known, pair, network)
        else:
            self._take_turn(account, pair, now)
            guess = Guess(self._strangers, account, network)
        self._addresses.take(network, now)
        return guess

    def _take_turn(self, account: str, pair: str, now: float) -> None:
        """Let a stranger in, or give it a turn and refuse it until then. A turn that is not taken is kept as long again
        as the longest wait."""
        turn = self._turns.get(pair)
        if turn is not None and now < turn + self._longest:
            _refuse_before(turn - now, "sign-ins")
            del self._turns[pair]  # it was counted when it was given
            return
        wait = self._strangers.wait(account, now)
        if wait < self._longest:
            self._strangers.take(account, now)
        if wait > 0:
            wait = min(wait, self._longest)
            self._turns[pair] = now + wait
            self._turns.move_to_end(pair)
            if len(self._turns) > REMEMBERED:
                self._turns.popitem(last=False)
            _refuse_before(wait, "sign-ins")

    def confirm(self, session: str) -> Guess:
        """Count a password that somebody signed in gives once more. Raises `rate_limited`; each session has its own
        quota, so that nobody else keeps its owner from it."""
        key, now = f"session {session}", self._clock.monotonic()
        _refuse_before(self._known.wait(key, now), "passwords")
        self._known.take(key, now)
        return Guess(self._known, key)

    def code(self, account: str, address: str, *, is_known: bool) -> Guess:
        """Count a one-time code that a caller gives who already gave the password. Raises `rate_limited`.

        A code has six digits, so that many addresses must not have many guesses: all strangers together share
        `account_guesses` and one more every `account_wait_seconds`. An address that the account knows has its own.
        """
        now, network = self._clock.monotonic(), network_of(address)
        quota, key = (self._known, f"code {account} {network}") if is_known else (self._codes, account)
        _refuse_before(quota.wait(key, now), "codes")
        quota.take(key, now)
        return Guess(quota, key)

    def undo(self, guess: Guess) -> None:
        """The attempt was the owner's, or was not judged: it does not count."""
        guess.quota.give_back(guess.key)
        self._addresses.give_back(guess.network)

    def signup(self, address: str) -> None:
        """Count a sign-up. Raises the `rate_limited` refusal with the seconds to wait."""
        now, network = self._clock.monotonic(), network_of(address)
        _refuse_before(self._signups.wait(network, now), "sign-ups")
        self._signups.take(network, now)


def _refuse_before(seconds: float, what: str) -> None:
    if seconds > 0:
        wait = math.ceil(seconds)
        raise Refusal("rate_limited", f"too many {what}: retry in {wait} seconds", retry_after=float(wait))


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
