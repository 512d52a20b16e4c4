"""The addresses from which an account was entered before: guesses from elsewhere don't keep its owner out at them.

Only a keyed digest of the network is kept, for half a year after the last log-in from it.
"""

from __future__ import annotations

import hashlib
import hmac

from hinterland.server.auth.parts import Accounts
from hinterland.server.security.limits import network_of
from hinterland.server.storage.protocol import Snapshot
from hinterland.server.storage.system import Assigned, Put, Row, RowAct

KEPT_SECONDS = 180 * 86_400.0
_DAY = 86_400.0


async def known_address(accounts: Accounts, snapshot: Snapshot, account: Row | None, address: str) -> Row | None:
    """The row of an address that the account knows. It is looked for without an account too, which takes as long."""
    id = account["id"] if account is not None else ""
    row = await snapshot.row("_known_addresses", {"account": id, "address": _digest(accounts, address)})
    return row if row is not None and accounts.clock.now() < row["at"] + KEPT_SECONDS else None


def knowing(accounts: Accounts, account: str | Assigned, address: str, known: Row | None = None) -> list[RowAct]:
    """The row that makes an address known, unless it was written a short while ago."""
    now = accounts.clock.now()
    if known is not None and now < known["at"] + _DAY:
        return []
    return [Put("_known_addresses", {"account": account, "address": _digest(accounts, address), "at": now})]


def _digest(accounts: Accounts, address: str) -> str:
    return hmac.new(accounts.keys.secret("address"), network_of(address).encode(), hashlib.sha256).hexdigest()
