"""Bodies of the account operations."""

from __future__ import annotations

import msgspec
import pytest

from hinterland.contract.accounts import Credentials, RefreshRequest, Registration, Session

BODIES = [
    Registration(email="ada@example.org", password="hidden!"),
    Credentials(email="ada@example.org", password="hidden!"),
    RefreshRequest(refresh_token="hidden!"),
    Session(
        token="hidden!", access_token="hidden!", refresh_token="hidden!", token_type="Bearer", expires_in=9, user={}
    ),
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_secrets_are_not_shown(body: msgspec.Struct) -> None:
    """Planted tokens and passwords appear in no log: a body's text leaves them out, and still says what it is."""
    assert "hidden!" not in repr(body)
    assert repr(body).startswith(type(body).__name__)
    assert b"hidden!" in msgspec.json.encode(body)
