"""Renew a session."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth import refresh as operation
from hinterland.server.auth.admin import create_admin
from hinterland.server.auth.admin import log_in as admin_log_in
from hinterland.server.auth.login import log_in
from hinterland.server.auth.maintenance import maintain
from hinterland.server.auth.own_sessions import log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from hinterland.server.security import refresh as tokens
from hinterland.server.security.sessions import erasing
from hinterland.server.storage.system import Amend, PreconditionFailed
from tests.server.auth.process import ADA, CREDENTIALS, HERE, change_account, delete_user, refusal, rows


async def renewed(accounts: Accounts, token: str) -> str:
    return (await refresh(accounts, {"refresh_token": token})).refresh_token


async def assert_dead(accounts: Accounts, *given: str) -> None:
    for token in given:
        refused = await refusal(refresh(accounts, {"refresh_token": token}))
        assert (refused.code, refused.status) == ("invalid_grant", 400)


async def test_a_session_is_renewed(accounts: Accounts, clock: ManualClock) -> None:
    """A refresh token is exchanged for a new pair, with the same fields as log-in's answer."""
    first = await sign_up(accounts, ADA, HERE)
    await clock.advance(880)
    second = await refresh(accounts, {"refresh_token": first.refresh_token})
    assert second.user == first.user
    assert second.refresh_token != first.refresh_token
    assert second.token == second.access_token != first.token
    assert (second.token_type, second.expires_in) == ("Bearer", 900)
    before, after = [await accounts.tokens.verify(token.encode()) for token in (first.token, second.token)]
    assert before == after
    assert await renewed(accounts, second.refresh_token)


