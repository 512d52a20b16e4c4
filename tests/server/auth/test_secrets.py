"""Passwords and tokens stay where they belong."""

from __future__ import annotations

import logging

import pytest

from hinterland.server.auth.login import log_in
from hinterland.server.auth.me import me
from hinterland.server.auth.own_sessions import log_out
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from tests.server.auth.process import ADA, CREDENTIALS, HERE, everything, refusal


async def test_planted_secrets_appear_nowhere(accounts: Accounts, caplog: pytest.LogCaptureFixture) -> None:
    """Planted tokens and passwords appear in no log, error, record, system row or change log."""
    caplog.set_level(logging.DEBUG)
    password, wrong = "planted password 1", "planted guess 2"
    first = await sign_up(accounts, ADA | {"password": password}, HERE)
    refusals = [await refusal(log_in(accounts, CREDENTIALS | {"password": wrong}, HERE))]
    refusals += [await refusal(sign_up(accounts, ADA | {"password": wrong}, HERE))]
    refusals += [await refusal(sign_up(accounts, {"password": wrong[:7], "email": wrong, "name": "n"}, HERE))]
    second = await refresh(accounts, {"refresh_token": first.refresh_token})
    third = await refresh(accounts, {"refresh_token": second.refresh_token})
    refusals += [await refusal(refresh(accounts, {"refresh_token": first.refresh_token}))]
    refusals += [await refusal(accounts.tokens.verify(first.token.encode()))]
    fourth = await log_in(accounts, CREDENTIALS | {"password": password}, HERE)
    caller = await accounts.tokens.verify(fourth.token.encode())
    profile = await me(accounts, caller)
    kept = await everything(accounts)
    await log_out(accounts, caller)
    text = "\n".join([caplog.text, profile, kept, *(repr((r.problem(), r)) for r in refusals)])
    sessions = (first, second, third, fourth)
    secrets = [password, wrong, *(s.refresh_token for s in sessions), *(s.token for s in sessions)]
    assert [secret for secret in secrets if secret in text] == []


async def test_hashes_and_keys_are_no_part_of_a_record(accounts: Accounts) -> None:
    """Credentials and keys live in system tables, never in a record or the log."""
    await sign_up(accounts, ADA, HERE)
    async with accounts.storage.snapshot() as snapshot:
        text = repr((await snapshot.fetch("SELECT * FROM users"), await snapshot.log(0, 100)))
    assert "argon2" not in text
    assert "ada@example.org" in text
