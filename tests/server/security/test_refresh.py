"""Refresh tokens as rows and decisions, without a database."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hinterland.server.security import refresh
from hinterland.server.security.refresh import Facts, Invalid, Repeat, Reuse, Rotate, decide
from hinterland.server.security.sessions import new_session
from hinterland.server.storage.system import SYSTEM_TABLES, Amend, Drop, Expect, Invalidation, Put, Row, RowAct

LIFETIME = 1_000.0
KEYS = {table.name: table.key for table in SYSTEM_TABLES}


class Rows:
    """System rows in memory."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[Any, ...], Row]] = {"_sessions": {}, "_refresh_tokens": {}}

    def act(self, acts: list[RowAct]) -> None:
        for act in acts:
            if isinstance(act, Invalidation):
                continue
            table = self.tables[act.table]
            match act:
                case Put(name, row):
                    table[tuple(row[column] for column in KEYS[name])] = row
                case Amend(_, where, columns):
                    for key in [key for key, row in table.items() if where.items() <= row.items()]:
                        table[key] = {**table[key], **columns}
                case Drop(_, where):
                    for key in [key for key, row in table.items() if where.items() <= row.items()]:
                        del table[key]
                case Expect(_, key, expected):
                    found = table.get(tuple(key.values()))
                    assert found is not None
                    assert expected is not None
                    assert expected.items() <= found.items()

    def facts(self, token: str) -> Facts:
        row = self.tables["_refresh_tokens"].get((refresh.hash_of(token),))
        if row is None:
            return Facts()
        successor = refresh.unseal(token, row["successor"], row["session"])
        child = self.tables["_refresh_tokens"].get((refresh.hash_of(successor),))
        return Facts(row, successor, child, self.tables["_sessions"].get((row["session"],)))


def shown(rows: Rows, token: str, now: float) -> refresh.Decision:
    """Show a token, and carry the decision out."""
    decision = decide(rows.facts(token), now, lifetime=LIFETIME)
    if isinstance(decision, Rotate):
        successor = refresh.new_token("0" * 12)
        rows.act(refresh.rotated(decision, token, successor, now, LIFETIME))
        return Repeat(successor, decision.session)
    if isinstance(decision, Reuse):
        rows.act(refresh.ended(decision.session, now))
    return decision


def exchanged(rows: Rows, token: str, now: float) -> str:
    decision = shown(rows, token, now)
    assert isinstance(decision, Repeat)
    return decision.successor


def family() -> tuple[Rows, str]:
    rows, first = Rows(), refresh.new_token("0" * 12)
    rows.act(refresh.opened(new_session("session-1", "42", 0.0, LIFETIME), first))
    return rows, first


def is_dead(rows: Rows, *tokens: str, now: float) -> bool:
    return all(isinstance(shown(rows, token, now), Invalid) for token in tokens)


def test_a_token_is_exchanged_for_its_successor() -> None:
    """A good token is exchanged once, and its successor again."""
    rows, first = family()
    second = exchanged(rows, first, 100.0)
    third = exchanged(rows, second, 200.0)
    assert len({first, second, third}) == 3


def test_a_replayed_token_kills_the_family() -> None:
    """A refresh token replayed after rotation → invalid_grant and the whole family is dead, the newest included."""
    rows, first = family()
    second = exchanged(rows, first, 100.0)
    third = exchanged(rows, second, 101.0)
    assert isinstance(shown(rows, first, 112.0), Reuse)
    assert is_dead(rows, first, second, third, now=112.0)


def test_a_lost_answer_is_given_again() -> None:
    """The immediate parent shown again (the answer was lost) → the same successor is answered again, however long the
    outage was, as long as the session lives."""
    rows, first = family()
    second = exchanged(rows, first, 100.0)
    assert [exchanged(rows, first, 100.0 + wait) for wait in (0, 3, 12, LIFETIME - 1)] == [second] * 4
    assert exchanged(rows, second, 100.0 + LIFETIME - 1)


def test_a_thief_with_the_parent_is_noticed() -> None:
    """A stolen parent is answered the same successor as its owner was, and either may go on with that; as soon as one
    of them is two exchanges ahead, the other shows a used token, and the family is dead for both."""
    rows, first = family()
    mine, stolen = exchanged(rows, first, 100.0), exchanged(rows, first, 400.0)
    assert mine == stolen
    second = exchanged(rows, mine, 500.0)
    assert exchanged(rows, stolen, 510.0) == second
    newest = exchanged(rows, second, 600.0)
    assert isinstance(shown(rows, stolen, 700.0), Reuse)
    assert is_dead(rows, first, stolen, second, newest, now=700.0)


def test_a_parent_is_reuse_once_its_successor_was_used() -> None:
    """Once the successor was itself used, the parent is reuse, however soon it comes."""
    rows, first = family()
    third = exchanged(rows, exchanged(rows, first, 100.0), 101.0)
    assert isinstance(shown(rows, first, 101.0), Reuse)
    assert is_dead(rows, third, now=101.0)


