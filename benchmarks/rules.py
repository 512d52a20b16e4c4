"""Shows before the measurement that the rules work on both servers: who is in no list of members gets nothing."""

from __future__ import annotations

from benchmarks.dataset import comparable, row_id
from benchmarks.http1 import ask
from benchmarks.peers import Peer, User
from benchmarks.works import expect

REFUSED = (400, 401, 403, 404)


def check_rules(peer: Peer) -> None:
    """A member may create and read; somebody who is not in the list may not. Raises WrongAnswer."""
    member, outsider = peer.members[0], peer.outsider
    before = peer.count_notes()
    expect(peer, "a stranger's insert is refused", True, _create(peer, outsider) in REFUSED)
    expect(peer, "a stranger's read is refused", True, _read(peer, outsider)[0] in REFUSED)
    expect(peer, "a member's insert", True, _create(peer, member) in (200, 201))
    expect(peer, "a member's read", (200, comparable(peer.dataset.row(0))), _read(peer, member))
    expect(peer, "notes", before + 1, peer.count_notes())


def _create(peer: Peer, user: User) -> int:
    body = peer.dataset.row(peer.dataset.rows)
    return ask(peer.port, "POST", peer.records_path("notes"), body, peer.authorization(user))[0]


def _read(peer: Peer, user: User) -> tuple[int, object]:
    path = f"{peer.records_path('articles')}/{row_id(0)}"
    status, answer = ask(peer.port, "GET", path, headers=peer.authorization(user))
    return status, comparable(answer) if status == 200 else answer
