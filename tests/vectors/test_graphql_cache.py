"""The rules of the cache of GraphQL, which every client runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.vectors.graphql_cache import FILE, run, text

_CASES: list[dict[str, Any]] = json.loads(FILE.read_text())["cases"]


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case["name"])
def test_each_case_gives_what_is_expected(case: dict[str, Any]) -> None:
    """What the file expects is what the Python client does."""
    assert json.loads(json.dumps(run(case))) == case["expected"]


def test_the_file_is_what_would_be_made() -> None:
    """Making the file again gives the same."""
    assert FILE.read_text() == text()
