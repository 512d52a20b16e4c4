"""Ranges of bytes."""

from __future__ import annotations

import pytest

from hinterland.contract.errors import Refusal
from hinterland.server.ranges import wanted_range


@pytest.mark.parametrize(
    ("given", "part"),
    [("bytes=0-9", (0, 10)), ("bytes=90-", (90, 100)), ("bytes=-1", (99, 100)), ("bytes=-1000", (0, 100)),
     ("bytes=99-99", (99, 100)), ("bytes=50-1000", (50, 100)), ("BYTES=0-0", (0, 1))],
)  # fmt: skip
def test_a_range(given: str, part: tuple[int, int]) -> None:
    """First to last byte, from a byte on, and the last bytes (RFC 9110 §14.1.2), as far as there are any."""
    assert wanted_range(given, 100) == part


@pytest.mark.parametrize(
    "given", ["bytes=9-0", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "0-9", ""]
)
def test_what_is_ignored(given: str) -> None:
    """Several ranges, other units and what is not valid ask for the whole (RFC 9110 §14.2)."""
    assert wanted_range(given, 100) is None


@pytest.mark.parametrize(
    ("given", "size"), [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_behind_the_end(given: str, size: int) -> None:
    """A range of no byte that there is, is 416 with the size (RFC 9110 §15.5.17)."""
    with pytest.raises(Refusal) as caught:
        wanted_range(given, size)
    assert (caught.value.status, caught.value.headers) == (416, (("Content-Range", f"bytes */{size}"),))
