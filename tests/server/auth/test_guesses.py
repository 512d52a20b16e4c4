"""Failed guesses, as several processes count them."""

from __future__ import annotations

import asyncio
from itertools import cycle
from pathlib import Path

import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.challenge_answer import answer_challenge
from hinterland.server.auth.login import log_in
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.password import change_password
from hinterland.server.auth.signup import sign_up
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.auth.process import (
    ADA,
    CREDENTIALS,
    HERE,
    challenge_of,
    next_code,
    opened,
    refusal,
    rows,
    with_second_factor,
)

WRONG = CREDENTIALS | {"password": "wrong horse"}


async def test_nodes_count_guesses_together(nodes: list[Accounts], clock: ManualClock) -> None:
    """Guesses on one account that are spread over three processes are as many as on one; a stranger's turn holds at
    each of them, once, and the owner gets in at a known address."""
    await sign_up(nodes[0], ADA, HERE)
    turn = cycle(nodes)
    codes = [(await refusal(log_in(next(turn), WRONG, f"10.0.0.{n}"))).code for n in range(30)]
    assert codes == ["invalid_credentials"] * 10 + ["rate_limited"] * 20
    wait = (await refusal(log_in(nodes[0], CREDENTIALS, "192.0.2.99"))).retry_after
    assert wait is not None
    assert (await refusal(log_in(nodes[1], CREDENTIALS, "192.0.2.99"))).retry_after == wait
    await clock.advance(wait)
    for n in range(30):
        await refusal(log_in(next(turn), WRONG, f"10.1.0.{n}"))
    assert (await refusal(log_in(nodes[2], WRONG, "192.0.2.99"))).code == "invalid_credentials"
    again = [(await refusal(log_in(node, CREDENTIALS, "192.0.2.99"))).code for node in nodes]
    assert again == ["rate_limited"] * 3
    for node in nodes:
        await log_in(node, CREDENTIALS, HERE)


async def test_nodes_count_one_address_together(nodes: list[Accounts]) -> None:
    """One address that guesses on many accounts at all processes has the quota of one address."""
    turn = cycle(nodes)
    tries = [{"email": f"user{n}@example.org", "password": "wrong horse"} for n in range(60)]
    codes = [(await refusal(log_in(next(turn), form, "10.0.0.1"))).code for form in tries]
    assert codes == ["invalid_credentials"] * 50 + ["rate_limited"] * 10


async def test_guesses_at_the_same_time_all_count(nodes: list[Accounts], clock: ManualClock) -> None:
    """Of guesses that fail at the same time at all processes each is counted."""
    await sign_up(nodes[0], ADA, HERE)
    guesses = [log_in(node, WRONG, f"10.0.0.{n}") for n in range(3) for node in nodes]
    ended = await asyncio.gather(*guesses, return_exceptions=True)
    assert {each.code for each in ended if isinstance(each, Refusal)} == {"invalid_credentials"}
    assert (await refusal(log_in(nodes[0], WRONG, "10.0.1.0"))).code == "invalid_credentials"
    assert [(await refusal(log_in(node, WRONG, "10.0.1.1"))).code for node in nodes] == ["rate_limited"] * 3


async def test_nodes_count_codes_and_passwords_together(nodes: list[Accounts], clock: ManualClock) -> None:
    """Codes of a second factor, and passwords that are given in a session, are counted by all processes together."""
    caller, key, _ = await with_second_factor(nodes[0], clock)
    made = []
    for n, node in zip(range(12), cycle(nodes), strict=False):
        challenge = await challenge_of(node, f"10.0.0.{n}")
        body = {"challenge": challenge, "code": "000000"}
        made.append((await refusal(answer_challenge(node, body, f"10.0.0.{n}"))).code)
    assert made == ["validation"] * 10 + ["rate_limited"] * 2
    for node in nodes:
        await answer_challenge(node, {"challenge": await challenge_of(node), "code": next_code(key, clock)}, HERE)
    change = {"password": "wrong horse", "new_password": "another horse entirely"}
    wrong = [(await refusal(change_password(next(turn), caller, change))).code for turn in [cycle(nodes)] * 12]
    assert wrong == ["validation"] * 10 + ["rate_limited"] * 2


async def test_nodes_count_sign_ups_together(nodes: list[Accounts], clock: ManualClock) -> None:
    """Sign-ups from one address are counted by all processes together."""
    forms = [ADA | {"email": f"user{n}@example.org", "password": "x"} for n in range(102)]
    made = [(await refusal(sign_up(node, form, HERE))).code for form, node in zip(forms, cycle(nodes), strict=False)]
    assert made == ["validation"] * 100 + ["rate_limited"] * 2


async def test_a_good_log_in_counts_nowhere(nodes: list[Accounts], monkeypatch: pytest.MonkeyPatch) -> None:
    """A good log-in writes no count, and however many there are, the next one is let in; what is kept of a guess shows
    neither account nor address, and is deleted once it is of no use."""
    await sign_up(nodes[0], ADA, HERE)
    [signup] = await rows(nodes[0], "_limits")
    for node in nodes * 5:
        await log_in(node, CREDENTIALS, HERE)
    assert await rows(nodes[0], "_limits") == [signup]
    await refusal(log_in(nodes[0], WRONG, "192.0.2.99"))
    kept = await rows(nodes[0], "_limits")
    assert len(kept) == 3
    assert "example" not in repr(kept)
    assert "192.0.2.99" not in repr(kept)


async def test_what_is_of_no_use_goes(nodes: list[Accounts], clock: ManualClock) -> None:
    """Rows of guesses that count no longer are deleted by later guesses, and by maintenance."""
    await sign_up(nodes[0], ADA, HERE)
    for n in range(15):
        await refusal(log_in(nodes[n % 3], WRONG | {"email": f"user{n}@example.org"}, f"10.0.0.{n}"))
    assert len(await rows(nodes[0], "_limits")) == 31
    clock.jump(86_400)
    await refusal(log_in(nodes[0], WRONG, "10.0.0.99"))
    assert len(await rows(nodes[0], "_limits")) == 31 - 20 + 2
    await maintain(nodes[0])
    assert len(await rows(nodes[0], "_limits")) == 2


async def test_a_database_of_one_process_counts_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """On SQLite, which one process has, guesses are counted in memory alone."""
    async with opened(SqliteStorage(tmp_path / "data"), clock) as accounts:
        await sign_up(accounts, ADA, HERE)
        for n in range(12):
            await refusal(log_in(accounts, WRONG, f"10.0.0.{n}"))
        assert await rows(accounts, "_limits") == []
