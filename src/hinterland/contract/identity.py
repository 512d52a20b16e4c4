"""Who is who: the ids of records and the caller of an operation."""

from __future__ import annotations

import functools
import os
import re

import msgspec

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: sorts as its bits do
MAX_ID_BYTES = 128
AGGREGATES = "aggregate"
"""What follows a collection in the path of its aggregates, so that no new record has it as its id."""
ID_PATTERN = r"^(?!~|__|\.{1,2}$|aggregate$)[^/\u0000-\u001f\u007f-\u009f]+$"
"""What an id has and begins with (a regular expression of JSON Schema); its length is counted in bytes."""
ID_HINT = (
    f"must have 1 to {MAX_ID_BYTES} bytes of UTF-8 without / and control characters, not begin with ~ or __, "
    f"and not be {AGGREGATES}"
)
_ID = re.compile(r"(?!~|__|\.{1,2}\Z)[^/\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}")
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,64}")
DEVICE_HINT = "must be 1 to 64 of A–Z a–z 0–9 _ -"
TEMPORARY_PREFIX = "~"

RecordId = str | int


_LETTERS = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))  # what a random byte becomes: 5 bits of it
_PAIRS = tuple(one + other for one in _ALPHABET for other in _ALPHABET)
_IN_ONE = len(_PAIRS)  # ids of one millisecond
_MADE = re.compile(f"[{_ALPHABET}]{{26}}")
_SHIFTS = range(45, -1, -5)


def new_id(now: float) -> str:
    """A new id of 26 characters that sorts by `now` (seconds since 1970): 50 bits of milliseconds, 80 random."""
    return _time_letters(int(now * 1000) & (2**50 - 1)) + os.urandom(16).translate(_LETTERS).decode("ascii")


@functools.lru_cache(maxsize=1)
def _time_letters(milliseconds: int) -> str:
    return "".join([_ALPHABET[milliseconds >> shift & 31] for shift in _SHIFTS])


def first_id(now: float) -> str:
    """The text that sorts before every id that is made at `now` or later."""
    return _time_letters(int(now * 1000) & (2**50 - 1))


class IdMaker:
    """Makes record ids of 26 characters that sort as they were made, also where the clock goes back or stops:
    50 bits of milliseconds, 10 that count within one, 70 random.

    Each sorts behind `after`, the last id of an earlier maker or the start of one ("": there is none).
    """

    def __init__(self, after: str = "") -> None:
        places = map(_ALPHABET.index, after[:12].ljust(12, "0"))
        last = functools.reduce(lambda number, place: number << 5 | place, places)
        self._milliseconds, self._count = divmod(last, _IN_ONE)

    def new(self, now: float) -> str:
        """A new id; `now` in seconds since 1970."""
        milliseconds = int(now * 1000) & (2**50 - 1)
        if milliseconds > self._milliseconds:
            self._milliseconds, self._count = milliseconds, 0
        elif self._count + 1 < _IN_ONE:
            self._count += 1
        else:
            self._milliseconds, self._count = self._milliseconds + 1, 0
        random = os.urandom(14).translate(_LETTERS).decode("ascii")
        return f"{_time_letters(self._milliseconds)}{_PAIRS[self._count]}{random}"

    @staticmethod
    def is_own(id: str) -> bool:
        """Whether a maker could have made `id`."""
        return _MADE.fullmatch(id) is not None


def is_made_id(value: str) -> bool:
    """Whether `value` has the form of an id that was made here or on a device."""
    return _MADE.fullmatch(value) is not None


def is_record_id(value: object) -> bool:
    """Whether `value` may be a string id: 1 to 128 bytes of UTF-8.

    `/` separates the segments of paths; `~` begins stand-ins; `__` is kept for the server; `.` and `..` would be
    resolved in URLs (RFC 3986 §5.2.4); control characters have no place in paths and logs.
    """
    if not isinstance(value, str) or _ID.fullmatch(value) is None:
        return False
    return value.isascii() or len(value.encode()) <= MAX_ID_BYTES


def is_new_id(value: object) -> bool:
    """Whether a record that is created may have the string id `value`."""
    return value != AGGREGATES and is_record_id(value)


def is_device_id(value: str) -> bool:
    """Whether `value` may name a device."""
    return _DEVICE.fullmatch(value) is not None


def is_temporary(value: object) -> bool:
    """Whether `value` is a client's stand-in for an integer id that the server has yet to give: `~` and an id."""
    return isinstance(value, str) and value.startswith(TEMPORARY_PREFIX) and is_record_id(value[1:])


class Principal(msgspec.Struct, frozen=True, dict=True):
    """The caller: `id` of the user record ("" when signed out), `roles`, `session`; administrators pass every rule.

    `client` is the client_id of the session (RFC 9068 §2.2), `acr` its authenticator assurance level ("aal1", with a
    second factor "aal2"), `amr` the methods by which its owner was authenticated (RFC 8176), `auth_time` when, in
    seconds since 1970 (OpenID Connect Core 1.0 §2). `fields` are those of the user's record that rules read, such as
    `auth.plan`: a JSON object ("": there are none).
    """

    id: RecordId = ""
    roles: tuple[str, ...] = ()
    session: str = ""
    is_admin: bool = False
    client: str = ""
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int = 0
    fields: str = ""

    @property
    def is_signed_in(self) -> bool:
        """Whether a user or administrator is behind the request."""
        return self.id != ""

    def as_auth(self) -> dict[str, object] | None:
        """The variable `auth` of rules: null when signed out. It is made once for each principal: don't change it."""
        return self._auth

    @functools.cached_property
    def _auth(self) -> dict[str, object] | None:
        if not self.is_signed_in:
            return None
        own: dict[str, object] = {
            "id": self.id, "roles": list(self.roles), "client": self.client, "acr": self.acr, "amr": list(self.amr),
            "auth_time": self.auth_time,
        }  # fmt: skip
        return {**msgspec.json.decode(self.fields), **own} if self.fields else own


SIGNED_OUT = Principal()
