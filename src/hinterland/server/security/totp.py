"""Codes of authenticator apps (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds), and recovery codes.

A TOTP key must be known to check a code: it is kept sealed with a key that the database's secret gives, bound to its
account. A recovery code has 80 random bits, so that a plain hash of it is enough.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

INTERVAL = 30  # seconds
RECOVERY_CODES = 10
_DIGITS = 6
_DRIFT = 1  # steps by which the clock of a phone may differ, either way (RFC 6238 §5.2)
_NONCE = 12  # bytes
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


def new_key() -> str:
    """A new key of 160 bits, in base 32 as authenticator apps take it (RFC 4226 §4)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def uri_of(key: str, issuer: str, name: str) -> str:
    """The `otpauth://` URI that an app shows as a QR code."""
    return _totp(key).get_provisioning_uri(name, issuer)


def code_at(key: str, now: float) -> str:
    """The code of a key at a time."""
    return _totp(key).generate(int(now)).decode()


def step_of(key: str, code: str, now: float) -> int | None:
    """The time step whose code this is, the current one or one beside it; None: none of them."""
    given, found = re.sub(r"\s", "", code).encode("utf-8", "surrogatepass"), None
    for drift in range(-_DRIFT, _DRIFT + 1):  # all of them, so that each takes the same time
        at = now + drift * INTERVAL
        if hmac.compare_digest(code_at(key, at).encode(), given):
            found = int(at) // INTERVAL
    return found


def _totp(key: str) -> TOTP:
    return TOTP(base64.b32decode(key), _DIGITS, SHA1(), INTERVAL)


def sealed(secret: bytes, key: str, account: str) -> str:
    """`key` as it is kept: AES-256-GCM under `secret`, bound to the account."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.b64encode(nonce + AESGCM(secret).encrypt(nonce, key.encode(), account.encode())).decode()


def unsealed(secret: bytes, kept: str, account: str) -> str:
    """The key that was sealed."""
    data = base64.b64decode(kept)
    return AESGCM(secret).decrypt(data[:_NONCE], data[_NONCE:], account.encode()).decode()


def new_recovery_code() -> str:
    """A code of four groups of four letters."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def recovery_id(code: str) -> str:
    """What a recovery code is kept as, however it was typed."""
    letters = re.sub(r"[\s-]", "", code).lower()
    return hashlib.sha256(letters.encode("utf-8", "surrogatepass")).hexdigest()
