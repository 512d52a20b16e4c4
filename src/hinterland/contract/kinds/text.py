"""Text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import msgspec

from hinterland.contract.kinds.field import Check, Field, length_message, length_problem, range_problem, register
from hinterland.kit import email_address
from hinterland.kit.cel.types import STRING, Type

_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)


@register
class Text(Field, frozen=True, kw_only=True, omit_defaults=True, tag="text"):
    """Unicode text of `min_length` to `max_length` code points; `format` "email" or "url", `choices` or a `pattern`.

    An "email" is kept in one form: small ASCII letters and an ASCII domain (`kit.email_address`). With `search` the
    `search` of lists finds its words.
    """

    min_length: int = 0
    max_length: int = 10_000
    format: Literal["", "email", "url"] = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    search: bool = False

    @property
    def type(self) -> Type:
        """A string."""
        return STRING

    def checker(self) -> Check:
        """Text within its lengths and of its form."""
        low, high, extra = self.min_length, self.max_length, self._form()

        def check(value: Any) -> str:
            if type(value) is not str:
                raise ValueError("must be text")
            if not low <= len(value) <= high:
                raise ValueError(length_message(len(value), low, high, "characters"))
            return extra(value) if extra is not None else value

        return check

    def _form(self) -> Callable[[str], str] | None:
        if self.choices:
            return _choice(self.choices)
        if self.format == "email":
            return _email
        if self.format == "url":
            return _matching(_URL, "must be a web address such as https://example.org")
        return _matching(re.compile(self.pattern), f"must match {self.pattern}") if self.pattern else None

    def json_schema(self) -> dict[str, Any]:
        """A string."""
        schema: dict[str, Any] = {"type": "string", "maxLength": self.max_length}
        if self.min_length or self.required:
            schema["minLength"] = max(1, self.min_length)
        if self.format:
            schema["format"] = {"email": "email", "url": "uri"}[self.format]
        if self.pattern:
            schema["pattern"] = f"^(?:{self.pattern})$"
        if self.choices:
            schema["enum"] = [*self.choices]
        return schema

    def from_other(self, value: Any) -> Any:
        """Numbers and truth values are written as JSON writes them."""
        is_scalar = isinstance(value, int | float)
        return msgspec.json.encode(value).decode() if is_scalar else super().from_other(value)

    @property
    def searched(self) -> Sequence[str]:
        """The text, where it is declared so."""
        return ("",) if self.search else ()

    def texts(self, value: Any) -> Sequence[str]:
        """The text."""
        return (value,) if type(value) is str else ()

    def contradiction(self) -> str:
        """Lengths below 0 or in the wrong order."""
        low, high = self.min_length, self.max_length
        return length_problem(min_length=low, max_length=high) or range_problem("min_length", low, "max_length", high)

    def takes_all_of(self, old: Self) -> bool:
        """Whether lengths, choices and form are as wide."""
        if self.min_length > old.min_length or self.max_length < old.max_length:
            return False
        if self.choices:
            return bool(old.choices) and set(old.choices) <= set(self.choices)
        form = (self.format, self.pattern)
        return form == ("", "") or (not old.choices and form == (old.format, old.pattern))


def _email(value: str) -> str:
    return email_address.normalized(value) if value else value


def _choice(choices: tuple[str, ...]) -> Callable[[str], str]:
    allowed = frozenset(choices)

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return check


def _matching(pattern: re.Pattern[str], message: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value and pattern.fullmatch(value) is None:
            raise ValueError(message)
        return value

    return check
