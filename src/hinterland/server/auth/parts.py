"""The parts that the account operations work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import CompiledCollection
from hinterland.kit.clock import Clock
from hinterland.server.security.keys import Keys
from hinterland.server.security.limits import LoginLimits
from hinterland.server.security.passwords import Passwords
from hinterland.server.security.sessions import Sessions
from hinterland.server.security.tokens import TokenIssuer
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.system import RowAct


class Submit(Protocol):
    """The write path, for writes that no rule judges: all of it happens, or nothing. Raises `PreconditionFailed`."""

    async def __call__(self, writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        """The records after the writes, in order, once they are durable."""
        ...


Wire = Callable[[Principal, StoredRecord, Snapshot], Awaitable[str]]
Holders = Callable[[Snapshot, str], Awaitable[Sequence[tuple[RecordId, int]]]]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What is needed to sign people up, in and out. `wire` gives a record's JSON text as a caller sees it in
    a snapshot, `holders` the id and revision of each user's record with an e-mail address. `name` is the app's, for
    people."""

    storage: Storage
    declared_users: Callable[[], CompiledCollection]
    submit: Submit
    wire: Wire
    holders: Holders
    clock: Clock
    settings: AuthSettings
    keys: Keys
    passwords: Passwords
    sessions: Sessions
    tokens: TokenIssuer
    limits: LoginLimits
    name: str

    @classmethod
    async def open(
        cls,
        storage: Storage,
        declared_users: Callable[[], CompiledCollection],
        submit: Submit,
        wire: Wire,
        holders: Holders,
        clock: Clock,
        settings: AuthSettings,
        name: str = "hinterland",
        auth_fields: Sequence[str] = (),
    ) -> Accounts:
        """The parts, with the keys of this database loaded or made."""
        keys = Keys(storage, clock, settings)
        await keys.load()
        sessions = Sessions(storage, declared_users().collection, clock, auth_fields)
        return cls(
            storage, declared_users, submit, wire, holders, clock, settings, keys, Passwords(settings),
            sessions, TokenIssuer(keys, sessions.find, clock, settings), LoginLimits(settings, clock),
            name,
        )  # fmt: skip

    @property
    def users(self) -> CompiledCollection:
        """The users as they are declared now."""
        return self.declared_users()

    def close(self) -> None:
        """Stop the threads that hash passwords."""
        self.passwords.close()