def test_a_grandparent_is_always_reuse() -> None:
    """A grandparent always is reuse, and takes the newest token along."""
    rows, first = family()
    tokens = [first]
    for step in range(5):
        tokens.append(exchanged(rows, tokens[-1], 100.0 + step / 10))
    assert isinstance(shown(rows, tokens[-3], 100.5), Reuse)
    assert is_dead(rows, *tokens, now=100.5)


def test_an_unknown_token_harms_nobody() -> None:
    """An unknown token → invalid_grant, and nothing dies."""
    rows, first = family()
    for token in ("", "unknown", refresh.new_token("0" * 12), first + "x", first[:-1], "\ud800"):
        assert is_dead(rows, token, now=1.0)
    assert exchanged(rows, first, 2.0)


def test_an_ended_session_has_no_tokens() -> None:
    """After log-out → invalid_grant."""
    rows, first = family()
    second = exchanged(rows, first, 1.0)
    rows.act(refresh.ended(rows.tables["_sessions"]["session-1",], 2.0))
    assert is_dead(rows, first, second, now=3.0)


def test_a_session_slides_with_its_tokens() -> None:
    """A session ends when it was not renewed for its whole lifetime; each renewal begins that anew."""
    rows, token = family()
    token = exchanged(rows, token, LIFETIME - 1)
    token = exchanged(rows, token, 2 * LIFETIME - 2)
    assert is_dead(rows, token, now=3 * LIFETIME - 2)


def test_a_used_token_is_known_as_long_as_its_successor_lives() -> None:
    """A used token stays known for as long as its successor lives, and is no more than invalid afterwards."""
    rows, first = family()
    second = exchanged(rows, first, 900.0)
    third = exchanged(rows, second, 1_800.0)
    assert isinstance(decide(rows.facts(first), 1_899.0, lifetime=LIFETIME), Reuse)
    assert is_dead(rows, first, now=1_900.0)
    assert exchanged(rows, third, 1_901.0)


def test_a_clock_that_was_set_back_does_not_sign_out() -> None:
    """A lost answer is given again though the machine's clock was set back in between."""
    rows, first = family()
    assert exchanged(rows, first, 100.0) == exchanged(rows, first, 40.0)


def test_no_token_is_stored_readably() -> None:
    """Refresh tokens are stored as hashes; the sealed successor can't be read without the token before it."""
    rows, first = family()
    second = exchanged(rows, first, 1.0)
    stored = repr(rows.tables)
    assert first not in stored
    assert second not in stored
    sealed = rows.facts(first).row
    assert sealed is not None
    assert refresh.unseal(second, sealed["successor"], "session-1") == ""
    assert refresh.unseal(first, sealed["successor"], "session-2") == ""
    assert refresh.unseal(first, b"\0" * 60, "session-1") == ""


@given(token=st.text(min_size=1), successor=st.text(st.characters(codec="utf-8")), session=st.text("abc", max_size=9))
def test_what_is_sealed_comes_back(token: str, successor: str, session: str) -> None:
    """The successor is read with the token that it replaced, for the session that it is of."""
    token = token.encode(errors="replace").decode()
    assert refresh.unseal(token, refresh.seal(token, successor, session), session) == successor


class Families(RuleBasedStateMachine):
    """Tokens shown in any order and at any time, beside a model that only counts generations."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, first = family()
        self.now = 0.0
        self.issued = [first]
        self.is_alive = True
        self.exchanged_at: list[float] = []

    @rule(seconds=st.sampled_from([0.0, 1.0, 12.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.is_alive = self.is_alive and self.now < self._expires()

    @rule(back=st.sampled_from([1, 1, 1, 2, 2, 3]))
    def show(self, back: int) -> None:
        index = max(len(self.issued) - back, 0)
        decision = shown(self.rows, self.issued[index], self.now)
        expected = self._expected(index)
        assert type(decision) is expected
        if isinstance(decision, Repeat) and index == len(self.issued) - 1:
            self.issued.append(decision.successor)
            self.exchanged_at.append(self.now)
        elif isinstance(decision, Repeat):
            assert decision.successor == self.issued[-1]
        elif isinstance(decision, Reuse):
            self.is_alive = False

    def _expected(self, index: int) -> type:
        if not self.is_alive:
            return Invalid
        if index >= len(self.issued) - 2:
            return Repeat
        return Reuse if self.now < self.exchanged_at[index] + LIFETIME else Invalid

    def _expires(self) -> float:
        return (self.exchanged_at[-1] if self.exchanged_at else 0.0) + LIFETIME

    @invariant()
    def at_most_one_token_is_unused(self) -> None:
        unused = [row for row in self.rows.tables["_refresh_tokens"].values() if row["used"] is None]
        assert len(unused) <= 1


def test_any_order_of_tokens_ends_as_the_rules_say() -> None:
    """A family has one newest token; tokens shown in any order and at any time end as the rules say."""
    run_state_machine_as_test(Families)
