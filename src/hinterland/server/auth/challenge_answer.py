"""Answer a challenge with a second factor, and sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract.accounts import Session
from hinterland.server.auth import guesses
from hinterland.server.auth.challenges import pending
from hinterland.server.auth.evidence import OTP, Evidence
from hinterland.server.auth.factors import credentials_of, proof_of
from hinterland.server.auth.forms import require, wrong_code
from hinterland.server.auth.grants import enter
from hinterland.server.auth.known_addresses import known_address
from hinterland.server.auth.parts import Accounts


async def answer_challenge(
    accounts: Accounts, fields: Mapping[str, Any], address: str, user_agent: str = ""
) -> Session:
    """Take `{challenge, code}`, a TOTP code or a recovery code, and begin the session that the log-in asked for.

    Raises `invalid_challenge` for a challenge that can't be answered, `validation` for a wrong code, `rate_limited`.
    """
    require(fields, ("challenge", "code"), text=("challenge", "code"))
    account, amr, used = await pending(accounts, fields["challenge"])
    async with accounts.storage.snapshot() as snapshot:
        credentials = await credentials_of(snapshot, account["id"])
        known = await known_address(accounts, snapshot, account, address)
        await guesses.learn(accounts, snapshot, accounts.limits.code_tallies(account["id"], address))
    guess = accounts.limits.code(account["id"], address, is_known=known is not None)
    proof = proof_of(accounts, credentials, fields["code"])
    if not proof:
        await guesses.failed(accounts, guess)
        raise wrong_code()
    accounts.limits.undo(guess)
    return await enter(accounts, Evidence(account, (*amr, OTP), (*used, *proof)), address, user_agent)
