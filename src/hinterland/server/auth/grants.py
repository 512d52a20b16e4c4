"""The one end of every way to sign in: evidence becomes a session, or a challenge for more evidence."""

from __future__ import annotations

from hinterland.contract.accounts import Session
from hinterland.contract.errors import Refusal
from hinterland.server.auth.challenges import new_challenge
from hinterland.server.auth.evidence import Evidence, FactorNeeded, decide
from hinterland.server.auth.factors import enrolled
from hinterland.server.auth.known_addresses import knowing, known_address
from hinterland.server.auth.opening import answer, open_session
from hinterland.server.auth.owners import owner_of, shown
from hinterland.server.auth.parts import Accounts
from hinterland.server.storage.system import PreconditionFailed


async def enter(accounts: Accounts, evidence: Evidence, address: str, user_agent: str) -> Session:
    """Begin a session of the evidence's account.

    Raises `challenge_required` where the account asks for a second factor, and `invalid_credentials` where it may not
    sign in or the evidence was changed meanwhile.
    """
    id = evidence.account["id"]
    async with accounts.storage.snapshot() as snapshot:
        owner = await owner_of(accounts, snapshot, evidence.account)
        kinds = await enrolled(snapshot, id)
        known = await known_address(accounts, snapshot, evidence.account, address)
    if owner is None:
        raise wrong_credentials()
    decision = decide(evidence.amr, kinds)
    try:
        if isinstance(decision, FactorNeeded):
            row, refusal = new_challenge(accounts, evidence, decision)
            await accounts.submit([], [*evidence.acts, row])
            raise refusal
        opening = open_session(accounts, id, decision.amr, address, user_agent)
        await accounts.submit([], [*evidence.acts, *opening.acts, *knowing(accounts, id, address, known)])
    except PreconditionFailed:
        raise wrong_credentials() from None
    principal = accounts.sessions.principal(owner.account, opening.session, owner.record)
    return answer(accounts, principal, opening.refresh_token, await shown(accounts, owner, principal))


def wrong_credentials() -> Refusal:
    """The one response to a caller who may not sign in."""
    return Refusal("invalid_credentials")
