"""Turn a second factor on and off."""

from __future__ import annotations

import asyncio
from typing import Any

from hinterland.contract.accounts import RecoveryCodes
from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.auth.admin import create_admin
from hinterland.server.auth.admin import log_in as log_in_as_admin
from hinterland.server.auth.challenge_answer import answer_challenge
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.refresh import refresh
from hinterland.server.auth.signup import sign_up
from hinterland.server.auth.totp_enrolment import confirm, disable, enrol
from hinterland.server.callers import LOCAL_ADMINISTRATOR
from tests.server.auth.process import (
    ADA,
    CREDENTIALS,
    HERE,
    challenge_of,
    next_code,
    refusal,
    rows,
    with_second_factor,
)

PASSWORD = {"password": ADA["password"]}


async def test_it_is_on_once_it_is_confirmed(accounts: Accounts, clock: ManualClock) -> None:
    """A log-in asks for a code from the moment in which one of the app was given; what was enrolled before that and not
    confirmed is replaced. The caller's session becomes one of two factors, others stay as they are."""
    session = await sign_up(accounts, ADA, HERE)
    caller = await accounts.tokens.verify(session.token.encode())
    old = await enrol(accounts, caller, PASSWORD)
    setup = await enrol(accounts, caller, PASSWORD)
    other = await accounts.tokens.verify((await log_in(accounts, CREDENTIALS, HERE)).token.encode())
    wrong = await refusal(confirm(accounts, caller, {"code": next_code(old.secret, clock)}))
    assert (wrong.code, list(wrong.errors)) == ("validation", ["code"])
    made = await confirm(accounts, caller, {"code": next_code(setup.secret, clock)})
    assert len(set(made.recovery_codes)) == 10
    await challenge_of(accounts)
    now = await accounts.tokens.verify(session.token.encode())
    assert (now.acr, now.amr, now.auth_time) == ("aal2", ("pwd", "otp", "mfa"), int(clock.now()))
    renewed = await refresh(accounts, {"refresh_token": session.refresh_token})
    assert (await accounts.tokens.verify(renewed.token.encode())).acr == "aal2"
    again = await accounts.sessions.find(other.session)
    assert again is not None
    assert again.acr == "aal1"


async def test_the_uri_names_app_and_user(lite: Accounts) -> None:
    """An authenticator app shows the app's name and the user's address."""
    caller = await lite.tokens.verify((await sign_up(lite, ADA, HERE)).token.encode())
    setup = await enrol(lite, caller, PASSWORD)
    assert setup.uri.startswith("otpauth://totp/hinterland:ada%40example.org?")
    assert setup.secret in setup.uri
    assert setup.secret not in repr(setup)


async def test_it_needs_the_password(lite: Accounts) -> None:
    """An access token alone turns nothing on; a wrong password → 400; a caller without a session → 401."""
    caller = await lite.tokens.verify((await sign_up(lite, ADA, HERE)).token.encode())
    wrong = await refusal(enrol(lite, caller, {"password": "wrong horse"}))
    assert (wrong.code, list(wrong.errors)) == ("validation", ["password"])
    for operation in (enrol, confirm, disable):
        body = {**PASSWORD, "code": "000000"}
        assert (await refusal(operation(lite, LOCAL_ADMINISTRATOR, body))).status == 401
        assert (await refusal(operation(lite, caller, {}))).code == "validation"


async def test_what_is_on_is_not_turned_on_again(lite: Accounts, clock: ManualClock) -> None:
    """A second app can't replace the first one unnoticed; nothing is confirmed that was not enrolled, nor turned off
    that is not on."""
    caller = await lite.tokens.verify((await sign_up(lite, ADA, HERE)).token.encode())
    asked: list[Any] = [confirm(lite, caller, {"code": "000000"}), disable(lite, caller, {**PASSWORD, "code": "1"})]
    assert [(await refusal(each)).code for each in asked] == ["conflict", "conflict"]
    setup = await enrol(lite, caller, PASSWORD)
    await confirm(lite, caller, {"code": next_code(setup.secret, clock)})
    for operation, body in ((enrol, PASSWORD), (confirm, {"code": next_code(setup.secret, clock)})):
        assert (await refusal(operation(lite, caller, body))).code == "conflict"


async def test_what_happens_at_the_same_time(accounts: Accounts, clock: ManualClock) -> None:
    """Of confirmations at the same time one counts, whose recovery codes are the ones that are kept."""
    caller = await accounts.tokens.verify((await sign_up(accounts, ADA, HERE)).token.encode())
    setup = await enrol(accounts, caller, PASSWORD)
    body = {"code": next_code(setup.secret, clock)}
    ended = await asyncio.gather(*(confirm(accounts, caller, body) for _ in range(3)), return_exceptions=True)
    [made] = [each for each in ended if isinstance(each, RecoveryCodes)]
    assert {each.code for each in ended if isinstance(each, Refusal)} == {"conflict"}
    kept = [row for row in await rows(accounts, "_credentials") if row["kind"] == "recovery"]
    assert len(kept) == 10
    await disable(accounts, caller, {**PASSWORD, "code": made.recovery_codes[0]})


async def test_it_is_turned_off(accounts: Accounts, clock: ManualClock) -> None:
    """With the password and a code it is off: a log-in needs the password alone, and no recovery code is left."""
    caller, _, (recovery, *_) = await with_second_factor(accounts, clock)
    wrong = await refusal(disable(accounts, caller, {**PASSWORD, "code": "000000"}))
    assert (wrong.code, list(wrong.errors)) == ("validation", ["code"])
    await challenge_of(accounts)
    await disable(accounts, caller, {**PASSWORD, "code": recovery})
    await log_in(accounts, CREDENTIALS, HERE)
    assert [row["kind"] for row in await rows(accounts, "_credentials")] == ["password"]
    await enrol(accounts, caller, PASSWORD)


async def test_guesses_in_a_session_are_limited(lite: Accounts, clock: ManualClock) -> None:
    """Ten wrong codes, and one more in 30 seconds: a stolen session with the password does not turn it off."""
    caller, _, _ = await with_second_factor(lite, clock)
    codes = [(await refusal(disable(lite, caller, {**PASSWORD, "code": "000000"}))).code for _ in range(12)]
    assert codes == ["validation"] * 10 + ["rate_limited"] * 2


async def test_administrators_have_one_too(lite: Accounts, clock: ManualClock) -> None:
    """An administrator's log-in asks for the second factor as a user's does."""
    root = {"email": "root@example.org", "password": ADA["password"]}
    await create_admin(lite, **root)
    caller = await lite.tokens.verify((await log_in_as_admin(lite, root, HERE)).token.encode())
    setup = await enrol(lite, caller, PASSWORD)
    await confirm(lite, caller, {"code": next_code(setup.secret, clock)})
    required = await refusal(log_in_as_admin(lite, root, HERE))
    body = {"challenge": required.details["challenge"], "code": next_code(setup.secret, clock)}
    session = await answer_challenge(lite, body, HERE)
    assert session.user["is_admin"] is True
    assert (await lite.tokens.verify(session.token.encode())).acr == "aal2"
