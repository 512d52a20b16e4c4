"""Access tokens: short-lived JWTs (RFC 9068), verified strictly, and remembered for as long as they count.

A token that was verified is known again by its bytes, without its signature being computed. It is forgotten when it
expires or its session ends; every few seconds the storage is asked whether the session still counts, since
another process may have ended it.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.clock import Clock
from hinterland.server.security.keys import ALGORITHM, Keys
from hinterland.server.settings import AuthSettings

LEEWAY = 60  # seconds that two clocks may differ (RFC 8725 has no figure; RFC 7519 §4.1.4 says a few minutes at most)
RECHECK = 10.0
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
    """What a token says, as far as it is used; numbers are whole seconds since 1970."""

    iss: str
    aud: str
    sub: str
    sid: str
    jti: str
    iat: int
    exp: int
    nbf: int = 0
    kid: str = ""


class Tokens:
    """Signs and verifies access tokens. `on_end` is called with each session that ends in this process."""

    def __init__(self, keys: Keys, find: Find, clock: Clock, settings: AuthSettings) -> None:
        self._keys = keys
        self._find = find
        self._clock = clock
        self._monotonic = clock.monotonic
        self._settings = settings
        self._known: dict[bytes, Known] = {}
        self._of_session: dict[str, set[bytes]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.on_end: list[Callable[[str], None]] = []

    def issue(self, principal: Principal) -> str:
        """A new token for a signed-in caller."""
        now = int(self._clock.now())
        key = self._keys.signing
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": _TYPES[0]}
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(principal.id),
            "sid": principal.session,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + self._settings.access_token_seconds,
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
        principal = await self._find(claims.sid)
        if principal is None or str(principal.id) != claims.sub or claims.sid in self._ended:
            self._forget(token, claims.sid)
            raise Refusal("unauthorized", "the session has ended: sign in again")
        self._remember(token, principal, claims)
        return principal

    def revoke(self, session: str) -> None:
        """The session has ended: its tokens are worth nothing from now on, one just being verified included."""
        for token in self._of_session.pop(session, ()):
            self._known.pop(token, None)
        self._ended[session] = None
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)
        for call in self.on_end:
            call(session)

    async def _claims(self, token: bytes) -> Claims:
        header = _header(token)
        key = await self._keys.find(header.kid)
        if key is None:
            raise _bad("it was signed with a key that is not, or no longer, in use")
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
        if now >= claims.exp + LEEWAY:
            raise Refusal("unauthorized", "the access token has expired: renew it")
        if now < max(claims.nbf, claims.iat) - LEEWAY:
            raise _bad("it is not valid yet; are the clocks right?")

    def _remember(self, token: bytes, principal: Principal, claims: Claims) -> None:
        if token not in self._known and len(self._known) >= _REMEMBERED:
            oldest = next(iter(self._known))
            self._forget(oldest, self._known[oldest][2].sid)
        left = claims.exp + LEEWAY - self._clock.now()
        self._known[token] = (principal, self._monotonic() + min(RECHECK, left), claims)
        self._of_session.setdefault(claims.sid, set()).add(token)

    def _forget(self, token: bytes, session: str) -> None:
        self._known.pop(token, None)
        tokens = self._of_session.get(session, set())
        tokens.discard(token)
        if not tokens:
            self._of_session.pop(session, None)


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
