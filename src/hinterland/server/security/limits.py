"""Who may guess, and when: quotas by account and by address."""

from __future__ import annotations

import ipaddress
import math
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import Clock
from hinterland.server.security.quotas import Quota, Tally, Turns
from hinterland.server.settings import AuthSettings

SHARED_TURNS = 10_000  # that one process shares with others; those beyond count here alone


class Guess(NamedTuple):
    """An attempt that is counted already, in the quotas of `taken`. `due` are those that other processes count too
    where it fails, and `turn` is the turn that it used up."""

    taken: tuple[Tally, ...]
    due: tuple[Tally, ...]
    turn: Tally | None = None


class TurnGiven(Refusal):
    """The refusal of a stranger who is given a turn; `due` is what other processes count too."""

    def __init__(self, wait: int, due: tuple[Tally, ...]) -> None:
        super().__init__("rate_limited", _too_many("sign-ins", wait), retry_after=float(wait))
        self.due = due


class LoginLimits:
    """Who may try to log in. A success uncounts its attempt, so that only failures use a quota up.

    An address from which an account was entered before has a quota of its own for it, which no other address uses up.
    Strangers, all other addresses, share the account's: beyond it each waits for a turn of its own, which its refusal
    names and no other stranger takes, and for `account_wait_seconds` at most. So guesses from many addresses are
    slowed, and an owner at a new address gets in however many there are.
    """

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._clock = clock
        guesses, seconds, wait = (
            settings.account_guesses, settings.account_guess_seconds, settings.account_wait_seconds
        )  # fmt: skip
        self._known = Quota("known", guesses, seconds)
        self._strangers = Quota("strangers", guesses, seconds)
        self._codes = Quota("codes", guesses, wait)
        self._addresses = Quota("addresses", settings.address_guesses, settings.address_guess_seconds)
        self._signups = Quota("signups", settings.address_signups, settings.address_signup_seconds)
        self._turns = Turns("turns", wait, remembered=SHARED_TURNS)
        self._own_turns = Turns("own turns", wait)
        self._longest = wait

    def check(self, address: str) -> None:
        """Refuse an address that must wait, whatever the account is, before anything is read for it."""
        _refuse_before(self._addresses.wait(network_of(address), self._clock.monotonic()), "sign-ins")

    def tallies(self, email: str, address: str) -> list[Tally]:
        """Where an attempt to log in is counted."""
        account, pair, network = _keys(email, address)
        return [
            Tally(self._addresses, network), Tally(self._known, pair), Tally(self._strangers, account),
            Tally(self._turns, pair),
        ]  # fmt: skip

    def attempt(self, email: str, address: str, *, is_known: bool) -> Guess:
        """Count an attempt. Raises the `rate_limited` refusal with the seconds to wait."""
        now, (account, pair, network) = self._clock.monotonic(), _keys(email, address)
        by_address, turn = Tally(self._addresses, network), None
        _refuse_before(self._addresses.wait(network, now), "sign-ins")
        if is_known:
            by_account = Tally(self._known, pair)
            _refuse_before(self._known.wait(pair, now), "sign-ins")
            self._known.take(pair, now)
        else:
            by_account = Tally(self._strangers, account)
            turn = self._take_turn(account, pair, now)
        self._addresses.take(network, now)
        due = (by_account, by_address) if turn is None else (by_address,)  # its account was counted with the turn
        return Guess((by_account, by_address), due, turn)

    def _take_turn(self, account: str, pair: str, now: float) -> Tally | None:
        """Let a stranger in, by a turn or without, or give it a turn and refuse it until then. A turn that is not taken
        is kept as long again as the longest wait."""
        for turns in (self._turns, self._own_turns):
            until = turns.wait(pair, now)
            if until is not None:
                _refuse_before(until, "sign-ins")
                turns.take(pair)  # it was counted when it was given
                return Tally(turns, pair)
        wait = self._strangers.wait(account, now)
        due = [Tally(self._strangers, account)] if wait < self._longest else []
        for tally in due:
            self._strangers.take(tally.key, now)
        if wait > 0:
            wait = min(wait, self._longest)
            turns = self._own_turns if self._turns.is_full(now) else self._turns
            turns.give(pair, now + wait)
            if turns is self._turns:
                due.append(Tally(turns, pair))
            raise TurnGiven(math.ceil(wait), tuple(due))
        return None

    def session_tallies(self, session: str) -> list[Tally]:
        """Where a password or code is counted that a caller gives in a session."""
        return [Tally(self._known, f"session {session}")]

    def confirm(self, session: str) -> Guess:
        """Count a password or code that a caller gives in a session. Raises `rate_limited`; each session has its own
        quota, so that no other session uses it up."""
        [tally] = self.session_tallies(session)
        return self._count(tally, "passwords")

    def code_tallies(self, account: str, address: str) -> list[Tally]:
        """Where a one-time code for a log-in is counted: from an address that is known, and from others."""
        return [Tally(self._known, f"code {account} {network_of(address)}"), Tally(self._codes, account)]

    def code(self, account: str, address: str, *, is_known: bool) -> Guess:
        """Count a one-time code that a caller gives who already gave the password. Raises `rate_limited`.

        A code has six digits, so that many addresses must not have many guesses: all strangers together share
        `account_guesses` and one more every `account_wait_seconds`. An address that the account knows has its own.
        """
        known, strange = self.code_tallies(account, address)
        return self._count(known if is_known else strange, "codes")

    def signup_tallies(self, address: str) -> list[Tally]:
        """Where a sign-up is counted."""
        return [Tally(self._signups, network_of(address))]

    def signup(self, address: str) -> Guess:
        """Count a sign-up. Raises the `rate_limited` refusal with the seconds to wait."""
        [tally] = self.signup_tallies(address)
        return self._count(tally, "sign-ups")

    def _count(self, tally: Tally, what: str) -> Guess:
        now, quota = self._clock.monotonic(), tally.moments
        assert isinstance(quota, Quota)
        _refuse_before(quota.wait(tally.key, now), what)
        quota.take(tally.key, now)
        return Guess((tally,), (tally,))

    def undo(self, guess: Guess) -> None:
        """The attempt was the owner's, or was not judged: it does not count."""
        for quota, key in guess.taken:
            assert isinstance(quota, Quota)
            quota.give_back(key)


def _keys(email: str, address: str) -> tuple[str, str, str]:
    """The account, the account seen from its network, and the network of an attempt."""
    account, network = email[:254], network_of(address)
    return account, f"{account} {network}", network


def _refuse_before(seconds: float, what: str) -> None:
    if seconds > 0:
        wait = math.ceil(seconds)
        raise Refusal("rate_limited", _too_many(what, wait), retry_after=float(wait))


def _too_many(what: str, wait: int) -> str:
    return f"too many {what}; retry in {wait} seconds"


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
