"""Signing up, in and out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import (
    ChallengeRequired,
    Conflict,
    ConnectionLost,
    InvalidCredentials,
    InvalidResponse,
    Unauthorized,
    ValidationFailed,
)
from hinterland.client.exchange import Request, Response
from hinterland.client.session import AuthState, SignedIn, SignedOut, SigningIn, unsealed
from hinterland.client.transports.scripted import Scripted
from hinterland.contract.accounts import Challenge, TotpSetup
from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from tests.client.conftest import log_in, session
from tests.client.foreign import FOREIGN, answer

ADA = {"name": "Ada", "email": "ada@example.org", "password": "a good password"}
USER = session()["user"]
INFO = {
    "id": "s1", "label": "Shop/1", "client": "app", "address": "192.0.2.1", "acr": "aal1", "amr": ["pwd"],
    "created_at": "2026-01-01T00:00:00.000000Z", "last_used_at": "2026-01-01T00:00:00.000000Z",
    "expires_at": "2026-02-01T00:00:00.000000Z", "is_current": True,
}  # fmt: skip


async def test_signing_up_signs_in(client: Client, script: Scripted) -> None:
    """Signing up sends the account and the app's own fields, and signs in."""
    body = {**ADA, "city": "London"}
    script.expect("POST", "/v1/auth/signup", json=body, headers={"authorization": None}).answer(201, json=session())
    assert await client.auth.sign_up(**ADA, city="London") == USER
    assert client.auth.user == USER


