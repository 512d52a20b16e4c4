"""The accounts of an app over the real write path, and what tests look at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Integer, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, users
from hinterland.kit.clock import ManualClock
from hinterland.server.auth import totp_enrolment
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import sign_up
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.reader import holders_of
from hinterland.server.data.requests import OF_SYSTEM, WriteRequest
from hinterland.server.data.writer import Writer
from hinterland.server.security import totp
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.system import SYSTEM_TABLES, Amend, RowAct

ADA = {"name": "Ada", "email": "Ada@Example.org", "password": "correct horse battery"}
CREDENTIALS = {"email": "ada@example.org", "password": "correct horse battery"}
FAST = AuthSettings(hash_memory_kib=8, hash_passes=1)
HERE = "192.0.2.1"


def people(ids: str) -> Collection:
    """The users of the app: with a field that need not be filled in and one that has its own check."""
    return users(ids=ids, fields={"age": Integer(minimum=0), "motto": Text(max_length=20)})  # type: ignore[arg-type]


@asynccontextmanager
async def opened(
    storage: Storage,
    clock: ManualClock,
    settings: AuthSettings = FAST,
    ids: str = "integer",
    collection: Collection | None = None,
) -> AsyncIterator[Accounts]:
    """The accounts of one server process on `storage`."""
    collection = collection or people(ids)
    await storage.open()
    await storage.declare([collection])
    catalogue = Catalogue([collection], storage.dialect)
    writer = Writer(storage, catalogue, clock)

    async def submit(writes: Sequence[Write], acts: Sequence[RowAct]) -> Sequence[StoredRecord | None]:
        outcome = await writer.submit(WriteRequest(writes, acts=acts, rights=OF_SYSTEM))
        return [written.after for written in outcome.records]

    async def wire(caller: Principal, record: StoredRecord, source: Snapshot) -> str:
        return catalogue["users"].wire(caller, record)

    holders = holders_of(catalogue, "users", "email")
    accounts = await Accounts.open(storage, lambda: catalogue["users"].shape, submit, wire, holders, clock, settings)
    writer.signal = accounts.tokens.recheck
    await storage.listen(accounts.tokens.recheck, lambda: None)
    try:
        yield accounts
    finally:
        await writer.drain()
        accounts.close()
        await storage.close()


async def refusal(answer: Awaitable[object]) -> Refusal:
    """The refusal that an operation ends with."""
    with pytest.raises(Refusal) as refused:
        await answer
    return refused.value


async def rows(accounts: Accounts, table: str) -> list[dict[str, Any]]:
    """Every row of a system table."""
    async with accounts.storage.snapshot() as snapshot:
        return await snapshot.rows(table, {})


async def everything(accounts: Accounts, without: str = "") -> str:
    """Every system row, but those of the table `without`, every record and log entry, as text."""
    async with accounts.storage.snapshot() as snapshot:
        system = [await snapshot.rows(table.name, {}) for table in SYSTEM_TABLES if table.name != without]
        return repr((system, await snapshot.fetch("SELECT * FROM users"), await snapshot.log(0, 1_000)))


async def change_account(accounts: Accounts, **columns: Any) -> None:
    """Change the columns of the only account."""
    [row] = await rows(accounts, "_accounts")
    await accounts.submit([], [Amend("_accounts", {"id": row["id"]}, columns)])


async def delete_user(accounts: Accounts, user: object) -> None:
    """Delete a user's record, as the REST interface does."""
    await accounts.submit([Write(act="delete", collection="users", id=user)], [])  # type: ignore[arg-type]


class SecondFactor(NamedTuple):
    """A user who signed up and has an authenticator app: the caller, the app's key, the recovery codes."""

    caller: Principal
    key: str
    recovery_codes: list[str]


async def with_second_factor(accounts: Accounts, clock: ManualClock) -> SecondFactor:
    """Sign Ada up and turn her second factor on."""
    caller = await accounts.tokens.verify((await sign_up(accounts, ADA, HERE)).token.encode())
    key = (await totp_enrolment.enrol(accounts, caller, {"password": ADA["password"]})).secret
    made = await totp_enrolment.confirm(accounts, caller, {"code": next_code(key, clock)})
    return SecondFactor(caller, key, made.recovery_codes)


def next_code(key: str, clock: ManualClock) -> str:
    """A code of an authenticator app that was not used yet: time passes until there is one."""
    clock.jump(30)
    return totp.code_at(key, clock.now())


async def challenge_of(accounts: Accounts, address: str = HERE) -> str:
    """The challenge that Ada's password is answered with."""
    required = await refusal(log_in(accounts, CREDENTIALS, address))
    assert (required.code, required.status) == ("challenge_required", 401)
    return str(required.details["challenge"])
