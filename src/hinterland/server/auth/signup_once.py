"""A sign-up with an idempotency key: repeated, its response is the user that it created, and it creates no other.

Tokens and passwords are not kept for that. A repetition is recognised by a keyed digest of the form without its
password, must give the right password again, and begins a new session.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from hinterland.contract.accounts import Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth.login import log_in
from hinterland.server.auth.parts import Accounts
from hinterland.server.auth.signup import REGISTERED, sign_up
from hinterland.server.storage.system import Expect, Put, Row, RowAct

_CALLER = "signup/"  # whose the key is: no user's id has a slash
_encode = msgspec.json.Encoder(order="sorted").encode


async def sign_up_once(
    accounts: Accounts, given: Mapping[str, Any], key: str, address: str, user_agent: str = ""
) -> tuple[Session, bool]:
    """`sign_up` with a key; and whether it is a repetition. Raises `key_reused` for another form or password too."""
    name = {"caller": _CALLER, "key": key}
    row = {**name, "fingerprint": _fingerprint(accounts, given), "status": 201, "body": b"", "revision": 0,
           "at": accounts.clock.now()}  # fmt: skip
    if (session := await _repeated(accounts, row, given, address, user_agent)) is not None:
        return session, True
    answered: list[RowAct] = [Expect("_answers", name, None), Put("_answers", row)]
    try:
        return await sign_up(accounts, given, address, user_agent, answered), False
    except Refusal as refusal:  # the same request may have come first over another connection
        session = await _repeated(accounts, row, given, address, user_agent) if refusal.code == "conflict" else None
        if session is None:
            raise
        return session, True


async def _repeated(
    accounts: Accounts, row: Row, given: Mapping[str, Any], address: str, user_agent: str
) -> Session | None:
    known = await accounts.storage.row("_answers", {"caller": row["caller"], "key": row["key"]})
    if known is None or not isinstance(given.get("password"), str):  # `sign_up` refuses the latter
        return None
    if known["fingerprint"] != row["fingerprint"]:
        raise _reused()
    try:
        credentials = {"email": given["email"], "password": given["password"]}
        session = await log_in(accounts, credentials, address, user_agent)
    except Refusal as refusal:
        if refusal.code == "invalid_credentials":
            raise _reused() from None
        raise
    return msgspec.structs.replace(session, message=REGISTERED)


def _fingerprint(accounts: Accounts, given: Mapping[str, Any]) -> str:
    fields = {name: value for name, value in given.items() if "password" not in name.casefold()}
    return hmac.new(accounts.keys.secret("signup"), _encode(fields), hashlib.sha256).hexdigest()


def _reused() -> Refusal:
    return Refusal("key_reused", "this idempotency key was used for another sign-up; use a new one")
