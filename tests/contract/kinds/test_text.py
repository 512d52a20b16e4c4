"""Text."""

from __future__ import annotations

import time

import pytest

from hinterland.contract.fields import Text


def test_cost_of_a_web_address() -> None:
    """A text that is nearly a web address is refused in a time that grows with its length alone."""
    check = Text(format="url", max_length=50_000).checker()
    start = time.process_time()
    with pytest.raises(ValueError, match="must be a web address"):
        check(f"http://{'a' * 40_000} ")
    assert time.process_time() - start < 1
