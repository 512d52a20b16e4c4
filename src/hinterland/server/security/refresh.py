"""Refresh tokens: single use, rotated, and what a repeated one means (RFC 6749 §10.4, RFC 9700 §4.14).

A token is a public mark of the database and 256 random bits; only its SHA-256 is stored. Exchanging it creates a
successor. Shown again it means that the response was lost, or that the token was stolen. While the successor was never
used, the response may have been lost, and an outage may last long: the response is the same successor, which is kept
sealed under a key that only the token itself gives. Once the successor was used, there is a copy: the whole family, the
session, ends. So there is never more than one usable token in a family, and a copy is noticed as soon as its holder
falls one exchange behind the other. `decide` judges rows; the other functions return what is to be written.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hinterland.server.security.sessions import is_live, session_subject
from hinterland.server.storage.system import Amend, Drop, Expect, Invalidation, Put, Row, RowAct

_NONCE = 12  # bytes
_MARKED = re.compile(r"([0-9a-f]{12})\.[A-Za-z0-9_-]{43}")


class Facts(NamedTuple):
    """What the storage knows of a token: its row, its successor (the token and its row), its session's row."""

    row: Row | None = None
    successor: str = ""
    child: Row | None = None
    session: Row | None = None


class Rotate(NamedTuple):
    """The token is good: exchange it."""

    row: Row
    session: Row


class Repeat(NamedTuple):
    """The response was lost: give the same successor again."""

    successor: str
    session: Row


class Reuse(NamedTuple):
    """There is a copy of the token: end the session."""

    session: Row


class Invalid(NamedTuple):
    """Unknown, or of a session that has ended: nothing happens."""


Decision = Rotate | Repeat | Reuse | Invalid


def decide(facts: Facts, now: float, *, lifetime: float) -> Decision:
    """The decision on a token that is shown at `now`; `lifetime`, of an unused token, in seconds."""
    row, session = facts.row, facts.session
    if row is None or session is None or not is_live(session, now) or now >= (row["used"] or row["issued"]) + lifetime:
        return Invalid()
    if row["used"] is None:
        return Rotate(row, session)
    is_answer_lost = facts.child is not None and facts.child["used"] is None
    return Repeat(facts.successor, session) if is_answer_lost else Reuse(session)


def opened(session: Row, token: str) -> list[RowAct]:
    """The rows of a new session with its first token."""
    first = _token_row(token, session["id"], "", session["created"])
    return [Put("_sessions", session), Put("_refresh_tokens", first)]


def rotated(
    decision: Rotate, token: str, successor: str, now: float, lifetime: float, *, address: str = "", label: str = ""
) -> list[RowAct]:
    """The rows of an exchange from `address` by the client `label`. It fails with `PreconditionFailed` where the token
    was exchanged or the session ended meanwhile."""
    row, session = decision
    used = {"expires": now + lifetime, "last_used": now, "address": address, "label": label}
    sealed = seal(token, successor, session["id"])
    return [
        Expect("_sessions", {"id": session["id"]}, {"ended": None}),
        Expect("_refresh_tokens", {"hash": row["hash"]}, {"used": None}),
        Amend("_sessions", {"id": session["id"]}, used),
        Amend("_refresh_tokens", {"hash": row["hash"]}, {"used": now, "successor": sealed}),
        Put("_refresh_tokens", _token_row(successor, session["id"], row["hash"], now)),
    ]


def ended(session: Row, now: float) -> list[RowAct]:
    """The rows of a session that ends: its tokens are unknown from then on, everywhere."""
    return [
        Amend("_sessions", {"id": session["id"], "ended": None}, {"ended": now}),
        Drop("_refresh_tokens", {"session": session["id"]}),
        Invalidation(session_subject(session["id"])),
    ]


def mark_of(database_id: str) -> str:
    """What every refresh token of a database begins with: 12 hexadecimal digits, which are not secret."""
    return hashlib.sha256(f"hinterland refresh {database_id}".encode()).hexdigest()[:12]


def new_token(mark: str) -> str:
    """A refresh token: the database's mark, a dot, and 256 random bits in base64url."""
    return f"{mark}.{secrets.token_urlsafe(32)}"


def is_foreign(token: str, mark: str) -> bool:
    """Whether another database than that of `mark` issued the token, by the mark that it has."""
    given = _MARKED.fullmatch(token)
    return given is not None and given[1] != mark


def hash_of(token: str) -> str:
    """What a token is stored as. It is random, so that a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def seal(token: str, successor: str, session: str) -> bytes:
    """`successor`, readable only with `token`: AES-256-GCM bound to the session."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(token).encrypt(nonce, successor.encode(), session.encode())


def unseal(token: str, sealed: bytes | None, session: str) -> str:
    """The successor that was sealed; "" where there is none."""
    if not sealed:
        return ""
    try:
        return _cipher(token).decrypt(sealed[:_NONCE], sealed[_NONCE:], session.encode()).decode()
    except InvalidTag:
        return ""


def _cipher(token: str) -> AESGCM:
    return AESGCM(HKDF(hashes.SHA256(), 32, salt=None, info=b"hinterland/refresh").derive(token.encode()))


def _token_row(token: str, session: str, parent: str, now: float) -> Row:
    return {
        "hash": hash_of(token), "session": session, "parent": parent, "issued": now, "used": None, "successor": None,
    }  # fmt: skip
