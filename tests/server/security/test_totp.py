"""Codes of authenticator apps, and recovery codes."""

from __future__ import annotations

import base64
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.exceptions import InvalidTag

from hinterland.server.security import totp

KEY = base64.b32encode(b"12345678901234567890").decode()  # of RFC 6238, appendix B
SECRET = b"s" * 32


@pytest.mark.parametrize(
    ("now", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_codes_are_the_standards(now: int, code: str) -> None:
    """A code is that of RFC 6238, appendix B, in its last six digits, however it is spaced."""
    assert totp.code_at(KEY, now) == code
    assert totp.step_of(KEY, code, now) == totp.step_of(KEY, f" {code[:3]} {code[3:]}\n", now) == now // 30


@pytest.mark.parametrize(("drift", "found"), [(-60, None), (-30, 33), (0, 34), (30, 35), (60, None)])
def test_a_clock_may_differ_by_a_step(drift: int, found: int | None) -> None:
    """The code before and the one after count too, and no others (RFC 6238 §5.2)."""
    assert totp.step_of(KEY, totp.code_at(KEY, 1_030 + drift), 1_030) == found


@pytest.mark.parametrize(
    "code", ["", "1", "28708", "2870820", "94287082", "abcdef", "２８７０８２", "\ud800", "x" * 999]
)
def test_what_is_not_a_code(code: str) -> None:
    """Anything that is not the six digits is a wrong code, never an error."""
    assert totp.step_of(KEY, code, 59) is None


def test_an_app_reads_the_uri() -> None:
    """The URI holds what an app needs: the key, the issuer and whose it is; a key has 160 bits."""
    key = totp.new_key()
    assert len(base64.b32decode(key)) == 20
    uri = urlsplit(totp.uri_of(key, "My Shop", "ada@example.org"))
    asked = {name: value for name, [value] in parse_qs(uri.query).items()}
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/My%20Shop:ada%40example.org")
    assert asked == {"secret": key, "issuer": "My Shop", "algorithm": "SHA1", "digits": "6", "period": "30"}


def test_a_key_is_kept_sealed() -> None:
    """What is kept does not show the key, and opens with the secret and for the account alone."""
    kept = totp.sealed(SECRET, KEY, "42")
    assert KEY not in kept
    assert totp.sealed(SECRET, KEY, "42") != kept
    assert totp.unsealed(SECRET, kept, "42") == KEY
    for secret, account in ((b"t" * 32, "42"), (SECRET, "43")):
        with pytest.raises(InvalidTag):
            totp.unsealed(secret, kept, account)


def test_recovery_codes() -> None:
    """A recovery code is random and easy to type: in capitals, without its hyphens or with spaces it is the same."""
    codes = {totp.new_recovery_code() for _ in range(100)}
    assert len(codes) == 100
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code) for code in codes)
    code = codes.pop()
    typed = (code, code.upper(), code.replace("-", ""), f" {code.replace('-', ' ')} ")
    assert len({totp.recovery_id(text) for text in typed}) == 1
    assert totp.recovery_id(code) not in {totp.recovery_id(other) for other in codes}
