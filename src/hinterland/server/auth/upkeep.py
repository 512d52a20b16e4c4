"""What happens to an account when its record in `users` changes: in one transaction, whatever the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document
from hinterland.server.auth.forms import comparable
from hinterland.server.security.sessions import erasing
from hinterland.server.storage.system import Amend, RowAct


def keep_account(id: RecordId, old: Document | None, new: Document | None, *, is_own: bool) -> Sequence[RowAct]:
    """The system rows that go with a users record that was `old` and will be `new`; None: there is none.

    A deleted record takes the account along. A new e-mail becomes the one that signs in where the change `is_own`: the
    person's, or an administrator's. Where rules let others write the profile, they change the profile alone.
    """
    if new is None:
        return erasing(str(id))
    email = new.get("email")
    if old is None or not is_own or not isinstance(email, str) or email == old.get("email"):
        return ()
    return [Amend("_accounts", {"id": str(id)}, {"email": comparable(email)})]
