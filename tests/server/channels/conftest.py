"""A clock for channels."""

from __future__ import annotations

import pytest

from hinterland.kit.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test turns."""
    return ManualClock()
