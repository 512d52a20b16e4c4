"""Log in with e-mail and password. A wrong password and an unknown user are answered alike, and in the same time."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.contract.accounts import Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth.forms import credentials
from hinterland.server.auth.known_addresses import knowing, known_address
from hinterland.server.auth.opening import Opening, answer, open_session, profile
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import Amend, Expect, PreconditionFailed, Row, RowAct


async def log_in(accounts: Accounts, body: object, address: str) -> Session:
    """Check `{email, password}` and begin a session.

    Raises `validation` for a missing field, `invalid_credentials`, `rate_limited`. Administrators sign in elsewhere.
    """
    account, password, known = await authenticate(accounts, body, address, is_admin=False)
    async with accounts.storage.snapshot() as snapshot:
        record = await accounts.sessions.record(snapshot, account)
    if record is None:
        raise wrong()
    opening = await begin(accounts, account, password, known)
    principal = accounts.sessions.principal(account, opening.session)
    return answer(accounts, principal, opening.refresh_token, profile(accounts, principal, record))


async def authenticate(
    accounts: Accounts, body: object, address: str, *, is_admin: bool
) -> tuple[Row, str, list[RowAct]]:
    """The account whose credentials these are, the password, and the rows that make the address known."""
    email, password = credentials(body)
    accounts.limits.check(address)
    async with accounts.storage.snapshot() as snapshot:
        account = await snapshot.row("_accounts", {"email": email})
        known = await known_address(accounts, snapshot, account, address)
    guess = accounts.limits.attempt(email, address, is_known=known is not None)
    try:
        is_right = await accounts.passwords.verify(account["password"] if account else None, password)
    except Refusal:  # too busy to tell
        accounts.limits.undo(guess)
        raise
    if account is None or not is_right or account["is_disabled"] or account["is_admin"] is not is_admin:
        raise wrong()
    accounts.limits.undo(guess)
    return account, password, knowing(accounts, account["id"], address, known)


async def begin(accounts: Accounts, account: Row, password: str, besides: Sequence[RowAct] = ()) -> Opening:
    """Write a new session of the account, and `besides`; its hash too, where today's parameters are others.

    Raises `invalid_credentials` where the password was changed or the account deleted meanwhile.
    """
    opening = open_session(accounts, account["id"])
    unchanged = Expect("_accounts", {"id": account["id"]}, {"password": account["password"], "is_disabled": False})
    acts: list[RowAct] = [unchanged, *await _rehash(accounts, account, password), *opening.acts, *besides]
    try:
        await accounts.submit([], acts)
    except PreconditionFailed:
        raise wrong() from None
    return opening


async def _rehash(accounts: Accounts, account: Row, password: str) -> list[RowAct]:
    if not accounts.passwords.needs_rehash(account["password"]):
        return []
    changed = {"password": await accounts.passwords.encode_again(password)}
    return [Amend("_accounts", {"id": account["id"]}, changed)]


def wrong() -> Refusal:
    """The one answer to whoever may not come in."""
    return Refusal("invalid_credentials")
