"""Who is who: the ids of records and the caller of an operation."""

from __future__ import annotations

import os
import re
from functools import lru_cache

import msgspec

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its bits do
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
ID_HINT = "must be 1 to 64 of A–Z a–z 0–9 _ -"
TEMPORARY_PREFIX = "~"

RecordId = str | int


_LETTERS = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))  # what a random byte becomes: 5 bits of it
_SHIFTS = range(45, -1, -5)


def new_id(now: float) -> str:
    """A new record id of 26 characters that sorts by `now` (seconds since 1970): 50 bits of milliseconds, 80 random."""
    return _time_letters(int(now * 1000) & (2**50 - 1)) + os.urandom(16).translate(_LETTERS).decode("ascii")


@lru_cache(maxsize=1)
def _time_letters(milliseconds: int) -> str:
    return "".join([_ALPHABET[milliseconds >> shift & 31] for shift in _SHIFTS])


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
