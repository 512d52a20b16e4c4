"""What responses say of a mutation; the table is in `contract/vectors/graphql/outbox.json`."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hinterland.client.local.verdicts import code_of, verdict
from tests.client.graphql.drawn import DATA, ERRORS


@given(st.integers(100, 599), ERRORS, DATA)
def test_every_response_has_one(status: int, errors: list[dict[str, Any]], data: dict[str, Any] | None) -> None:
    """Whatever a response has, there is a verdict: applied only with data, and with no error of a field of the root
    without a value; the error that it names is one of the response."""
    decided, index = verdict(status, errors, data)
    assert -1 <= index < len(errors)
    assert (index == -1) == (decided == "applied" or not errors)
    if decided == "applied":
        assert data is not None
        assert all(isinstance(error["path"], list) and data[str(error["path"][0])] is not None for error in errors)
    if status == 200 and not errors:
        assert decided == ("refused" if data is None else "applied")


@given(ERRORS)
def test_codes_are_texts(errors: list[dict[str, Any]]) -> None:
    """A code is a text, whatever an error has in its place."""
    assert all(isinstance(code_of(error), str) for error in errors)
