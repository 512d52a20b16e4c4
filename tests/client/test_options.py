"""The settings of a client."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from hinterland.client.errors import InvalidSetting
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
        ({"headers": {"x y": "1"}}, "Options.headers: 'x y' is not the name of a header"),
        ({"headers": {"x": "a\nb"}}, "Options.headers: the value of x must be ASCII"),
        ({"headers": {"x": "ü"}}, "Options.headers: the value of x must be ASCII"),
        ({"headers": {"x": 1}}, "Options.headers: the value of x must be ASCII"),
    ],
)
def test_a_senseless_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    """A setting that can't be meant is an error that names it."""
    with pytest.raises(InvalidSetting, match=message):
        Options(**settings)


@pytest.mark.skipif(find_spec("h2") is not None, reason="h2 is installed")
def test_http2_without_its_library() -> None:
    """HTTP/2 without the library that it needs is refused when the options are made, with what to install."""
    with pytest.raises(InvalidSetting, match=r"Options\.http2=True needs the package h2.*pip install h2"):
        Options(http2=True)
