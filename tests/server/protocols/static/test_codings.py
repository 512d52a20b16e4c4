"""Accept-Encoding."""

from __future__ import annotations

import pytest

from hinterland.server.protocols.static.codings import accepted_codings


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        ("", []), ("identity", []), ("gzip", ["gzip"]), ("x-gzip", ["gzip"]), ("GZIP, Br", ["br", "gzip"]),
        ("gzip, deflate, br, zstd", ["br", "zstd", "gzip"]), ("gzip;q=1, br;q=0.5", ["gzip", "br"]), ("deflate", []),
        ("br;q=0, gzip", ["gzip"]), ("*", ["br", "zstd", "gzip"]), ("*;q=0", []), ("*, br;q=0", ["zstd", "gzip"]),
        ("identity;q=1, gzip;q=0.5", []), ("gzip;q=0.000", []), ("gzip ; q=0.3 , *;q=0", ["gzip"]),
        ("gzip;q=nonsense, br", ["br"]), (";;,,=", []), ("gzip;q=2", []),
    ],
)  # fmt: skip
def test_accepted(header: str, codings: list[str]) -> None:
    """By the caller's weights, then by what is smallest; nothing that is refused or malformed (RFC 9110 §12.5.3)."""
    assert accepted_codings(header) == codings
