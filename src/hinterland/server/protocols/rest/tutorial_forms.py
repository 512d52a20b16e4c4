"""The bodies of account operations on tutorials' paths: JSON as elsewhere, and what an HTML form sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from hinterland.contract.accounts import FORM_BYTES, Registration
from hinterland.contract.errors import Refusal, invalid
from hinterland.contract.operations import Operation
from hinterland.contract.records import Collection
from hinterland.server.backend import Backend
from hinterland.server.http import HttpRequest
from hinterland.server.protocols.rest.multipart import multipart_fields

_URLENCODED, _MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data"
_MAX_FIELDS = 100
_REPEATED = ("confirmPassword", "confirm_password", "passwordConfirmation", "password_confirmation")


async def account_form(backend: Backend, request: HttpRequest, row: Operation) -> dict[str, Any]:
    """The fields that an account operation is asked with. Raises `invalid_body`, `unsupported_media_type`, and
    `validation` where a repeated password differs."""
    form = await _form(request)
    is_signup, users = row.input is Registration, backend.catalogue["users"].collection
    if form is None:
        given = (await request.json_object(FORM_BYTES, may_be_empty=True, setting=""))[0]
    else:
        given = _typed(users, dict(form)) if is_signup else dict(form)
    return _without_repetition(users, given) if is_signup else given


async def _form(request: HttpRequest) -> list[tuple[str, str]] | None:
    """The fields of an HTML form, in order; None where the body is none. Raises `invalid_body`."""
    given = request.headers.get(b"content-type", b"")
    kind = given.partition(b";")[0].strip().lower()
    if kind not in (_URLENCODED, _MULTIPART) or b"content-encoding" in request.headers:
        return None
    data = await request.body(FORM_BYTES, "")
    try:
        pairs = _urlencoded(data) if kind == _URLENCODED else multipart_fields(data, given, _MAX_FIELDS)
    except ValueError:
        raise Refusal("invalid_body", f"the body is not valid {kind.decode()} in UTF-8; or send JSON") from None
    _check_once(pairs)
    return pairs


def _urlencoded(data: bytes) -> list[tuple[str, str]]:
    return parse_qsl(data.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)


def _check_once(pairs: Sequence[tuple[str, str]]) -> None:
    names: set[str] = set()
    for name, value in pairs:
        if name in names:
            raise Refusal("invalid_body", f"field {name[:64]!r} appears twice; send it once")
        if "\0" in name + value:
            raise Refusal("invalid_body", "the form has the character NUL; remove it")
        names.add(name)


def _typed(users: Collection, given: dict[str, Any]) -> dict[str, Any]:
    """The texts of a form as values of the declared fields; what a form leaves empty has no value where it is not
    text."""
    typed = dict(given)
    for name in given.keys() & users.fields.keys():
        field = users.fields[name]
        try:
            typed[name] = field.from_text(given[name])
        except ValueError:
            continue  # the field's own check says what is wrong with it
        if given[name] == "" and field.column != "text":
            typed[name] = None
    return typed


def _without_repetition(users: Collection, given: dict[str, Any]) -> dict[str, Any]:
    """`given` without the password's repetition, which many sign-up forms send along. A missing password is reported as
    such."""
    kept, password = dict(given), given.get("password")
    for name in _REPEATED:
        if name in users.fields or name not in given:
            continue
        if kept.pop(name) != password and password:
            raise invalid({name: ["differs from the password"]})
    return kept
