"""Turn a second factor on and off: TOTP, the codes of an authenticator app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hinterland.contract.accounts import RecoveryCodes, TotpSetup
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.server.auth import guesses
from hinterland.server.auth.challenges import forgotten
from hinterland.server.auth.confirmation import changed_meanwhile, confirmed
from hinterland.server.auth.evidence import MFA, OTP, PWD, RECOVERY, TOTP, credential_key, new_credential
from hinterland.server.auth.factors import credentials_of, proof_of, step_acts
from hinterland.server.auth.forms import require, wrong_code
from hinterland.server.auth.identities import email_of
from hinterland.server.auth.parts import Accounts
from hinterland.server.security import totp
from hinterland.server.security.sessions import proved, session_subject
from hinterland.server.storage.system import Amend, Drop, Expect, Invalidation, PreconditionFailed, RowAct


async def enrol(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> TotpSetup:
    """Take `{password}`; the key for an authenticator app, which counts once it is confirmed with a code.

    Raises `unauthorized`, `validation` for a wrong password, `rate_limited`, and `conflict` where it is on already.
    """
    require(fields, ("password",), text=("password",))
    evidence = await confirmed(accounts, principal, fields["password"])
    id, key = evidence.account["id"], totp.new_key()
    async with accounts.storage.snapshot() as snapshot:
        row = await snapshot.row("_credentials", credential_key(id, TOTP))
        email = await email_of(snapshot, id)
    if row is not None and row["confirmed"] is not None:
        raise Refusal("conflict", "two-factor authentication is already on; turn it off before you enrol another app")
    before = Expect("_credentials", credential_key(id, TOTP), None if row is None else {"confirmed": None})
    kept = totp.sealed(accounts.keys.secret("totp"), key, id)
    new = new_credential(id, TOTP, kept, accounts.clock.now(), is_confirmed=False)
    await _submit(accounts, *evidence.acts, before, new)
    return TotpSetup(secret=key, uri=totp.uri_of(key, accounts.name, email or id))


async def confirm(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> RecoveryCodes:
    """Take `{code}` of the app that was enrolled: from now on a log-in asks for one. Recovery codes, shown once.

    Raises `unauthorized`, `validation` for a wrong code, `rate_limited`, and `conflict` where nothing waits for it.
    """
    require(fields, ("code",), text=("code",))
    if not principal.session:
        raise Refusal("unauthorized")
    id, now = str(principal.id), accounts.clock.now()
    async with accounts.storage.snapshot() as snapshot:
        row = await snapshot.row("_credentials", credential_key(id, TOTP))
        await guesses.learn(accounts, snapshot, accounts.limits.session_tallies(principal.session))
    if row is None or row["confirmed"] is not None:
        raise Refusal("conflict", "no authenticator app waits to be confirmed; enrol one first")
    guess = accounts.limits.confirm(principal.session)
    acts = step_acts(accounts, row, fields["code"], confirmed=now)
    if not acts:
        await guesses.failed(accounts, guess)
        raise wrong_code()
    accounts.limits.undo(guess)
    codes = [totp.new_recovery_code() for _ in range(totp.RECOVERY_CODES)]
    kept = [new_credential(id, RECOVERY, "", now, id=totp.recovery_id(code)) for code in codes]
    await _submit(accounts, *acts, Drop("_credentials", {"account": id, "kind": RECOVERY}), *kept,
                  *_raised(principal, now), forgotten(id))  # fmt: skip
    return RecoveryCodes(recovery_codes=codes)


def _raised(principal: Principal, now: float) -> list[RowAct]:
    """The caller's session, which both factors were given for."""
    live = {"id": principal.session, "ended": None}
    changed = Amend("_sessions", live, proved((PWD, OTP, MFA), now))
    return [Expect("_sessions", {"id": principal.session}, {"ended": None}), changed,
            Invalidation(session_subject(principal.session))]  # fmt: skip


async def disable(accounts: Accounts, principal: Principal, fields: Mapping[str, Any]) -> None:
    """Take `{password, code}`: log-in asks for the password alone from now on.

    Raises `unauthorized`, `validation` for a wrong password or code, `rate_limited`, and `conflict` where it is off.
    """
    require(fields, ("password", "code"), text=("password", "code"))
    evidence = await confirmed(accounts, principal, fields["password"])
    id = evidence.account["id"]
    async with accounts.storage.snapshot() as snapshot:
        credentials = await credentials_of(snapshot, id)
    if not any(row["kind"] == TOTP and row["confirmed"] is not None for row in credentials):
        raise Refusal("conflict", "two-factor authentication is not on")
    guess = accounts.limits.confirm(principal.session)
    proof = proof_of(accounts, credentials, fields["code"])
    if not proof:
        await guesses.failed(accounts, guess)
        raise wrong_code()
    accounts.limits.undo(guess)
    gone = [Drop("_credentials", {"account": id, "kind": kind}) for kind in (TOTP, RECOVERY)]
    await _submit(accounts, *evidence.acts, *proof, *gone, forgotten(id))


async def _submit(accounts: Accounts, *acts: RowAct) -> None:
    try:
        await accounts.submit([], acts)
    except PreconditionFailed:
        raise changed_meanwhile() from None
