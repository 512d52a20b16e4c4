"""Access tokens: what is refused, and how long a verified one is believed."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.clock import ManualClock, SystemClock
from hinterland.server.security import tokens as tokens_module
from hinterland.server.security.keys import Keys
from hinterland.server.security.sessions import account_subject, session_subject
from hinterland.server.security.tokens import LEEWAY, RECHECK, TokenIssuer
from hinterland.server.settings import AuthSettings
from hinterland.server.storage.sqlite import SqliteStorage

Forge = Callable[..., bytes]

ADA = Principal(42, ("editor",), "session-1")
GONE = "the session has ended; sign in again"


class Directory:
    """Who is behind which session, and how often that was asked."""

    def __init__(self) -> None:
        self.live: dict[str, Principal] = {ADA.session: ADA}
        self.asked = 0
        self.reached = asyncio.Event()
        self.gate: asyncio.Event | None = None

    async def find(self, session: str) -> Principal | None:
        self.asked += 1
        found = self.live.get(session)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        return found


@pytest.fixture
def directory() -> Directory:
    return Directory()


@pytest.fixture
async def keys(tmp_path: Path, clock: ManualClock, settings: AuthSettings) -> AsyncIterator[Keys]:
    storage = SqliteStorage(tmp_path / "data")
    await storage.open()
    made = Keys(storage, clock, settings)
    await made.load()
    yield made
    await storage.close()


@pytest.fixture
def tokens(keys: Keys, directory: Directory, clock: ManualClock, settings: AuthSettings) -> TokenIssuer:
    return TokenIssuer(keys, directory.find, clock, settings)


@pytest.fixture
def forge(keys: Keys, clock: ManualClock) -> Forge:
    """A token signed with the server's own key, whose header and claims are as asked; None leaves one out."""

    def make(header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> bytes:
        now = int(clock.now())
        whole = {
            "iss": "hinterland", "aud": "hinterland", "sub": "42", "client_id": "app", "sid": "session-1",
            "jti": "j", "iat": now, "exp": now + 900, "roles": [], **claims,
        }  # fmt: skip
        head = {"alg": "ES256", "kid": keys.signing.kid, "typ": "at+jwt", **(header or {})}
        head, whole = ({name: v for name, v in part.items() if v is not None} for part in (head, whole))
        return signed(head, whole, key or keys.signing.key)

    return make


def signed(header: object, claims: object, key: ECKey) -> bytes:
    """A token with an ES256 signature (RFC 7518 §3.4), whatever it holds: a library would refuse to make most."""
    text = encoded(header) + b"." + encoded(claims)
    assert key.private_key is not None
    r, s = decode_dss_signature(key.private_key.sign(text, ec.ECDSA(hashes.SHA256())))
    return text + b"." + encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def encoded(part: object) -> bytes:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


async def refusal_of(tokens: TokenIssuer, token: bytes) -> str:
    with pytest.raises(Refusal) as refused:
        await tokens.verify(token)
    assert (refused.value.code, refused.value.status) == ("unauthorized", 401)
    assert tokens.cached(token) is None
    return refused.value.message


async def test_a_token_tells_who_calls(tokens: TokenIssuer) -> None:
    """The token that was issued brings back its caller, with the id in the users' own kind."""
    assert await tokens.verify(tokens.issue(ADA).encode()) == ADA


async def test_a_token_is_what_rfc_9068_says(tokens: TokenIssuer, keys: Keys, clock: ManualClock) -> None:
    """A token has typ at+jwt and all that RFC 9068 §2.2 requires, client_id among it; which methods signed its owner in
    and when (acr, amr, auth_time); sid and roles; administrators' say so."""
    now = int(clock.now())
    caller = Principal("admin/1", (), "s", is_admin=True, client="app", acr="aal1", amr=("pwd",), auth_time=now - 5)
    head, claims, _ = tokens.issue(caller).split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {
        "alg": "ES256", "kid": keys.signing.kid, "typ": "at+jwt",
    }  # fmt: skip
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert len(said.pop("jti")) == 22
    assert said == {
        "iss": "hinterland", "aud": "hinterland", "sub": "admin/1", "client_id": "app", "sid": "s", "iat": now,
        "exp": now + 900, "auth_time": now - 5, "acr": "aal1", "amr": ["pwd"], "roles": [], "adm": True,
    }  # fmt: skip


async def test_rights_come_from_the_account_and_not_from_the_token(tokens: TokenIssuer, forge: Forge) -> None:
    """Roles and administrators' rights are those that the account has now, whatever the token says."""
    assert await tokens.verify(forge(roles=["owner"], adm=True)) == ADA


async def test_another_algorithm_is_refused(tokens: TokenIssuer, keys: Keys, forge: Forge) -> None:
    """Alg none, HS256 signed with a public key, alg unlike the key's → 401."""
    _, claims, signature = forge().split(b".")
    public = ECKey.import_key(keys.signing.key.as_dict(private=False))
    pem = public.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    forged = [encoded({"alg": alg, "typ": "at+jwt", "kid": keys.signing.kid}) + b"." + claims + b"." + end
              for alg in ("none", "None", "HS256", "ES384", "ES256K", "") for end in (b"", signature)]  # fmt: skip
    start = encoded({"alg": "HS256", "typ": "at+jwt", "kid": keys.signing.kid}) + b"." + claims
    forged.append(start + b"." + encoded(hmac.digest(pem, start, "sha256")))
    for token in forged:
        await refusal_of(tokens, token)


async def test_an_unknown_key_is_refused(tokens: TokenIssuer, forge: Forge) -> None:
    """A token signed with a key that is not the server's → 401, whatever key it names or brings along."""
    strange = ECKey.generate_key("P-256")
    await refusal_of(tokens, forge(key=strange))
    for header in ({"kid": "other"}, {"kid": None}, {"kid": ""}, {"jwk": strange.as_dict(private=False)}):
        await refusal_of(tokens, forge(header, strange))
    await refusal_of(tokens, forge({"kid": 7}, strange))


async def test_another_kind_of_token_is_refused(tokens: TokenIssuer, forge: Forge) -> None:
    """An id or refresh token used as an access token; other aud, iss, typ → 401."""
    wrong: list[bytes] = [
        forge({"typ": "JWT"}), forge({"typ": "id+jwt"}), forge({"typ": None}), forge({"typ": 1}),
        forge({"crit": ["exp"]}), forge(aud="another"), forge(aud=None), forge(aud=["another"]), forge(aud=7),
        forge(iss="https://hinterland.example"), forge(iss=None), forge(sub=None), forge(sub=42), forge(sid=None),
        forge(sid=["session-1"]), forge(jti=None), forge(sub="43"), forge(sub=""),
        b"mIIcd4x9VSH0yq7dTBkIbYkTOz1o3HHFHs9PJxOHqoU",
    ]  # fmt: skip
    for token in wrong:
        await refusal_of(tokens, token)
    assert await tokens.verify(forge({"typ": "application/AT+JWT"})) == ADA


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [1.5, 1e300, 2**53, 2**63, 10**30, -1, -(10**30), "1767225600", True, [], {}, 1767226000.0],
    ids=repr,
)
async def test_odd_times_are_refused(tokens: TokenIssuer, forge: Forge, name: str, value: Any) -> None:
    """`exp`, `nbf`, `iat`: float, huge, negative, no number → 401, never 500."""
    await refusal_of(tokens, forge(**{name: value}))


