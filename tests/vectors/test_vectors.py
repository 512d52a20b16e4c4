"""The cases that every client runs, whatever its language, against the product's own code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hinterland.contract.values import is_same
from tests.vectors.making import FOLDER, TOPICS, drawn_inputs, run, texts

_FILES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
_CASES = [case for file in _FILES.values() for case in file["cases"]]


@pytest.mark.parametrize("topic", TOPICS)
def test_each_case_gives_what_is_expected(topic: str) -> None:
    """What a file of vectors expects is what the Python client does."""
    file = _FILES[topic]
    differing = [
        (case["name"], found, case["expected"])
        for case in file["cases"]
        if not is_same(found := _plain(run(topic, file.get("schemas", {}), case)), case["expected"])
    ]
    assert differing == []


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value))


def test_there_are_enough_cases() -> None:
    """There are at least 500 cases, at least half of which hypothesis has drawn, and none stands twice in its file."""
    drawn = [case for case in _CASES if case["name"].startswith("drawn")]
    assert len(_CASES) >= 500
    assert len(drawn) * 2 >= len(_CASES)
    for file in _FILES.values():
        names = [case["name"] for case in file["cases"]]
        assert len({*names}) == len(names)


@pytest.mark.slow
def test_the_files_are_what_would_be_made() -> None:
    """Making the vectors again gives the same files; after a change of the contract, `make vectors` makes others."""
    made = texts(drawn_inputs())
    assert {*made} == {*_FILES}
    differing = [topic for topic, text in made.items() if (FOLDER / f"{topic}.json").read_text() != text]
    assert differing == []
