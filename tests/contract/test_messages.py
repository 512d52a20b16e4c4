"""The bodies of accounts, events and sync come back from JSON as they were."""

from __future__ import annotations

import msgspec
import pytest

from hinterland.contract import accounts, events, sync
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal

MESSAGES: list[msgspec.Struct] = [
    accounts.Registration(email="a@b.c", password="p"),
    accounts.Credentials(email="a@b.c", password="p"),
    accounts.RefreshRequest(refresh_token="r"),
    accounts.Session(token="t", access_token="t", refresh_token="r", token_type="Bearer", expires_in=1, user={"id": 7}),
    events.ChangeEvent(kind="left", collection="posts", id="a"),
    events.Commit(
        revision=2,
        changes=[events.ChangeEvent(kind="create", collection="posts", id=7, revision=2, record={"id": 7})],
    ),
    events.Resync(reason="horizon"),
    events.Ticket(ticket="t", expires_in=30),
    sync.Push(device="d", mutations=[sync.Mutation(seq=1, id="m", writes=[Write(act="delete", collection="a", id=1)])]),
    sync.PushResult(
        results=[
            sync.Settled(seq=1, status="applied", revision=3, ids={0: 7}, lost=[sync.Lost("title", "x", "y")]),
            sync.Settled(seq=2, status="refused", problem=Refusal("forbidden").problem()),
        ],
        settled=2,
    ),
    sync.Pull(collections=["posts"]),
    sync.PullResult(changes=[], cursor="c", restart=["posts"], complete=["posts"], reason="rules", settled=2),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: msgspec.Struct) -> None:
    """What one side says is what the other understands."""
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message


def test_a_left_event_carries_the_id_alone() -> None:
    """What left the caller's view says nothing but which record it was."""
    assert msgspec.json.encode(MESSAGES[4]) == b'{"kind":"left","collection":"posts","id":"a"}'
