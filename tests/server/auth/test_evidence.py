"""What evidence is enough for."""

from __future__ import annotations

import pytest

from hinterland.server.auth.evidence import FactorNeeded, Grant, decide

NEEDED = FactorNeeded(("totp", "recovery"))


@pytest.mark.parametrize(
    ("amr", "enrolled", "decision"),
    [
        (("pwd",), {"password"}, Grant(("pwd",))),
        (("pwd",), {"password", "recovery"}, Grant(("pwd",))),
        (("pwd",), {"password", "totp", "recovery"}, NEEDED),
        (("pwd", "otp"), {"password", "totp"}, Grant(("pwd", "otp", "mfa"))),
    ],
)
def test_decisions(amr: tuple[str, ...], enrolled: set[str], decision: Grant | FactorNeeded) -> None:
    """A password is enough unless a second factor is on; with it the session is one of several factors (RFC 8176)."""
    assert decide(amr, enrolled) == decision