async def test_a_taken_address_is_a_conflict(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A refused sign-up gives the reasons by field, is not sent twice, and leaves the session as it was; one whose
    response is lost is sent again with the same idempotency key, so that it makes one user."""
    refused = {"code": "conflict", "message": "taken", "errors": {"email": ["is taken"]}}
    script.expect("POST", "/v1/auth/signup").answer(409, json=refused)
    with pytest.raises(Conflict) as caught:
        await client.auth.sign_up(**ADA)
    assert caught.value.errors == {"email": ["is taken"]}
    script.expect("POST", "/v1/auth/signup", times=4).fail(ConnectionLost())
    with pytest.raises(ConnectionLost):
        await play(clock, client.auth.sign_up(**ADA))
    assert client.auth.state == SignedOut()
    keys = [request.headers["idempotency-key"] for request in script.requests]
    assert len(set(keys[1:])) == 1 < len(keys[1:])


async def test_the_states_can_be_observed(client: Client, script: Scripted) -> None:
    """An app sees signed out, signing in, signed in and signed out, as a stream and by a listener; a listener that
    fails harms nothing, and one that was ended hears nothing more."""
    heard: list[AuthState] = []
    ended: list[AuthState] = []
    client.auth.listen(lambda state: 1 / 0)  # type: ignore[arg-type]
    client.auth.listen(heard.append)
    stop = client.auth.listen(ended.append)
    stop()
    stop()
    states = client.auth.states()
    assert await anext(states) == SignedOut()
    await log_in(client, script)
    script.expect("POST", "/v1/auth/logout", headers={"authorization": "Bearer access-1"}).answer(204)
    await client.auth.log_out()
    seen = [await anext(states) for _ in range(3)]
    await states.aclose()
    assert [type(state) for state in seen] == [SigningIn, SignedIn, SignedOut]
    assert heard == seen
    assert ended == []
    assert seen[2] == SignedOut("log_out")


async def test_a_failed_log_in_leaves_the_session_as_it_was(client: Client, script: Scripted) -> None:
    """A failed log-in leaves the session; a wrong password has another error than a missing sign-in."""
    await log_in(client, script)
    script.expect("POST", "/v1/auth/login").refuse("invalid_credentials", "wrong")
    with pytest.raises(InvalidCredentials, match="wrong"):
        await client.auth.log_in(email="ada@example.org", password="x")
    assert client.auth.user == USER


async def test_a_challenge_is_answered(client: Client, script: Scripted) -> None:
    """A log-in that needs a second factor raises a challenge and leaves the session as it was; the answer signs in."""
    details = {"challenge": "planted", "methods": ["totp", "recovery"], "expires_in": 300}
    problem = Refusal("challenge_required", details=details).problem()
    script.expect("POST", "/v1/auth/login").answer(401, json=problem)
    with pytest.raises(ChallengeRequired) as required:
        await client.auth.log_in(email="ada@example.org", password="x")
    assert client.auth.state == SignedOut()
    challenge = required.value.challenge
    assert challenge == Challenge(challenge="planted", methods=("totp", "recovery"), expires_in=300)
    assert "planted" not in f"{required.value} {required.value!r} {challenge!r}"
    script.expect("POST", "/v1/auth/challenge", json={"challenge": "planted", "code": "123456"}).answer(json=session())
    assert await client.auth.answer(challenge, code="123456") == USER
    assert client.auth.user == USER


async def test_a_challenge_that_is_none(client: Client, script: Scripted) -> None:
    """Where the details hold no challenge, the error names the path."""
    script.expect("POST", "/v1/auth/login").refuse("challenge_required")
    with pytest.raises(ChallengeRequired) as required:
        await client.auth.log_in(email="ada@example.org", password="x")
    with pytest.raises(InvalidResponse) as caught:
        _ = required.value.challenge
    assert caught.value.path == "$.details"


async def test_the_second_factor_and_the_sessions(client: Client, script: Scripted) -> None:
    """Each operation sends what it is given, and gives what the server answers."""
    await log_in(client, script)
    script.expect("POST", "/v1/auth/totp", json={"password": "p"}).answer(json={"secret": "S", "uri": "otpauth:"})
    assert await client.auth.enrol_totp(password="p") == TotpSetup(secret="S", uri="otpauth:")
    script.expect("POST", "/v1/auth/totp/confirm", json={"code": "1"}).answer(json={"recovery_codes": ["a", "b"]})
    assert await client.auth.confirm_totp(code="1") == ["a", "b"]
    script.expect("POST", "/v1/auth/totp/disable", json={"password": "p", "code": "1"}).answer(204)
    await client.auth.disable_totp(password="p", code="1")
    script.expect("GET", "/v1/auth/sessions").answer(json={"items": [INFO]})
    [item] = await client.auth.sessions()
    assert (item.id, item.amr, item.is_current) == ("s1", ["pwd"], True)
    script.expect("DELETE", "/v1/auth/sessions/s1").answer(204)
    await client.auth.end_session("s1")


async def test_an_answer_that_is_no_session_is_an_error(client: Client, script: Scripted) -> None:
    """A log-in's answer that does not fit names the path, never a token."""
    script.expect("POST", "/v1/auth/login").answer(json={**session(), "expires_in": "planted"})
    with pytest.raises(InvalidResponse) as caught:
        await client.auth.log_in(email="a@b.c", password="x")
    assert (caught.value.path, caught.value.found) == ("$.expires_in", "str")
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize("failure", [ConnectionLost(), None])
async def test_logging_out_always_works_here(
    client: Client,
    script: Scripted,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    failure: ConnectionLost | None,
) -> None:
    """Where the server can't be reached, or knows the session no more, one is signed out here all the same."""
    await log_in(client, script)
    if failure:
        script.expect("POST", "/v1/auth/logout", times=4).fail(failure)
    else:
        script.expect("POST", "/v1/auth/logout").refuse("unauthorized")
        script.expect("POST", "/v1/auth/refresh").refuse("invalid_grant")
    await play(clock, client.auth.log_out())
    assert client.auth.state == SignedOut("log_out")
    assert "signed out here only" in caplog.text
    await client.auth.log_out()


@pytest.mark.parametrize(("status", "content"), FOREIGN)
async def test_logging_out_behind_a_portal(
    client: Client, script: Scripted, clock: ManualClock, status: int, content: bytes
) -> None:
    """Whatever something on the way answers, one is signed out here."""
    await log_in(client, script)
    answer(script.expect("POST", "/v1/auth/logout", times=4 if status == 500 else 1), status, content)
    await play(clock, client.auth.log_out())
    assert client.auth.state == SignedOut("log_out")


class Slow:
    """A transport over a script on which a renewal takes until the server has carried out the log-out."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.is_renewing = asyncio.Event()
        self.is_out = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        """Pass the request on."""
        if request.operation == "auth.refresh":
            self.is_renewing.set()
            await self.is_out.wait()
        if request.operation == "auth.logout":
            self.is_out.set()
        return await self.script(request)

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_log_in_on_a_connection_that_has_ended(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A log-in that meets a connection which the server has closed meanwhile is sent again; a wrong password is not."""
    script.expect("POST", "/v1/auth/login").fail(ConnectionLost())
    script.expect("POST", "/v1/auth/login").answer(json=session())
    await play(clock, client.auth.log_in(email=ADA["email"], password=ADA["password"]))
    assert client.auth.user == USER
    script.expect("POST", "/v1/auth/login").refuse("invalid_credentials")
    with pytest.raises(InvalidCredentials):
        await client.auth.log_in(email=ADA["email"], password="wrong")


async def test_logging_out_during_a_renewal(make: Callable[..., Client], script: Scripted) -> None:
    """A renewal that is refused because the user logs out meanwhile reports the log-out, once, and nothing else."""
    client = make(slow := Slow(script))
    await log_in(client, script)
    heard: list[AuthState] = []
    client.auth.listen(heard.append)
    script.expect("POST", "/v1/auth/logout").answer(204)
    script.expect("POST", "/v1/auth/refresh").refuse("invalid_grant")
    renewal = asyncio.create_task(client.auth.refresh())
    await slow.is_renewing.wait()
    await client.auth.log_out()
    with pytest.raises(Unauthorized):
        await renewal
    assert heard == [SignedOut("log_out")]


async def test_a_renewal_after_logging_out(client: Client, script: Scripted) -> None:
    """A renewal whose turn comes after the log-out asks nothing and reports nothing."""
    await log_in(client, script)
    heard: list[AuthState] = []
    client.auth.listen(heard.append)
    script.expect("POST", "/v1/auth/logout").answer(204)
    renewal, _ = await asyncio.gather(client.auth.refresh(), client.auth.log_out(), return_exceptions=True)
    assert isinstance(renewal, Unauthorized)
    assert heard == [SignedOut("log_out")]


async def test_who_am_i(client: Client, script: Scripted) -> None:
    """`me` asks the server and keeps the newer record; signed out it is refused."""
    script.expect("GET", "/v1/auth/me", headers={"authorization": None}).refuse("unauthorized")
    with pytest.raises(Unauthorized):
        await client.auth.me()
    await log_in(client, script)
    newer = {**USER, "name": "Ada L."}
    script.expect("GET", "/v1/auth/me").answer(json=newer)
    assert await client.auth.me() == newer
    assert client.auth.user == newer


async def test_the_password_is_changed(client: Client, script: Scripted) -> None:
    """A changed password leaves the user signed in; a wrong current one is an error of its field, and ends none."""
    await log_in(client, script)
    form = {"password": "old one", "new_password": "new one"}
    script.expect("POST", "/v1/auth/password", json=form, headers={"authorization": "Bearer access-1"}).answer(204)
    await client.auth.change_password(**form)
    wrong = {"code": "validation", "message": "password: is wrong", "errors": {"password": ["is wrong"]}}
    script.expect("POST", "/v1/auth/password").answer(400, json=wrong)
    with pytest.raises(ValidationFailed) as caught:
        await client.auth.change_password(**form)
    assert caught.value.errors == {"password": ["is wrong"]}
    assert client.auth.user == USER


async def test_the_email_is_changed(client: Client, script: Scripted) -> None:
    """A changed e-mail is the user's from then on."""
    await log_in(client, script)
    newer, form = {**USER, "email": "new@example.org"}, {"email": "new@example.org", "password": "a good password"}
    script.expect("POST", "/v1/auth/email", json=form).answer(json=newer)
    assert await client.auth.change_email(**form) == newer == client.auth.user


async def test_the_account_is_deleted(client: Client, script: Scripted) -> None:
    """A deleted account is signed out here too; one that was not deleted stays signed in."""
    await log_in(client, script)
    wrong = {"code": "validation", "message": "password: is wrong", "errors": {"password": ["is wrong"]}}
    script.expect("POST", "/v1/auth/delete").answer(400, json=wrong)
    with pytest.raises(ValidationFailed):
        await client.auth.delete_account(password="x")
    assert client.auth.user == USER
    script.expect("POST", "/v1/auth/delete", json={"password": "a good password"}).answer(204)
    await client.auth.delete_account(password="a good password")
    assert client.auth.state == SignedOut("log_out")


async def test_renewing_on_request(client: Client, script: Scripted) -> None:
    """A session can be renewed at any time; without one that is Unauthorized and nothing is sent."""
    with pytest.raises(Unauthorized) as caught:
        await client.auth.refresh()
    assert caught.value.sent == "no"
    await log_in(client, script)
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    assert await client.auth.refresh() == USER
    script.expect("POST", "/v1/auth/refresh").refuse("invalid_grant")
    with pytest.raises(Unauthorized):
        await client.auth.refresh()
    assert client.auth.state == SignedOut("refused")


async def test_closing_waits_for_a_renewal(client: Client, script: Scripted) -> None:
    """A renewal that is under way when the client is closed ends first: its answer would be lost."""
    await log_in(client, script)
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    caller = asyncio.create_task(client.auth.refresh())
    for _ in range(2):
        await asyncio.sleep(0)
    await client.close()
    await caller
    state = client.auth.state
    assert isinstance(state, SignedIn)
    assert state.access_token == "access-2"


def test_a_state_is_printed_without_its_tokens() -> None:
    """A signed-in state that reaches a log shows whose it is and no token; what is no session is an error."""
    state = SignedIn(user={"id": 7}, access_token="planted", refresh_token="planted", expires_at=0)
    assert repr(state) == "SignedIn(user_id=7)"
    with pytest.raises(ValueError, match="JSON is malformed"):
        unsealed(b"oops", "http://h:80")
