"""What `hinterland serve` is made of, before it serves."""

from __future__ import annotations

import sys

import pytest

from hinterland.cli import serving


def test_without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where httptools is not installed, as on Windows, uvicorn speaks HTTP/1.1 in its own way."""
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert serving._protocol() == "auto"


def test_a_connection_that_can_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A uvicorn that our connections do not fit is an error at the start, never a server without their bounds."""
    assert isinstance(serving._protocol(), type)
    for name in [name for name in sys.modules if name.startswith("hinterland.server.protocols.http1.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("uvicorn.protocols.http.httptools_impl.STATUS_LINE")
    with pytest.raises(ImportError, match="STATUS_LINE"):
        serving._protocol()
