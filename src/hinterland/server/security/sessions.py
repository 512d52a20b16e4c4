"""Sessions: who is behind one now, asked of the storage, never taken from a token's word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

import msgspec

from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import Collection
from hinterland.kit.clock import Clock
from hinterland.server.storage.protocol import Snapshot, Storage, StoredRecord
from hinterland.server.storage.system import Assigned, Drop, Invalidation, Put, Row, RowAct

Actor = Literal["system", "owner", "other"]
"""Who changes a user's record: an administrator or the server itself, the user, or a caller whom the rules allow it."""
ADMIN = "admin/"  # begins the id of an account without a record; no record's id has a slash
APP = "app"  # the client_id of the app's own sessions (RFC 9068 §2.2)
LABEL_LENGTH = 200


class Sessions:
    """Looks sessions up. A session counts while it has not ended or expired and its account may sign in.

    `auth_fields` are the fields of the user's record that rules read of the caller.
    """

    def __init__(self, storage: Storage, users: Collection, clock: Clock, auth_fields: Sequence[str] = ()) -> None:
        self._storage = storage
        self._auth_fields = auth_fields
        self._has_integer_ids = users.ids == "integer"
        self._clock = clock

    async def find(self, session: str) -> Principal | None:
        """The caller whose session this is; None where it has ended."""
        async with self._storage.snapshot() as snapshot:
            row = await snapshot.row("_sessions", {"id": session})
            if row is None or not is_live(row, self._clock.now()):
                return None
            account = await snapshot.row("_accounts", {"id": row["account"]})
            if account is None or account["is_disabled"]:
                return None
            record = await self.record(snapshot, account)
        return None if record is None and not account["is_admin"] else self.principal(account, row, record)

    async def record(self, snapshot: Snapshot, account: Row) -> StoredRecord | None:
        """The user's record of an account; administrators have none."""
        if account["id"].startswith(ADMIN):
            return None
        return await snapshot.record("users", "", self._user_id(account["id"]))

    def _user_id(self, account: str) -> RecordId:
        return int(account) if self._has_integer_ids and not account.startswith(ADMIN) else account

    def principal(self, account: Row, session: Row, record: StoredRecord | None) -> Principal:
        """The caller that an account, with its user's record, is in one of its sessions."""
        return Principal(
            id=self._user_id(account["id"]),
            roles=tuple(json.loads(account["roles"])),
            session=session["id"],
            is_admin=account["is_admin"],
            client=session["client"],
            acr=session["acr"],
            amr=tuple(json.loads(session["amr"])),
            auth_time=int(session["auth_time"]),
            fields=auth_fields_of(record, self._auth_fields) if record is not None else "",
        )


def auth_fields_of(record: StoredRecord, names: Sequence[str]) -> str:
    """The fields `names` of a user's record, as a principal has them."""
    if not names:
        return ""
    document = json.loads(record.body) | json.loads(record.private or "{}")
    return msgspec.json.encode({name: document.get(name) for name in names}).decode()


def new_session(
    id: str,
    account: str | Assigned,
    now: float,
    lifetime: float,
    *,
    amr: Sequence[str] = ("pwd",),
    address: str = "",
    label: str = "",
) -> Row:
    """The row of a session that begins now, by evidence of the methods `amr` (RFC 8176)."""
    return {
        "id": id, "account": account, "created": now, "expires": now + lifetime, "ended": None, "label": label,
        "client": APP, "address": address, "last_used": now, **proved(amr, now),
    }  # fmt: skip


def proved(amr: Sequence[str], now: float) -> Row:
    """The columns of a session that say which evidence was given, and when.

    `acr` is the authenticator assurance level of NIST SP 800-63B: aal2 with a second factor, else aal1.
    """
    return {"acr": "aal2" if "mfa" in amr else "aal1", "amr": json.dumps(list(amr)), "auth_time": now}


def label_of(user_agent: str) -> str:
    """A User-Agent as it is kept for people: its first 200 characters, without those that don't print."""
    return "".join(char for char in user_agent[:LABEL_LENGTH] if char.isprintable()).strip()


def session_subject(session: str) -> str:
    """What a signal about a session names."""
    return f"session:{session}"


def account_subject(account: object) -> str:
    """What a signal about an account, by its id, names."""
    return f"account:{account}"


_KEPT = ("_identities", "_credentials", "_challenges", "_sessions", "_tickets", "_devices", "_results", "_mutations",
         "_stand_ins", "_known_addresses", "_channel_messages")  # fmt: skip


def key_owner(id: object, *, is_admin: bool) -> str:
    """The name under which the answers of an account's idempotency keys are kept; no user has an administrator's."""
    return f"{ADMIN}{id}" if is_admin else str(id)


def erasing(account: str) -> list[RowAct]:
    """The rows of an account that is deleted, with its sessions, which end everywhere, and all that is kept for it.

    Maintenance deletes refresh tokens without a session, which are worth nothing, and the account's id from the log.
    """
    kept = [Drop(table, {"account": account}) for table in _KEPT]
    return [
        Drop("_accounts", {"id": account}),
        *kept,
        Drop("_answers", {"caller": key_owner(account, is_admin=account.startswith(ADMIN))}),
        Put("_erasures", {"account": account}),
        Invalidation(account_subject(account)),
    ]


def is_live(session: Row | None, now: float) -> bool:
    """Whether a session has neither ended nor expired."""
    return session is not None and session["ended"] is None and now < session["expires"]
