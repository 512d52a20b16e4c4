"""The table of errors, and what a refusal carries."""

from __future__ import annotations

import http
import re

import msgspec
import pytest

from hinterland.contract.errors import CODES, Problem, Refusal, invalid


@pytest.mark.parametrize("code", CODES)
def test_every_code(code: str) -> None:
    """Each code has a standard status for an error, a title, and a refusal that answers with both (RFC 9457 §3.1)."""
    row = CODES[code]
    assert re.fullmatch("[a-z][a-z0-9_]*", code)
    assert row.code == code
    assert 400 <= http.HTTPStatus(row.status) < 600
    problem = Refusal(code).problem("r-1")
    assert (problem.code, problem.status, problem.title, problem.message) == (code, row.status, row.title, row.title)
    assert problem.request_id == "r-1"


def test_titles_differ() -> None:
    """No two codes share a title: a title never varies for one code, and tells it from the others."""
    assert len({row.title for row in CODES.values()}) == len(CODES)


def test_unknown_code() -> None:
    """A refusal with a code that isn't in the table can't be made."""
    with pytest.raises(KeyError):
        Refusal("whatever")


def test_a_refusal_says_all() -> None:
    """Message, errors by field, the time to wait and details travel to the body; headers beside it."""
    refusal = Refusal(
        "validation", "no", errors={"a": ["b"]}, retry_after=1.5, details={"x": 1}, headers=(("Retry-After", "2"),)
    )
    assert str(refusal) == "validation: no"
    assert refusal.headers == (("Retry-After", "2"),)
    body = msgspec.json.decode(msgspec.json.encode(refusal.problem()))
    assert body == {
        "title": "Validation failed", "status": 400, "code": "validation", "message": "no",
        "errors": {"a": ["b"]}, "retry_after": 1.5, "details": {"x": 1},
    }  # fmt: skip
    assert msgspec.json.decode(msgspec.json.encode(refusal.problem()), type=Problem) == refusal.problem()


def test_invalid() -> None:
    """A refusal of fields speaks of the first one where nothing else is said."""
    assert invalid({"a": ["is wrong", "is odd"], "b": ["too"]}).message == "a: is wrong"
    assert invalid({"a": ["is wrong"]}, "all wrong").message == "all wrong"
    assert invalid({"a": ["is wrong"]}).code == "validation"
