"""The access token's way: renewed once for all, sent to its server only, given up only for good."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from hinterland.client.client import Client
from hinterland.client.errors import ConnectionLost, ServerError, StatusError, Unauthorized, VaultError
from hinterland.client.session import SignedIn, SignedOut
from hinterland.client.transports.scripted import Scripted
from hinterland.client.vault.file import FileVault
from hinterland.client.vault.memory import MemoryVault
from hinterland.kit.clock import ManualClock
from hinterland.testing.clock import play
from tests.client.conftest import log_in, session
from tests.client.foreign import NOT_REPEATED, answer

PATH = "/v1/records/posts"
PAGE: dict[str, Any] = {"items": [], "next": None}


def bearing(number: int) -> dict[str, str]:
    """The header of the `number`-th access token."""
    return {"authorization": f"Bearer access-{number}"}


async def test_100_concurrent_calls_share_one_renewal(client: Client, script: Scripted) -> None:
    """100 concurrent calls meet 401 → one refresh, each replayed once."""
    await log_in(client, script)
    script.expect("GET", PATH, headers=bearing(1), times=100).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-1"}).answer(json=session(2))
    script.expect("GET", PATH, headers=bearing(2), times=100).answer(json=PAGE)
    await asyncio.gather(*(client.collection("posts").list() for _ in range(100)))
    assert [r.operation for r in script.requests].count("auth.refresh") == 1


async def test_a_second_401_signs_out(client: Client, script: Scripted) -> None:
    """A second 401 → signed out, no loop."""
    await log_in(client, script)
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    script.expect("GET", PATH, headers=bearing(2)).refuse("unauthorized", "who?")
    with pytest.raises(Unauthorized, match=r"who\?"):
        await client.collection("posts").list()
    assert client.auth.state == SignedOut("refused")
    script.expect("GET", PATH, headers={"authorization": None}).answer(json=PAGE)
    await client.collection("posts").list()


async def test_only_a_definitive_refusal_signs_out(client: Client, script: Scripted, clock: ManualClock) -> None:
    """A renewal that meets a broken server keeps the session; invalid_grant ends it and the call's own 401 is
    raised."""
    await log_in(client, script)
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh", times=8).answer(500)
    with pytest.raises(ServerError) as caught:
        await play(clock, client.collection("posts").list())
    assert (caught.value.operation, caught.value.sent) == ("auth.refresh", "no")
    assert client.auth.user is not None
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh").refuse("invalid_grant")
    with pytest.raises(Unauthorized):
        await client.collection("posts").list()
    assert client.auth.state == SignedOut("refused")


@pytest.mark.parametrize(("status", "content"), NOT_REPEATED)
async def test_an_answer_of_something_on_the_way_ends_no_session(
    client: Client, script: Scripted, status: int, content: bytes
) -> None:
    """An answer that is not the server's own, to a call, to the renewal after the server's own 401 or to the call that
    is sent again, neither renews nor ends the session; the error says that the server did not give it."""
    await log_in(client, script)
    answer(script.expect("GET", PATH, headers=bearing(1)), status, content)
    with pytest.raises(StatusError) as caught:
        await client.collection("posts").list()
    assert (caught.value.status, caught.value.is_from_server) == (status, False)
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    answer(script.expect("POST", "/v1/auth/refresh"), status, content)
    with pytest.raises(StatusError):
        await client.collection("posts").list()
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    answer(script.expect("GET", PATH, headers=bearing(2)), status, content)
    with pytest.raises(StatusError):
        await client.collection("posts").list()
    assert isinstance(client.auth.state, SignedIn)


async def test_a_lost_renewal_is_asked_again(client: Client, script: Scripted, clock: ManualClock) -> None:
    """An answer to a renewal that was lost is asked for again with the same token, well within the server's 10 s."""
    await log_in(client, script)
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-1"}, times=2).fail(ConnectionLost())
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-1"}).answer(json=session(2))
    script.expect("GET", PATH, headers=bearing(2)).answer(json=PAGE)
    await play(clock, client.collection("posts").list())
    assert clock.monotonic() < 9