async def test_a_replayed_token_ends_the_session(
    accounts: Accounts, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A refresh token replayed after rotation → invalid_grant and the whole family is dead, the newest included."""
    first = await sign_up(accounts, ADA, HERE)
    other = await log_in(accounts, CREDENTIALS, HERE)
    second = await refresh(accounts, {"refresh_token": first.refresh_token})
    await accounts.tokens.verify(second.token.encode())
    third = await renewed(accounts, second.refresh_token)
    await clock.advance(11)
    with caplog.at_level(logging.WARNING):
        await assert_dead(accounts, first.refresh_token)
    assert "used twice" in caplog.text
    assert first.refresh_token not in caplog.text
    await assert_dead(accounts, third, second.refresh_token, first.refresh_token)
    for token in (first.token, second.token):
        assert (await refusal(accounts.tokens.verify(token.encode()))).code == "unauthorized"
    assert await renewed(accounts, other.refresh_token)


async def test_a_lost_answer_is_given_again(accounts: Accounts, clock: ManualClock) -> None:
    """The immediate parent shown again → the same successor is answered again, after an outage of seconds or of weeks,
    though the parent itself would have expired and maintenance ran."""
    first = await sign_up(accounts, ADA, HERE)
    await clock.advance(20 * 86_400)
    second = await renewed(accounts, first.refresh_token)
    for outage in (12, 3_600, 29 * 86_400):
        await clock.advance(outage)
        await maintain(accounts)
        assert await renewed(accounts, first.refresh_token) == second
    assert await renewed(accounts, second)
    await assert_dead(accounts, first.refresh_token, second)


async def test_a_parent_is_reuse_once_its_successor_was_used(accounts: Accounts) -> None:
    """Once the successor was itself used, the parent is reuse; a grandparent always is."""
    for back in (0, 1):
        session = await log_in(accounts, CREDENTIALS, HERE) if back else await sign_up(accounts, ADA, HERE)
        tokens = [session.refresh_token]
        for _ in range(2 + back):
            tokens.append(await renewed(accounts, tokens[-1]))
        await assert_dead(accounts, tokens[0], *tokens)


@pytest.mark.parametrize("token", ["unknown", "x" * 100_000, "\ud800", "\0", "é"], ids=range(5))
async def test_an_unknown_token_harms_nobody(accounts: Accounts, token: str) -> None:
    """An unknown token → invalid_grant, and nothing dies; so does an access token."""
    first = await sign_up(accounts, ADA, HERE)
    await assert_dead(accounts, token, first.token)
    assert await renewed(accounts, first.refresh_token)


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": ""}, {"refresh_token": 7}], ids=repr)
async def test_a_token_is_needed(lite: Accounts, body: dict[str, object]) -> None:
    """A body without a refresh token → 400, never 401."""
    refused = await refusal(refresh(lite, body))
    assert (refused.code, refused.status, list(refused.errors)) == ("validation", 400, ["refresh_token"])


async def test_no_token_works_after_log_out(accounts: Accounts) -> None:
    """After log-out → invalid_grant."""
    first = await sign_up(accounts, ADA, HERE)
    second = await refresh(accounts, {"refresh_token": first.refresh_token})
    await log_out(accounts, await accounts.tokens.verify(second.token.encode()))
    await assert_dead(accounts, first.refresh_token, second.refresh_token)


async def test_no_token_works_after_disabling(accounts: Accounts) -> None:
    """After disabling or deletion → invalid_grant; enabling again brings the session back."""
    first = await sign_up(accounts, ADA, HERE)
    await change_account(accounts, is_disabled=True)
    await assert_dead(accounts, first.refresh_token)
    await change_account(accounts, is_disabled=False)
    second = await renewed(accounts, first.refresh_token)
    await delete_user(accounts, first.user["id"])
    await assert_dead(accounts, second, first.refresh_token)


async def test_a_session_ends_when_it_was_not_used(accounts: Accounts, clock: ManualClock) -> None:
    """A session lives for 30 days, each renewal begins them anew, and nothing brings it back afterwards."""
    token = (await sign_up(accounts, ADA, HERE)).refresh_token
    for _ in range(3):
        await clock.advance(29 * 86_400)
        token = await renewed(accounts, token)
    await clock.advance(30 * 86_400)
    await assert_dead(accounts, token)


async def test_an_administrator_renews_too(accounts: Accounts) -> None:
    """An administrator's session is renewed as a user's is."""
    await create_admin(accounts, "root@example.org", "correct horse battery")
    first = await admin_log_in(accounts, CREDENTIALS | {"email": "root@example.org"}, HERE)
    second = await refresh(accounts, {"refresh_token": first.refresh_token})
    assert second.user == first.user
    assert (await accounts.tokens.verify(second.token.encode())).is_admin


async def test_many_renewals_at_once_are_one(accounts: Accounts) -> None:
    """One token shown many times at once is exchanged once: everybody is answered the same successor."""
    first = await sign_up(accounts, ADA, HERE)
    answers = await asyncio.gather(*(renewed(accounts, first.refresh_token) for _ in range(20)))
    assert len(set(answers)) == 1
    assert len(await rows(accounts, "_refresh_tokens")) == 2


async def test_processes_exchange_a_token_once(nodes: list[Accounts]) -> None:
    """Processes that share a database exchange a token once between them, again and again."""
    token = (await sign_up(nodes[0], ADA, HERE)).refresh_token
    for generation in range(1, 8):
        answers = await asyncio.gather(*(renewed(node, token) for node in nodes for _ in range(2)))
        assert len(set(answers)) == 1
        assert len(await rows(nodes[0], "_refresh_tokens")) == generation + 1
        token = answers[0]


async def test_a_renewal_never_outlives_a_log_out(nodes: list[Accounts]) -> None:
    """Where one process renews a session while another ends it, the session is over, whichever came first."""
    await sign_up(nodes[0], ADA, HERE)
    for _ in range(8):
        session = await log_in(nodes[0], CREDENTIALS, HERE)
        caller = await nodes[1].tokens.verify(session.token.encode())
        renewal, _ended = await asyncio.gather(
            renewed(nodes[0], session.refresh_token), log_out(nodes[1], caller), return_exceptions=True
        )
        await assert_dead(nodes[2], session.refresh_token)
        if isinstance(renewal, str):
            await assert_dead(nodes[2], renewal)


async def test_lost_answers_never_sign_out(accounts: Accounts, clock: ManualClock) -> None:
    """A client that loses answers and asks again whenever it can keeps its session, over many renewals and outages."""
    luck = random.Random(7)
    token = (await sign_up(accounts, ADA, HERE)).refresh_token
    for _ in range(20):
        await clock.advance(900)
        while luck.random() < 0.3:
            await renewed(accounts, token)
            await clock.advance(luck.choice([2, 12, 86_400]))
        token = await renewed(accounts, token)


async def test_an_exchange_writes_only_what_it_changes(accounts: Accounts, clock: ManualClock) -> None:
    """What others change in a session between the look at it and its exchange stays; a session that was erased between
    the look and its end, by log-out or reuse, is not restored. When, from where and by which client it was used last is
    written with the exchange."""
    token = (await sign_up(accounts, ADA, HERE)).refresh_token
    [session], [row] = await rows(accounts, "_sessions"), await rows(accounts, "_refresh_tokens")
    await accounts.submit([], [Amend("_sessions", {"id": session["id"]}, {"acr": "aal2"})])
    await accounts.submit([], [Amend("_refresh_tokens", {"hash": row["hash"]}, {"parent": "other"})])
    clock.jump(7)
    exchange = tokens.Rotate(row, session)
    acts = tokens.rotated(exchange, token, "next", clock.now(), 60.0, address="192.0.2.9", label="phone")
    await accounts.submit([], acts)
    [changed] = await rows(accounts, "_sessions")
    used = {"expires": clock.now() + 60.0, "last_used": clock.now(), "address": "192.0.2.9", "label": "phone"}
    assert changed == session | used | {"acr": "aal2"}
    assert "other" in {each["parent"] for each in await rows(accounts, "_refresh_tokens")}
    await accounts.submit([], erasing(session["account"]))
    await accounts.submit([], tokens.ended(session, clock.now()))
    assert await rows(accounts, "_sessions") == []


async def test_a_race_that_never_ends_is_given_up(lite: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others are always faster the caller is asked to retry, and the token is still good."""
    first = await sign_up(lite, ADA, HERE)

    async def lose(accounts: Accounts, *source: str) -> object:
        raise PreconditionFailed

    with monkeypatch.context() as patched:
        patched.setattr(operation, "_exchange", lose)
        with pytest.raises(Refusal) as refused:
            await refresh(lite, {"refresh_token": first.refresh_token})
    assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
    assert await renewed(lite, first.refresh_token)


async def test_a_token_of_another_server(accounts: Accounts) -> None:
    """A token that another database gave out → invalid_grant, which says so; what looks like no token of a server does
    not."""
    session = await sign_up(accounts, ADA, HERE)
    mark, _, secret = session.refresh_token.partition(".")
    foreign = await refusal(refresh(accounts, {"refresh_token": f"{'0' * 12}.{secret}"}))
    assert (foreign.code, foreign.details) == ("invalid_grant", {"reason": "another_server"})
    assert "another server" in foreign.message
    for token in (f"{mark}.{secret[::-1]}", f"{'0' * 12}.short", secret, f"{mark}.{secret}x"):
        assert (await refusal(refresh(accounts, {"refresh_token": token}))).details == {}
    assert (await refresh(accounts, {"refresh_token": session.refresh_token})).refresh_token.startswith(f"{mark}.")
