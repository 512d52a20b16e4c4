"""Channels that clients join by a socket: what an app declares, and the names that a declaration covers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from hinterland.kit.cel.types import INT, STRING, Type

MAX_CHANNEL_NAME = 256
"""The characters of a channel's name."""
_LITERAL = re.compile(r"[A-Za-z0-9_.-]+")
_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(:int)?\}")
_VALUE = re.compile(r"[^/\x00-\x1f\x7f-\x9f]{1,128}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")
_MOST_SEGMENTS = 8
_MOST_HISTORY = 1_000


class Channel(msgspec.Struct, frozen=True):
    """Channels of the names that `path` covers, such as `room/{id}`, or `room/{id:int}` where the ids are integers.

    `join` and `send` are rules in CEL over `auth` (the caller), `channel` (what the name has in the braces:
    `channel.id`) and other collections by `exists`; an empty one allows administrators only. The last `history`
    messages are kept, none of them longer than `history_days`. `presence`: members see who is there. `shows` are fields
    of `users` that all members see of each other.
    """

    path: str
    join: str = ""
    send: str = ""
    history: int = 0
    history_days: float = 30.0
    presence: bool = True
    shows: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check_path(self.path)
        if not 0 <= self.history <= _MOST_HISTORY:
            raise ValueError(f"channel {self.path!r}: history is {self.history}; keep 0 to {_MOST_HISTORY:,} messages")
        if not self.history_days > 0:
            raise ValueError(f"channel {self.path!r}: history_days is {self.history_days}; set more than 0")
        if isinstance(self.shows, str):
            raise ValueError(f"channel {self.path!r}: shows must be a list of names; write shows=({self.shows!r},)")

    @property
    def parameters(self) -> dict[str, Type]:
        """The types of what names have in the braces."""
        found = [_PARAMETER.fullmatch(segment) for segment in self.path.split("/")]
        return {match[1]: INT if match[2] else STRING for match in found if match}

    @property
    def form(self) -> tuple[str, ...]:
        """The segments, without the names of the parameters: paths of one form cover the same names."""
        return tuple([_PARAMETER.sub(r"{\2}", segment) for segment in self.path.split("/")])

    def values_of(self, name: str) -> Mapping[str, str | int] | None:
        """What a channel's `name` has in the braces; None for one that the path does not cover."""
        segments, given = self.path.split("/"), name.split("/")
        if len(segments) != len(given):
            return None
        values: dict[str, str | int] = {}
        for segment, value in zip(segments, given, strict=True):
            match = _PARAMETER.fullmatch(segment)
            if match is None and segment != value:
                return None
            if match is not None and (_NUMBER if match[2] else _VALUE).fullmatch(value) is None:
                return None
            if match is not None:
                values[match[1]] = int(value) if match[2] else value
        return values


def _check_path(path: str) -> None:
    """Raises ValueError for what can't be the path of channels."""
    segments = path.split("/")
    for segment in segments:
        if _LITERAL.fullmatch(segment) is None and _PARAMETER.fullmatch(segment) is None:
            raise ValueError(
                f"channel {path!r}: {segment!r} can't be a part of its path; use letters, digits, _ . - or a "
                "parameter such as {id} or {id:int}, with / in between"
            )
    names = [match[1] for segment in segments if (match := _PARAMETER.fullmatch(segment))]
    if len(names) != len({*names}):
        raise ValueError(f"channel {path!r}: two parameters have the same name; rename one")
    if len(segments) > _MOST_SEGMENTS:
        raise ValueError(f"channel {path!r}: it has {len(segments)} parts; use at most {_MOST_SEGMENTS}")
