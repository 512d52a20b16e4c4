"""The tree of errors."""

from __future__ import annotations

import copy
import pickle

import pytest

from hinterland.client import errors, failures, refusals
from hinterland.client.errors import (
    BadRequest,
    HinterlandError,
    InvalidResponse,
    NotFound,
    PasswordRefused,
    StatusError,
    ValidationFailed,
    most_sent,
)


def every_class(kind: type[HinterlandError] = HinterlandError) -> list[type[HinterlandError]]:
    """The class and all below it that the module defines."""
    found = [kind]
    for below in kind.__subclasses__():
        if below.__module__ in (failures.__name__, refusals.__name__):
            found += every_class(below)
    return found


def test_the_tree_is_drawn() -> None:
    """The module's docstring draws every class, and the module gives it."""
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in every_class() if kind.__name__ not in drawn] == []
    assert [kind.__name__ for kind in every_class() if getattr(errors, kind.__name__) is not kind] == []


@pytest.mark.parametrize("kind", every_class())
def test_each_error_says_what_happened_and_what_to_try(kind: type[HinterlandError]) -> None:
    """Each error has a message for a screen, an advice, a stable code, and says whether the request was sent."""
    error = kind()
    assert error.message.endswith(".")
    assert error.advice.endswith(".")
    assert error.code == error.code.lower() != ""
    assert error.sent in ("no", "maybe", "yes")
    assert error.message in str(error)
    assert error.advice in str(error)


def test_an_error_tells_all_its_facts() -> None:
    """The text for a developer names the code, call, detail, attempts, waits, request id, status and fields,
    those that the message names only there."""
    error = ValidationFailed(
        "title: is required",
        status=400,
        is_from_server=True,
        errors={"title": ["is required"]},
        detail="more",
        operation="records.create",
        retry_after=3,
        request_id="r-1",
    )
    error.attempts, error.waited = 3, 1.25
    assert str(error) == (
        "title: is required. Correct the fields. [validation, records.create, more, sent: yes, 3 attempts, "
        "waited 1.2 s, the server asks to wait 3 s, request r-1, status 400]"
    )
    error = ValidationFailed(status=400, is_from_server=True, errors={"title": ["is required"]})
    assert str(error) == (
        "Some fields are not valid. Correct the fields. [validation, sent: yes, status 400, title: is required]"
    )
    assert "at $.items[0], found int" in str(InvalidResponse(path="$.items[0]", found="int"))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (PasswordRefused("too common; choose another"), "too common; choose another. [password_policy, "),
        (NotFound("no posts/1"), "no posts/1. It may have been deleted, or its address is wrong. [not_found, "),
        (PasswordRefused("too common; no", advice="Wait."), "too common; no. Wait. [password_policy, "),
        (BadRequest("unknown\n  x\n  ^"), "unknown\n  x\n  ^\nCheck the request. [bad_request, "),
    ],
)
def test_an_advice_is_given_once(error: HinterlandError, text: str) -> None:
    """A message that says what to do is not followed by a general advice; an excerpt keeps lines of its own."""
    assert str(error).startswith(text)


def test_an_error_can_be_copied() -> None:
    """A copy, also one that crossed a process's border, carries the same facts."""
    error = StatusError("no", status=418, operation="x", errors={"a": ["b"]})
    error.attempts = 4
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301
        assert type(other) is StatusError
        assert vars(other) == vars(error)


def test_the_more_sent_of_two_attempts_counts() -> None:
    """Of two attempts the one that says more was sent is believed."""
    assert most_sent("no", "maybe") == most_sent("maybe", "no") == "maybe"
    assert most_sent("maybe", "yes") == "yes"
    assert most_sent("no", "no") == "no"
