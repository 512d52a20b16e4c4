"""The rules of GraphQL mutations in the outbox, which every client runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors.graphql_outbox import FILE, entries, next_of, run, text

_CASES: list[dict[str, Any]] = json.loads(FILE.read_text())["cases"]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_each_case_gives_what_is_expected(case: dict[str, Any]) -> None:
    """What the file expects is what the Python client does."""
    assert json.loads(json.dumps(run(case))) == case["expected"]


def test_the_file_is_what_would_be_made() -> None:
    """Making the file again gives the same."""
    assert FILE.read_text() == text()


@given(st.text(alphabet="psarcPSR", max_size=12))
def test_nothing_passes_what_was_made_before_it(outbox: str) -> None:
    """What is sent next is open, and no open entry is before it that is not sent with it; where anything is open,
    something is sent."""
    sent = next_of(entries(outbox)["entries"])
    places = sent.get("push", [sent["post"]] if "post" in sent else [])
    undecided = [place for place, letter in enumerate(outbox) if letter.lower() in "ps"]
    assert bool(places) == bool(undecided)
    assert all(outbox[place].lower() in "ps" for place in places)
    if "post" in sent:
        assert outbox[sent["post"]].isupper()
        assert undecided[0] == sent["post"]
    elif places:
        assert all(outbox[place].islower() for place in places)
        unsent = [place for place in undecided if outbox[place] != "s"]
        pushed = [place for place in places if outbox[place] != "s"]
        assert pushed == unsent[: len(pushed)]
