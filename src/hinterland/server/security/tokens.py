"""Access tokens: short-lived JWTs (RFC 9068), verified strictly, and remembered for as long as they count.

A token that was verified is recognised by its bytes, without verifying its signature again. It counts until it expires,
for `RECHECK` seconds at most before the storage is asked again whether its session still counts, and no longer once a
signal says that the session or the account changed.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.clock import Clock
from hinterland.server.security.keys import ALGORITHM, Keys
from hinterland.server.security.sessions import account_subject, session_subject
from hinterland.server.settings import AuthSettings

# Seconds that two clocks may differ: another node may have dated a token later than it is here. It does not extend a
# token's life, which ends at `exp` (RFC 7519 §4.1.4 allows a leeway and does not require one).
LEEWAY = 60
RECHECK = 5.0  # seconds after which a session that ended elsewhere is noticed without a signal
LONGEST = 8_192  # bytes
_REMEMBERED = 50_000
_LATEST = 2**53
_TYPES = ("at+jwt", "application/at+jwt")

Find = Callable[[str], Awaitable[Principal | None]]
Known = tuple[Principal, float, "Claims"]


class Header(msgspec.Struct, frozen=True):
    """The header of a token; anything `crit` is refused, since we understand none (RFC 7515 §4.1.11)."""

    alg: str
    kid: str
    typ: str
    crit: object = None


class Claims(msgspec.Struct, frozen=True):
    """The claims of a token that are used; numbers are whole seconds since 1970."""

    iss: str
    aud: str
    sub: str
    client_id: str
    sid: str
    jti: str
    iat: int
    exp: int
    nbf: int = 0
    kid: str = ""


class TokenIssuer:
    """Signs and verifies access tokens."""

    def __init__(self, keys: Keys, find: Find, clock: Clock, settings: AuthSettings) -> None:
        self._keys = keys
        self._find = find
        self._clock = clock
        self._monotonic = clock.monotonic
        self._settings = settings
        self._known: dict[bytes, Known] = {}
        self._tokens_of: dict[str, set[bytes]] = {}
        self._signals = 0

    def issue(self, principal: Principal) -> str:
        """A new token for a signed-in caller."""
        now = int(self._clock.now())
        key = self._keys.signing
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": _TYPES[0]}
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(principal.id),
            "client_id": principal.client,
            "sid": principal.session,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + self._settings.access_token_seconds,
            "auth_time": principal.auth_time,
            "acr": principal.acr,
            "amr": list(principal.amr),
            "roles": list(principal.roles),
        }
        if principal.is_admin:
            claims["adm"] = True
        return jwt.encode(header, claims, key.key, algorithms=[ALGORITHM])

    def cached(self, token: bytes) -> Principal | None:
        """The caller of a token that was verified a moment ago; None: `verify` it."""
        known = self._known.get(token)
        return known[0] if known is not None and self._monotonic() < known[1] else None

    async def verify(self, token: bytes) -> Principal:
        """The caller of a token. Raises the `unauthorized` refusal, whatever is wrong with it."""
        if (principal := self.cached(token)) is not None:
            return principal
        known = self._known.get(token)
        claims = known[2] if known is not None and self._keys.has(known[2].kid) else await self._claims(token)
        self._check_times(claims)
        asked = self._monotonic()
        principal = await self._current(claims.sid)
        if principal is None or str(principal.id) != claims.sub:
            self._forget(token)
            raise Refusal("unauthorized", "the session has ended; sign in again")
        self._remember(token, principal, claims, asked)
        return principal

    async def _current(self, session: str) -> Principal | None:
        """The caller behind a session as it is after the last signal, which may come while the storage is asked."""
        while True:
            signals = self._signals
            principal = await self._find(session)
            if signals == self._signals:
                return principal

    def recheck(self, subject: str) -> None:
        """A session or account changed: the storage is asked again before one of its tokens counts."""
        self._signals += 1
        for token in [*self._tokens_of.get(subject, ())]:
            self._forget(token)

    async def _claims(self, token: bytes) -> Claims:
        header = _header(token)
        key = await self._keys.find(header.kid)
        if key is None:
            raise _bad("its signing key is unknown or retired")
        try:
            decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
            claims = msgspec.convert({**decoded.claims, "kid": header.kid}, Claims, strict=True)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise _bad("its signature or its claims are not valid") from None
        if claims.iss != self._settings.issuer or claims.aud != self._settings.audience:
            raise _bad("it was made by or for another service")
        if not all(0 <= instant < _LATEST for instant in (claims.iat, claims.exp, claims.nbf)):
            raise _bad("its times are not valid")
        return claims

    def _check_times(self, claims: Claims) -> None:
        now = self._clock.now()
        if now >= claims.exp:
            raise Refusal("unauthorized", "the access token has expired; renew it")
        if now < max(claims.nbf, claims.iat) - LEEWAY:
            raise _bad("it is not valid yet; check the clocks of both machines")

    def _remember(self, token: bytes, principal: Principal, claims: Claims, asked: float) -> None:
        """Accept the token for as long as it counts; the storage was asked at `asked` or later."""
        if token not in self._known and len(self._known) >= _REMEMBERED:
            self._forget(next(iter(self._known)))
        left = claims.exp - self._clock.now()
        self._known[token] = (principal, min(asked + RECHECK, self._monotonic() + left), claims)
        for subject in _subjects(claims):
            self._tokens_of.setdefault(subject, set()).add(token)

    def _forget(self, token: bytes) -> None:
        known = self._known.pop(token, None)
        for subject in _subjects(known[2]) if known is not None else ():
            tokens = self._tokens_of[subject]
            tokens.discard(token)
            if not tokens:
                del self._tokens_of[subject]


def _subjects(claims: Claims) -> tuple[str, str]:
    return session_subject(claims.sid), account_subject(claims.sub)


def _header(token: bytes) -> Header:
    """The header, before anything is verified: only what we sign ourselves goes further."""
    if len(token) > LONGEST:
        raise _bad("it is too long")
    try:
        encoded = token.split(b".", 1)[0]
        header = msgspec.json.decode(base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)), type=Header)
    except (msgspec.MsgspecError, binascii.Error, ValueError, RecursionError):
        raise _bad("it is not a token of this server") from None
    if header.alg != ALGORITHM or header.typ.lower() not in _TYPES or header.crit is not None:
        raise _bad("it is not an access token of this server")
    return header


def _bad(why: str) -> Refusal:
    return Refusal("unauthorized", f"the access token is not valid: {why}")
