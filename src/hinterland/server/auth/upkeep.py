"""What happens to an account when its record in `users` changes: in one transaction, whatever the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import RecordId
from hinterland.contract.operations import path_of
from hinterland.contract.records import Document
from hinterland.server.auth.forms import comparable
from hinterland.server.auth.identities import EMAIL
from hinterland.server.security.sessions import Actor, account_subject, erasing
from hinterland.server.storage.system import Amend, Invalidation, RowAct


class AccountKeeper:
    """What happens to accounts where rules read `auth_fields` of the caller's user record: what `keep_account` says,
    and whatever is remembered of the user is looked up again when one of these fields changes."""

    def __init__(self, auth_fields: Sequence[str]) -> None:
        self._auth_fields = auth_fields

    def __call__(self, id: RecordId, old: Document | None, new: Document | None, by: Actor) -> Sequence[RowAct]:
        """The system rows that change with a users record."""
        acts = keep_account(id, old, new, by)
        if old is None or new is None or all(old.get(name) == new.get(name) for name in self._auth_fields):
            return acts
        return [*acts, Invalidation(account_subject(id))]


def keep_account(id: RecordId, old: Document | None, new: Document | None, by: Actor) -> Sequence[RowAct]:
    """The system rows that change with a users record that was `old` and will be `new`; None: there is none.

    A deleted record also deletes the account. A new e-mail that an administrator sets becomes the one that signs in.
    Users change their own with the password, in an operation of its own: raises `forbidden` (OWASP ASVS 5.0, 7.5).
    Where rules let others write the profile, they change the profile alone.
    """
    if new is None:
        return erasing(str(id))
    before, after = (_signing(document) for document in (old or {}, new))
    if old is None or by == "other" or before == after:
        return ()
    if by == "owner":
        raise _needs_password()
    if after is None:
        return ()
    return [Amend("_identities", {"account": str(id), "provider": EMAIL}, {"subject": after})]


def _signing(document: Document) -> str | None:
    """The e-mail of a users record as it would sign in."""
    email = document.get("email")
    return comparable(email) if isinstance(email, str) else None


def _needs_password() -> Refusal:
    how = f"POST {path_of('auth.email')} with the current password"
    return Refusal(
        "forbidden", f"your own e-mail can't be changed here; use {how}", errors={"email": [f"is changed by {how}"]}
    )
