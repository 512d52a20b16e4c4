"""Media types of files."""

from __future__ import annotations

import pytest

from hinterland.server.protocols.static.content_types import content_type, is_compressible


@pytest.mark.parametrize(
    ("name", "kind", "is_small_when_coded"),
    [
        ("index.html", "text/html; charset=utf-8", True), ("a.JS", "text/javascript; charset=utf-8", True),
        ("a.mjs", "text/javascript; charset=utf-8", True), ("a.css", "text/css; charset=utf-8", True),
        ("a.wasm", "application/wasm", True), ("a.webmanifest", "application/manifest+json", True),
        ("a.json", "application/json", True), ("a.js.map", "application/json", True), ("a.svg", "image/svg+xml", True),
        ("a.png", "image/png", False), ("a.woff2", "font/woff2", False), ("a.ttf", "font/ttf", True),
        ("apple-app-site-association", "application/json", False), ("a.unknown", "application/octet-stream", False),
        ("a", "application/octet-stream", False),
    ],
)  # fmt: skip
def test_types(name: str, kind: str, is_small_when_coded: bool) -> None:
    """The types that browsers demand, texts in UTF-8, and bytes for what is unknown."""
    assert (content_type(name), is_compressible(name)) == (kind, is_small_when_coded)