async def test_missing_times_are_refused(tokens: TokenIssuer, forge: Forge) -> None:
    """`exp` and `iat` missing → 401; `nbf` need not be there."""
    await refusal_of(tokens, forge(exp=None))
    await refusal_of(tokens, forge(iat=None))
    assert await tokens.verify(forge(nbf=None)) == ADA


async def test_the_clocks_may_differ_by_a_minute(tokens: TokenIssuer, forge: Forge, clock: ManualClock) -> None:
    """`nbf` and `iat`, which another node may have written, have 60 s of leeway; a token's life ends at `exp`."""
    now = int(clock.now())
    assert await tokens.verify(forge(exp=now + 1)) == ADA
    assert await tokens.verify(forge(nbf=now + LEEWAY)) == ADA
    assert await tokens.verify(forge(iat=now + LEEWAY)) == ADA
    assert "has expired" in await refusal_of(tokens, forge(exp=now))
    assert "not valid yet" in await refusal_of(tokens, forge(nbf=now + LEEWAY + 1))
    assert "not valid yet" in await refusal_of(tokens, forge(iat=now + LEEWAY + 1))


async def test_an_expired_token_is_refused_though_it_was_known(tokens: TokenIssuer, clock: ManualClock) -> None:
    """A token that was verified before counts for the `expires_in` of its response, and no longer."""
    token = tokens.issue(ADA).encode()
    await clock.advance(900 - 2)
    assert await tokens.verify(token) == ADA
    assert tokens.cached(token) == ADA
    await clock.advance(2)
    assert tokens.cached(token) is None
    assert "has expired" in await refusal_of(tokens, token)