async def test_a_token_is_renewed_before_its_end(client: Client, script: Scripted, clock: ManualClock) -> None:
    """Less than a minute before its end a token is renewed, before the call is sent; a jump of the wall clock alone
    renews nothing."""
    await log_in(client, script)
    clock.jump(365 * 86_400)
    script.expect("GET", PATH, headers=bearing(1)).answer(json=PAGE)
    await client.collection("posts").list()
    clock.jump(-365 * 86_400)
    await clock.advance(841)
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    script.expect("GET", PATH, headers=bearing(2)).answer(json=PAGE)
    await client.collection("posts").list()


async def test_a_token_that_still_holds_is_used(client: Client, script: Scripted, clock: ManualClock) -> None:
    """Where an early renewal fails the token is used as long as it holds, and renewing is tried again soon."""
    await log_in(client, script)
    await clock.advance(841)
    script.expect("POST", "/v1/auth/refresh", times=8).fail(ConnectionLost())
    script.expect("GET", PATH, headers=bearing(1), times=2).answer(json=PAGE)
    await play(clock, client.collection("posts").list())
    await client.collection("posts").list()
    await clock.advance(60)
    script.expect("POST", "/v1/auth/refresh", times=4).fail(ConnectionLost())
    with pytest.raises(ConnectionLost):
        await play(clock, client.collection("posts").list())


async def test_a_token_that_another_call_renewed_is_taken(client: Client, script: Scripted) -> None:
    """A late 401 for an old token takes the newer one; if that has aged too, one more renewal is made."""
    await log_in(client, script)
    tokens = client._tokens
    old = await tokens.current()
    assert old is not None
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-1"}).answer(json=session(2))
    await client.auth.refresh()
    newer = await tokens.renewed(old)
    assert newer is not None
    assert (newer.value, newer.is_fresh) == ("access-2", False)
    script.expect("GET", PATH).refuse("unauthorized")
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-2"}).answer(json=session(3))
    script.expect("GET", PATH, headers=bearing(3)).answer(json=PAGE)
    await client.collection("posts").list()


async def test_a_token_goes_to_its_server_only(client: Client, script: Scripted) -> None:
    """Authorization is never sent to another origin, nor with the calls that sign in."""
    await log_in(client, script)
    for url in ("https://other.example/x", "http://127.0.0.1:8001/x", "https://127.0.0.1:8000/x"):
        script.expect("GET", "/x", headers={"authorization": None}).answer(200)
        await client.request("GET", url)
    script.expect("POST", "/v1/auth/login", headers={"authorization": None}).answer(json=session(2))
    await client.auth.log_in(email="a@b.c", password="x")


async def test_a_call_is_never_repeated_in_anothers_name(client: Client, script: Scripted) -> None:
    """A call that meets 401 while another person signs in is not sent again with the other's token."""
    await log_in(client, script)
    old = await client._tokens.current()
    assert old is not None
    await log_in(client, script, 2, user="u2")
    assert await client._tokens.renewed(old) is None
    await client._tokens.refused(old)
    assert client.auth.user == {"id": "u2", "name": "Ada", "email": "ada@example.org"}


async def test_clients_of_one_vault_share_a_renewal(make: Callable[..., Client], script: Scripted) -> None:
    """Two clients of one vault: the second takes what the first renewed, and no refresh token is used twice."""
    vault = MemoryVault()
    one = make(vault=vault)
    await log_in(one, script)
    other = make(vault=vault)
    assert other.auth.user == one.auth.user
    script.expect("POST", "/v1/auth/refresh", json={"refresh_token": "refresh-1"}).answer(json=session(2))
    await one.auth.refresh()
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    script.expect("GET", PATH, headers=bearing(2)).answer(json=PAGE)
    await other.collection("posts").list()
    script.expect("POST", "/v1/auth/logout").answer(204)
    await one.auth.log_out()
    script.expect("GET", PATH, headers=bearing(2)).refuse("unauthorized")
    with pytest.raises(Unauthorized):
        await other.collection("posts").list()
    assert other.auth.state == SignedOut("elsewhere")


async def test_another_person_in_the_vault_is_not_taken_for_the_same(
    make: Callable[..., Client], script: Scripted
) -> None:
    """Where another process signed in as somebody else, this one follows, and the call under way is not repeated."""
    vault = MemoryVault()
    one = make(vault=vault)
    await log_in(one, script)
    other = make(vault=vault)
    assert isinstance(other.auth.state, SignedIn)
    await log_in(one, script, 2, user="u2")
    script.expect("GET", PATH, headers=bearing(1)).refuse("unauthorized")
    with pytest.raises(Unauthorized):
        await other.collection("posts").list()
    assert other.auth.user == one.auth.user


