"""Who is who: the ids of records and the caller of an operation."""

from __future__ import annotations

import re
import secrets

import msgspec

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its bits do
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
TEMPORARY_PREFIX = "~"

RecordId = str | int


_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_SHIFTS = range(120, -1, -10)


def new_id(now: float) -> str:
    """A new record id of 26 characters that sorts by `now` (seconds since 1970): 50 bits of milliseconds, 80 random."""
    number = (int(now * 1000) & (2**50 - 1)) << 80 | secrets.randbits(80)
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def is_record_id(value: object) -> bool:
    """Whether `value` may be a string id: 1 to 64 of A–Z a–z 0–9 _ -."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_temporary(value: object) -> bool:
    """Whether `value` is a client's stand-in for an integer id that the server has yet to give: `~` and an id."""
    return isinstance(value, str) and value.startswith(TEMPORARY_PREFIX) and is_record_id(value[1:])


class Principal(msgspec.Struct, frozen=True):
    """The caller: `id` of the user record ("" when signed out), `roles`, `session`; administrators pass every rule."""

    id: RecordId = ""
    roles: tuple[str, ...] = ()
    session: str = ""
    is_admin: bool = False

    @property
    def is_signed_in(self) -> bool:
        """Whether a user or administrator is behind the request."""
        return self.id != ""

    def as_auth(self) -> dict[str, object] | None:
        """The variable `auth` of rules: null when signed out."""
        return {"id": self.id, "roles": list(self.roles)} if self.is_signed_in else None


SIGNED_OUT = Principal()