@pytest.mark.parametrize(
    "token",
    [
        b"", b".", b"..", b"...", b"a.b.c", b"\xff\xfe.\x00.\x01", b"e30.e30.e30", b"bnVsbA.bnVsbA.", b"W10.W10.W10",
        encoded(b"[" * 5_000) + b".e30.e30", encoded({"alg": "ES256"}) + b".e30.e30", b"x" * 10_000_000,
        encoded({"alg": "ES256", "kid": "k", "typ": "at+jwt", "a": "x" * 9_000}) + b".e30.e30",
    ],
    ids=range(13),
)  # fmt: skip
async def test_what_is_no_token_is_refused(tokens: TokenIssuer, token: bytes) -> None:
    """Anything that is not a token → 401, never 500."""
    await refusal_of(tokens, token)


async def test_deep_or_odd_claims_are_refused(tokens: TokenIssuer, keys: Keys, forge: Forge) -> None:
    """Claims that are nested deeply, no object or no JSON → 401 before and after the signature is checked."""
    head, _, signature = forge().split(b".")
    for claims in (b"[" * 5_000, b"[]", b"7", b"", b"\xff"):
        await refusal_of(tokens, head + b"." + encoded(claims) + b"." + signature)
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    assert await tokens.verify(forge(roles=deep)) == ADA


async def test_a_changed_token_is_refused(tokens: TokenIssuer) -> None:
    """A token of which one character was changed, or that lost a part, → 401."""
    token = tokens.issue(ADA).encode()
    await tokens.verify(token)
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        await refusal_of(tokens, bytes(changed))
    for part in (
        token[:-1],
        token + b"A",
        token.rpartition(b".")[0],
        token.replace(b".", b"", 1),
        token + b".",
        b" " + token,
    ):
        await refusal_of(tokens, part)


@given(token=st.binary(max_size=200) | st.text("AZaz09-_.={}[]", max_size=200).map(str.encode))
def test_no_bytes_break_the_reader(token: bytes) -> None:
    """Whatever bytes are sent as a token → 401, never 500."""
    with pytest.raises(Refusal) as refused:
        tokens_module._header(token)
    assert refused.value.status == 401


async def test_a_known_token_is_not_verified_again(tokens: TokenIssuer, directory: Directory) -> None:
    """A token is verified once and then known by its bytes: the session is not looked up again for some seconds."""
    token = tokens.issue(ADA).encode()
    assert tokens.cached(token) is None
    await tokens.verify(token)
    assert tokens.cached(token) == ADA
    assert await tokens.verify(token) == ADA
    assert directory.asked == 1


async def test_a_session_that_ended_elsewhere_is_noticed(
    tokens: TokenIssuer, directory: Directory, clock: ManualClock
) -> None:
    """Without a signal, a session that another process ended is worth nothing after 5 s at most; a changed right counts
    as soon."""
    assert RECHECK == 5
    token = tokens.issue(ADA).encode()
    await tokens.verify(token)
    directory.live[ADA.session] = Principal(42, (), ADA.session)
    await clock.advance(RECHECK)
    assert (await tokens.verify(token)).roles == ()
    another = tokens.issue(ADA).encode()
    await tokens.verify(another)
    del directory.live[ADA.session]
    await clock.advance(RECHECK)
    assert await refusal_of(tokens, token) == GONE
    assert await refusal_of(tokens, another) == GONE
    assert not tokens._tokens_of


