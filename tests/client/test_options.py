"""The settings of a client."""

from __future__ import annotations

import pytest

from hinterland.client.options import Options


def test_the_defaults() -> None:
    """Connect 10 s, read 30 s, 3 retries from 100 ms (1 s when busy) to 30 s."""
    options = Options()
    assert (options.connect, options.read, options.retries) == (10, 30, 3)
    assert (options.retry_base, options.retry_base_busy, options.retry_cap) == (0.1, 1, 30)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"read": 0}, "Options.read must be a number of seconds above 0, is 0"),
        ({"deadline": float("inf")}, "Options.deadline"),
        ({"connect": float("nan")}, "Options.connect"),
        ({"retries": -1}, "Options.retries must be 0 or more"),
        ({"max_connections": 0}, "Options.max_connections 1 or more"),
    ],
)
def test_a_senseless_setting_is_refused(settings: dict[str, float], message: str) -> None:
    """A setting that can't be meant is an error that names it."""
    with pytest.raises(ValueError, match=message):
        Options(**settings)  # type: ignore[arg-type]
