"""Who calls, whatever the protocol."""

from __future__ import annotations

import pytest

from hinterland.contract.identity import SIGNED_OUT
from hinterland.server.callers import LOCAL_ADMINISTRATOR, bearer, caller_of
from tests.server.api import Api, problem


@pytest.mark.parametrize("path", ["/v1/records/things", "/v1/events?collection=things"])
@pytest.mark.parametrize("given", ["Bearer", "Bearer ", "Basic abc", "Bearer x y", "bearer nonsense", "nonsense"])
async def test_tokens_that_are_none(api: Api, path: str, given: str) -> None:
    """A wrong Authorization header is refused where it is read, with what is wrong, in every protocol alike."""
    answer = await api("GET", path, headers={"Authorization": given})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_a_token_in_the_query(api: Api) -> None:
    """A query's token is no token."""
    missing = await api("GET", "/v1/auth/me?access_token=x")
    problem(missing, 401, "unauthorized")
    assert missing.headers["www-authenticate"] == "Bearer"


async def test_who_is_behind_a_token(api: Api) -> None:
    """A token is its user's; that of the commands on this machine is an administrator's."""
    ada = await api.sign_up("ada")
    caller = await caller_of(api.backend, ada["headers"]["Authorization"].encode())
    assert (caller.id, caller.is_admin, caller is SIGNED_OUT) == (ada["user"]["id"], False, False)
    assert await caller_of(api.backend, api.admin["Authorization"].encode()) is LOCAL_ADMINISTRATOR


def test_a_bare_token() -> None:
    """A tutorial's path takes a token without the word Bearer."""
    assert bearer(b"abc", is_alias=True) == bearer(b"bearer  abc", is_alias=False) == b"abc"
