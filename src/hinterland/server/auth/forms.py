"""What a form must hold, and how an e-mail address is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.fields import Text
from hinterland.kit import email_address
from hinterland.kit.blank_text import is_blank

ALL_REQUIRED = "All fields are required"
_check_email = Text(format="email", max_length=254).checker()


def require(
    body: Mapping[str, Any], names: Iterable[str], *, text: Iterable[str], is_empty: Callable[[str], bool] = is_blank
) -> None:
    """Raises the `validation` refusal where a field is missing, null or blank, or one of `text` is not text."""
    missing = {name: ["is required"] for name in names if _is_missing(body.get(name), is_empty)}
    if missing:
        raise invalid(missing, ALL_REQUIRED)
    wrong = {name: ["must be text"] for name in text if not isinstance(body[name], str)}
    if wrong:
        raise invalid(wrong)


def _is_missing(value: object, is_empty: Callable[[str], bool]) -> bool:
    return value is None or (isinstance(value, str) and is_empty(value))


def wrong_code() -> Refusal:
    """The refusal of a one-time code that is not right, or was used."""
    return invalid({"code": ["is wrong or was already used"]})


def credentials(fields: Mapping[str, Any]) -> tuple[str, str]:
    """The e-mail, as it is compared, and the password of a log-in form."""
    require(fields, ("email", "password"), text=("email", "password"))
    return comparable(fields["email"]), fields["password"]


def email_problems(email: str) -> list[str]:
    """What is wrong with an e-mail address."""
    if is_blank(email):
        return ["is required"]
    try:
        _check_email(email.strip())
    except ValueError as error:
        return [str(error)]
    return []


def comparable(email: str) -> str:
    """The one form of an e-mail address, by which accounts are found; text that is not an address stays as it is."""
    try:
        return email_address.normalized(email.strip())
    except ValueError:
        return email