@pytest.mark.parametrize("subject", [session_subject(ADA.session), account_subject(ADA.id)])
async def test_a_signal_counts_at_once(tokens: TokenIssuer, directory: Directory, subject: str) -> None:
    """After a signal about a session or its account the storage is asked before one of the tokens counts again; the
    tokens of others are known as before."""
    ben = Principal(43, (), "session-2")
    directory.live[ben.session] = ben
    token, another, other = (tokens.issue(caller).encode() for caller in (ADA, ADA, ben))
    for each in (token, another, other):
        await tokens.verify(each)
    tokens.recheck(subject)
    assert [tokens.cached(each) for each in (token, another, other)] == [None, None, ben]
    assert await tokens.verify(token) == ADA
    del directory.live[ADA.session]
    tokens.recheck(subject)
    assert await refusal_of(tokens, token) == GONE
    assert await refusal_of(tokens, another) == GONE


async def test_a_token_being_verified_while_its_session_ends_is_refused(
    tokens: TokenIssuer, directory: Directory
) -> None:
    """A session that ends while its token is being verified is not remembered as live."""
    directory.gate = asyncio.Event()
    token = tokens.issue(ADA).encode()
    verifying = asyncio.create_task(tokens.verify(token))
    await directory.reached.wait()
    del directory.live[ADA.session]
    tokens.recheck(session_subject(ADA.session))
    directory.gate.set()
    with pytest.raises(Refusal, match=GONE):
        await verifying
    assert tokens.cached(token) is None


async def test_a_token_of_a_retired_key_is_forgotten_with_the_key(
    tokens: TokenIssuer, keys: Keys, clock: ManualClock
) -> None:
    """A known token does not outlive the key that signed it."""
    token = tokens.issue(ADA).encode()
    await tokens.verify(token)
    await clock.advance(1)
    await keys.rotate()
    await clock.advance(RECHECK)
    assert await tokens.verify(token) == ADA
    await clock.advance(900 + 60 + 3_600)
    await keys.maintain()
    assert "key" in await refusal_of(tokens, token)


async def test_known_tokens_are_bounded(
    tokens: TokenIssuer, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any number of tokens takes a bounded amount of memory; the oldest go first."""
    monkeypatch.setattr(tokens_module, "_REMEMBERED", 5)
    issued = []
    for number in range(20):
        caller = Principal(number, (), f"s{number}")
        directory.live[caller.session] = caller
        issued.append(tokens.issue(caller).encode())
        await tokens.verify(issued[-1])
    assert [tokens.cached(token) is not None for token in issued] == [False] * 15 + [True] * 5
    assert (len(tokens._known), len(tokens._tokens_of)) == (5, 10)
    for number in range(20):
        tokens.recheck(session_subject(f"s{number}"))
    assert not tokens._known
    assert not tokens._tokens_of


async def test_a_hit_costs_next_to_nothing(keys: Keys, directory: Directory, settings: AuthSettings) -> None:
    """A known token costs next to nothing, where verifying it costs over a hundred microseconds."""
    tokens = TokenIssuer(keys, directory.find, SystemClock(), settings)
    token = tokens.issue(Principal(42, (), "session-1")).encode()
    directory.live["session-1"] = ADA
    tokens._remember(token, ADA, tokens_module.Claims("", "", "42", "app", "session-1", "", 0, 2**40), 2**60)
    best = min(_seconds(tokens, [bytes(bytearray(token)) for _ in range(200)]) for _ in range(20))
    assert best < 30e-6  # far more than it takes: coverage may be counting


def _seconds(tokens: TokenIssuer, copies: list[bytes]) -> float:
    start = time.process_time()
    for copy in copies:
        tokens.cached(copy)
    return (time.process_time() - start) / len(copies)
