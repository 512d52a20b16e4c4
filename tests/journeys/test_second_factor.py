"""A second factor from the client to a real server, and a rule that asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ChallengeRequired, Forbidden, InvalidChallenge, Unauthorized, ValidationFailed
from hinterland.client.session import SignedIn, SignedOut
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection, Rules
from hinterland.kit.clock import ManualClock
from hinterland.server.security import totp
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend

ADA = {"name": "Ada", "email": "ada@example.org", "password": "a long walk outside"}
LOG_IN = {"email": ADA["email"], "password": ADA["password"]}
BOTH = "auth.acr == 'aal2' && 'otp' in auth.amr && auth.client == 'app' && auth.auth_time > 0"
PAYMENTS = Collection(name="payments", fields={"to": Text()}, rules=Rules(list=BOTH, view=BOTH, create=BOTH))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()


@pytest.fixture(params=["sqlite", "postgres"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[TestBackend]:
    """A server with payments, which need a second factor, on each database."""
    storage: Storage = SqliteStorage(tmp_path / "data")
    if request.param == "postgres":
        storage = PostgresStorage(request.getfixturevalue("postgres_dsn"))
    async with running_backend([PAYMENTS], storage=storage, clock=clock) as made:
        yield made


async def challenged(client: Client) -> ChallengeRequired:
    """The challenge that a log-in is answered with."""
    with pytest.raises(ChallengeRequired, match="second factor") as required:
        await client.auth.log_in(**LOG_IN)
    return required.value


async def test_a_second_factor(backend: TestBackend, clock: ManualClock) -> None:
    """A user turns a second factor on; the next log-in raises a challenge, which a code of the app answers, or a
    recovery code once. A rule that asks for two factors lets those sessions pass and no others."""
    one, two = await backend.client(), await backend.client()
    await one.auth.sign_up(**ADA)
    with pytest.raises(Forbidden):
        await one.collection("payments").create({"to": "ben"})
    setup = await one.auth.enrol_totp(password=ADA["password"])
    recovery, *_ = await one.auth.confirm_totp(code=totp.code_at(setup.secret, clock.now()))
    await one.collection("payments").create({"to": "ben"})
    required = await challenged(two)
    assert (required.challenge.methods, two.auth.state) == (("totp", "recovery"), SignedOut())
    assert required.challenge.challenge not in f"{required} {required!r} {required.challenge!r}"
    with pytest.raises(ValidationFailed) as wrong:
        await two.auth.answer(required.challenge, code="000000")
    assert wrong.value.errors.keys() == {"code"}
    clock.jump(30)
    await two.auth.answer(required.challenge, code=totp.code_at(setup.secret, clock.now()))
    assert isinstance(two.auth.state, SignedIn)
    assert [item.acr for item in await two.auth.sessions()] == ["aal2", "aal2"]
    assert len((await two.collection("payments").list()).items) == 1
    with pytest.raises(InvalidChallenge):
        await two.auth.answer(required.challenge, code=recovery)
    await two.auth.answer((await challenged(two)).challenge, code=recovery)
    with pytest.raises(ValidationFailed):
        await two.auth.answer((await challenged(two)).challenge, code=recovery)
    clock.jump(30)
    await two.auth.disable_totp(password=ADA["password"], code=totp.code_at(setup.secret, clock.now()))
    await one.auth.log_in(**LOG_IN)
    with pytest.raises(Forbidden):
        await one.collection("payments").create({"to": "ben"})


async def test_a_user_ends_a_session(backend: TestBackend) -> None:
    """A user sees where they are signed in, and ends the session of a device that was lost."""
    lost, here = await backend.client(), await backend.client()
    await lost.auth.sign_up(**ADA)
    await here.auth.log_in(**LOG_IN)
    [other] = [item for item in await here.auth.sessions() if not item.is_current]
    await here.auth.end_session(other.id)
    assert [item.is_current for item in await here.auth.sessions()] == [True]
    with pytest.raises(Unauthorized):
        await lost.auth.me()
    assert lost.auth.state == SignedOut("refused")
