"""Reading answers: errors of ours and of others, and documents that do not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hinterland.client import errors
from hinterland.client.answers import (
    BY_CODE,
    BY_STATUS,
    class_of,
    error_in,
    error_of,
    refused_here,
    retry_after,
)
from hinterland.client.exchange import Response
from hinterland.contract.errors import CODES, Refusal

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DATE = "Thu, 01 Jan 2026 00:00:30 GMT"


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """An answer with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, content=b"" if body is None else msgspec.json.encode(body))


def test_every_code_of_the_contract_has_its_class() -> None:
    """Every code of the contract's table, and no other, maps to a class."""
    assert BY_CODE.keys() == CODES.keys()


@pytest.mark.parametrize("code", CODES)
def test_a_refusal_comes_back_as_it_was_meant(code: str) -> None:
    """A refusal of the server is raised with its code, status, message, fields, details, wait and request id."""
    refusal = Refusal(code, "what happened", errors={"f": ["m"]}, retry_after=2.5, details={"n": 1})
    problem = refusal.problem("r-7")
    for error in (
        error_in(Response(status=refusal.status, content=msgspec.json.encode(problem)), operation="op", now=NOW),
        error_of(problem),
    ):
        assert type(error) is BY_CODE[code]
        assert (error.code, error.status, error.message) == (code, refusal.status, "what happened")
        assert (error.errors, error.details) == ({"f": ["m"]}, {"n": 1})
        assert (error.retry_after, error.request_id) == (2.5, "r-7")
        assert error.is_from_server


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, None),
        (413, {"code": "too_large"}),
        (413, {"code": "TooLarge", "status": 413}),
        (400, {"code": "too_large", "status": 413}),
        (418, {"code": "too_large", "status": 418}),
    ],
)
def test_what_is_not_the_servers_own_word(status: int, body: Any) -> None:
    """Anything on the way may answer with a status: the server's own word has a body with a code of the table and the
    code's status."""
    assert not error_in(answer(status, body)).is_from_server


def test_a_refusal_of_this_device() -> None:
    """What this device refuses has the server's class and code, and says that nothing was sent."""
    error = refused_here(Refusal("validation", "what happened", errors={"f": ["m"]}, details={"n": 1}))
    assert type(error) is errors.ValidationFailed
    assert (error.errors, error.details) == ({"f": ["m"]}, {"n": 1})
    assert str(error) == "what happened. Correct the fields. [validation, sent: no, f: m]"
    assert not error.is_from_server


@pytest.mark.parametrize("code", CODES)
def test_a_code_and_its_status_agree(code: str) -> None:
    """Where a status alone is known, the class is one that the code's class is or descends from, or its plain kin."""
    by_status = class_of("", CODES[code].status)
    assert issubclass(BY_CODE[code], by_status) or issubclass(by_status, errors.BadRequest)


OTHERS = {**BY_STATUS, 399: errors.StatusError, 400: errors.BadRequest, 418: errors.BadRequest, 500: errors.ServerError}


@pytest.mark.parametrize(("status", "kind"), OTHERS.items())
def test_other_servers_are_understood_by_their_status(status: int, kind: type[errors.StatusError]) -> None:
    """A server that knows none of our codes is understood by its status."""
    error = error_in(answer(status, {"code": "E42", "oops": True}))
    assert type(error) is kind
    assert error.code == kind.code
    assert error.detail == "E42"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "a"}, "a"),
        ({"detail": "b"}, "b"),
        ({"error": "c"}, "c"),
        ({"error_description": "d", "error": "x"}, "d"),
        ({"detail": [{"msg": "no text"}]}, "The server refused the request."),
        (["a list"], "The server refused the request."),
        ({"message": "x" * 1000}, "x" * 300),
    ],
)
def test_messages_of_other_servers_are_found(body: Any, message: str) -> None:
    """The usual places of a message are looked at; without one our own is kept."""
    assert error_in(answer(400, body)).message == message


def test_an_oauth_error_is_understood() -> None:
    """An authorization server's `error` (RFC 6749 §5.2) counts as a code."""
    assert type(error_in(answer(400, {"error": "invalid_grant"}))) is errors.InvalidGrant


def test_fields_may_have_one_message_each() -> None:
    """Messages by field may be lists or single texts."""
    error = error_in(answer(422, {"errors": {"a": "bad", "b": ["x", 1]}, "retry_after": 3}))
    assert error.errors == {"a": ["bad"], "b": ["x", "1"]}
    assert error.retry_after == 3


@given(st.integers(300, 599), st.binary(max_size=60))
@example(500, b"[" * 100_000)
def test_no_answer_is_a_crash(status: int, content: bytes) -> None:
    """Whatever bytes come with a status, the error is a StatusError with a message."""
    assert error_in(Response(status=status, content=content)).message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": DATE}, 30.0),
        ({"retry-after": DATE, "date": "Thu, 01 Jan 2026 00:00:20 GMT"}, 10.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "9" * 400}, 999_999_999.0),
        ({}, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After is read in seconds or as a date, which is compared with the server's own clock where it tells it."""
    assert retry_after(headers, NOW) == seconds