class Nowhere(MemoryVault):
    """A vault whose place can't be locked, written or cleared."""

    def lock(self) -> NoReturn:
        """Fails."""
        raise VaultError(detail="no place")

    def save(self, data: bytes) -> None:
        """Fails."""
        raise VaultError(detail="no place")

    def clear(self) -> None:
        """Fails."""
        raise VaultError(detail="no place")


async def test_a_vault_without_place_is_loud_and_no_hindrance(
    make: Callable[..., Client], script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the vault has no place the session lasts as long as the process, with a warning each time."""
    client = make(vault=Nowhere())
    await log_in(client, script)
    assert client.auth.user is not None
    script.expect("POST", "/v1/auth/logout").answer(204)
    await client.auth.log_out()
    assert client.auth.state == SignedOut("log_out")
    for text in ("is not shared", "ends with this process", "can't be removed"):
        assert text in caplog.text


async def test_a_vault_that_is_held_too_long_is_an_error(make: Callable[..., Client], script: Scripted) -> None:
    """A renewal never goes on without the lock while another process holds it: that could use a token twice."""

    class Held(MemoryVault):
        is_held = False

        def lock(self) -> AbstractAsyncContextManager[None]:
            if self.is_held:
                raise VaultError(code="vault_busy")
            return super().lock()

    vault = Held()
    client = make(vault=vault)
    await log_in(client, script)
    vault.is_held = True
    with pytest.raises(VaultError):
        await client.auth.refresh()
    assert isinstance(client.auth.state, SignedIn)


async def test_a_session_survives_in_its_file(make: Callable[..., Client], script: Scripted, tmp_path: Path) -> None:
    """A session kept in a file is there again in the next run; another server's is not taken."""
    await log_in(make(store=tmp_path / "app.db"), script)
    again = make(store=tmp_path / "app.db")
    assert isinstance(again.auth.state, SignedIn)
    script.expect("GET", PATH, headers=bearing(1)).answer(json=PAGE)
    await again.collection("posts").list()
    elsewhere = make(url="https://other.example", store=tmp_path / "app.db")
    assert elsewhere.auth.state == SignedOut("never")


async def test_a_tampered_vault_is_a_loud_sign_out(
    make: Callable[..., Client], script: Scripted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A vault that was tampered with, or holds no session, counts as signed out, with a warning, and can be used
    again."""
    vault = FileVault(tmp_path / "v")
    await log_in(make(vault=vault), script)
    sealed = vault.path.read_bytes()
    for broken in (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"oops"):
        vault.path.write_bytes(broken)
        client = make(vault=vault)
        assert client.auth.state == SignedOut("unreadable")
    assert "signed out, because the kept session can't be read" in caplog.text
    vault.save(b"no session")
    assert make(vault=vault).auth.state == SignedOut("unreadable")
    await log_in(client, script)
    assert isinstance(make(vault=vault).auth.state, SignedIn)
    # Broken while a client runs: what it knows is written anew with the next renewal.
    vault.path.write_bytes(b"oops")
    script.expect("POST", "/v1/auth/refresh").answer(json=session(2))
    await client.auth.refresh()
    assert isinstance(make(vault=vault).auth.state, SignedIn)


async def test_a_retry_is_never_in_anothers_name(client: Client, script: Scripted, clock: ManualClock) -> None:
    """Another user on the device never sends the first one's: a call that began for one person is not tried again
    once another has signed in."""
    await log_in(client, script)
    script.expect("POST", "/v1/sync/push", headers=bearing(1)).answer(503, headers={"retry-after": "5"})
    push = asyncio.create_task(client.calls("sync.push", body={}, output=dict))
    for _ in range(20):
        await asyncio.sleep(0)
    await log_in(client, script, 2, user="u2")
    with pytest.raises(Unauthorized, match="Somebody else"):
        await play(clock, _outcome(push))


async def _outcome(task: asyncio.Task[Any]) -> Any:
    return await task
