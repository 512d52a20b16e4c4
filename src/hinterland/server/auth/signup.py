"""Sign up: a user's record, the account and its first session, in one write.

Open sign-up can't hide who has an account: a taken e-mail is answered with 409.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hinterland.contract.accounts import Session
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.records import META
from hinterland.server.auth import guesses
from hinterland.server.auth.evidence import PWD
from hinterland.server.auth.forms import comparable, email_problems, require
from hinterland.server.auth.identities import account_by_email, email_of
from hinterland.server.auth.known_addresses import knowing
from hinterland.server.auth.opening import answer, new_account, open_session, registered
from hinterland.server.auth.owners import profile
from hinterland.server.auth.parts import Accounts
from hinterland.server.security.sessions import erasing
from hinterland.server.storage import failures
from hinterland.server.storage.protocol import StoredRecord
from hinterland.server.storage.system import ASSIGNED, PreconditionFailed, RowAct

RELEASED = "%s@released.invalid"
_TRIES = 5
REGISTERED = "User registered successfully"


async def sign_up(
    accounts: Accounts, given: Mapping[str, Any], address: str, user_agent: str = "", more: Sequence[RowAct] = ()
) -> Session:
    """Register `{name, email, password, …fields of users}`; `more` are rows that are written with it.

    Raises `validation` with all errors by field, `conflict` for a taken e-mail, `password_policy`, `rate_limited`.
    """
    await guesses.count_signup(accounts, address)
    fields = _checked(accounts, given)
    email = comparable(given["email"])
    stale = await _leftovers(accounts, email)
    encoded = await accounts.passwords.encode(given["password"])
    opening = open_session(accounts, ASSIGNED, (PWD,), address, user_agent)
    row = new_account(ASSIGNED, accounts.clock.now())
    known = knowing(accounts, ASSIGNED, address)
    acts = [*stale, *registered(row, email, encoded), *opening.acts, *known, *more]
    create = Write(act="create", collection="users", body=fields)
    record = await _write(accounts, email, create, acts)
    principal = accounts.sessions.principal({**row, "id": str(record.id)}, opening.session, record)
    return answer(accounts, principal, opening.refresh_token, await profile(accounts, principal, record), REGISTERED)


def _checked(accounts: Accounts, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the user's record, without the password."""
    needed = [name for name, field in accounts.users.collection.fields.items() if field.required]
    require(given, dict.fromkeys([*needed, "email", "password"]), text=("email", "password"))
    fields = {name: value for name, value in given.items() if name not in ("email", "password", *META)}
    if "email" in accounts.users.names:
        fields["email"] = given["email"].strip()
    email = {"email": email_problems(given["email"])}
    password = {"password": accounts.passwords.problems(given["password"])}
    problems = email | _field_problems(accounts, fields) | accounts.users.readonly_violations(fields, {}) | password
    if errors := {name: messages for name, messages in problems.items() if messages}:
        raise invalid(errors)
    return {name: value for name, value in fields.items() if name not in accounts.users.admin_only}


def _field_problems(accounts: Accounts, fields: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        accounts.users.new(fields)
    except Refusal as refusal:
        return refusal.errors
    return {}


async def _leftovers(accounts: Accounts, email: str) -> list[RowAct]:
    """The rows that a deleted user of this e-mail left. Raises `conflict` where the user still exists."""
    async with accounts.storage.snapshot() as snapshot:
        account = await account_by_email(snapshot, email)
        if account is None:
            return []
        exists = account["is_admin"] or await accounts.sessions.record(snapshot, account)
    if exists:
        raise taken()
    return erasing(account["id"])


async def submit_with_email(
    accounts: Accounts, email: str, writes: Sequence[Write], acts: Sequence[RowAct]
) -> Sequence[StoredRecord | None]:
    """Write what gives `email` to an account, and what frees it elsewhere; the records after `writes`.

    Raises `PreconditionFailed`, what the writes are refused with, and `unavailable` where the profiles that had it
    change again and again."""
    for _ in range(_TRIES):
        released = await _releasing(accounts, email)
        try:
            return (await accounts.submit([*released, *writes], acts))[len(released) :]
        except Refusal as refusal:
            if refusal.code != "stale":
                raise  # else a profile changed after it was read: look again
    raise Refusal("unavailable", "this e-mail address is changed at the same time; retry shortly", retry_after=1.0)


async def _releasing(accounts: Accounts, email: str) -> list[Write]:
    """What frees `email` in the profiles of others, who do not sign in with it.

    A profile that nobody signed up for can't prove its address, so that it must not keep the owner from it; nor is it
    linked to the account of the caller who signs up. It gets an address that reaches nobody (RFC 2606 §2), or its
    account's.
    """
    if "email" not in accounts.users.names:
        return []
    async with accounts.storage.snapshot() as snapshot:
        holders = [
            (id, revision, await email_of(snapshot, str(id)))
            for id, revision in await accounts.holders(snapshot, email)
        ]
    return [
        Write(act="patch", collection="users", id=id, body={"email": own or RELEASED % id}, revision=revision)
        for id, revision, own in holders
        if own != email
    ]


async def _write(accounts: Accounts, email: str, create: Write, acts: list[RowAct]) -> StoredRecord:
    try:
        [record] = await submit_with_email(accounts, email, [create], acts)
    except PreconditionFailed:
        raise taken() from None
    except Refusal as refusal:
        if refusal.code == "conflict" and "email" in refusal.errors:
            raise taken() from None
        raise
    assert record is not None
    return record


def taken() -> Refusal:
    """The refusal of an e-mail address that signs in to another account."""
    return Refusal(
        "conflict",
        "an account has this e-mail address; log in, or use another address",
        errors=failures.unique("email").errors,
    )
