"""Accounts: the parts that their operations work with, and their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, Shape
from hinterland.kit.clock import Clock
from hinterland.server.security.keys import Keys
from hinterland.server.security.limits import LoginLimits
from hinterland.server.security.passwords import Passwords
from hinterland.server.security.sessions import Sessions
from hinterland.server.security.tokens import Tokens
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.system import Assigned, Drop, Row, RowAct


class Submit(Protocol):
    """The write path, for writes that no rule judges: all of it happens, or nothing. Raises `LostRace`."""

    async def __call__(self, writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        """The records after the writes, in order, once they are durable."""
        ...


Wire = Callable[[Principal, StoredRecord], str]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is needed to sign people up, in and out. `wire` gives a record's JSON text as a caller sees it."""

    storage: Storage
    users: Shape
    submit: Submit
    wire: Wire
    clock: Clock
    settings: AuthSettings
    keys: Keys
    passwords: Passwords
    sessions: Sessions
    tokens: Tokens
    limits: LoginLimits

    @classmethod
    async def open(
        cls, storage: Storage, users: Collection, submit: Submit, wire: Wire, clock: Clock, settings: AuthSettings
    ) -> Accounts:
        """The parts, with the keys of this database loaded or made."""
        keys = Keys(storage, clock, settings)
        await keys.load()
        sessions = Sessions(storage, users, clock)
        return cls(
            storage, Shape(users), submit, wire, clock, settings, keys, Passwords(settings), sessions,
            Tokens(keys, sessions.find, clock, settings), LoginLimits(settings, clock),
        )  # fmt: skip

    def close(self) -> None:
        """Stop the threads that hash passwords."""
        self.passwords.close()


def new_account(id: str | Assigned, email: str, encoded: str, now: float, *, is_admin: bool = False) -> Row:
    """The row of an account; `email` is comparable."""
    return {"id": id, "email": email, "password": encoded, "roles": "[]", "is_admin": is_admin, "is_disabled": False,
            "created": now}  # fmt: skip


def erasing(account: str) -> list[RowAct]:
    """What goes with a user's record when it is deleted: the account and its sessions."""
    return [Drop("_accounts", {"id": account}), Drop("_sessions", {"account": account})]


async def record_of(accounts: Accounts, snapshot: Snapshot, account: Row) -> StoredRecord | None:
    """The user's record of an account."""
    return await snapshot.record("users", "", accounts.sessions.user_id(account["id"]))
