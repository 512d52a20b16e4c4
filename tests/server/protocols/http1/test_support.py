"""What becomes of a uvicorn whose private names are others."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn.protocols.http import httptools_impl

from hinterland.server.protocols.http1.connection import HttpConnection
from hinterland.server.protocols.http1.support import connection_class, missing_names


def test_the_installed_uvicorn_has_all() -> None:
    """With a tested version our own HTTP/1.1 serves."""
    assert missing_names(httptools_impl) == []
    assert connection_class() is HttpConnection


def test_each_missing_name_is_found() -> None:
    """Whether a class, a method, an attribute or an argument has another name: it is reported by its own."""

    class Protocol(httptools_impl.HttpToolsProtocol):
        def __init__(self) -> None:
            self.pipeline = self.flow = None  # type: ignore[assignment]

    class Cycle:
        def __init__(self, scope: Any, transport: Any, another: Any) -> None:
            self.body = b""

    found = missing_names(SimpleNamespace(STATUS_LINE={}, HttpToolsProtocol=Protocol, RequestResponseCycle=Cycle))
    assert {"cycle", "run_asgi", "on_response", "another", "more_body"} <= set(found)
    assert not {"pipeline", "body", "on_url"} & set(found)
    assert missing_names(SimpleNamespace(STATUS_LINE={})) == ["HttpToolsProtocol", "RequestResponseCycle"]


def test_uvicorns_own_is_the_fallback(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where a name is missing uvicorn's own HTTP/1.1 is used, and a warning says so and what to install."""
    monkeypatch.delattr(httptools_impl, "STATUS_LINE")
    with caplog.at_level(logging.WARNING, "hinterland"):
        assert connection_class() is None
    assert "lacks what Hinterland's HTTP/1.1 is built on (STATUS_LINE)" in caplog.text
    assert "pip install" in caplog.text


def test_without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where httptools is not installed, as on Windows, uvicorn speaks HTTP/1.1 in its own way."""
    monkeypatch.setitem(sys.modules, "httptools", None)
    assert connection_class() is None


def test_a_module_that_is_missing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A uvicorn without the module is reported too, and does not prevent the start."""
    monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    monkeypatch.delattr("uvicorn.protocols.http.httptools_impl", raising=False)
    with caplog.at_level(logging.WARNING, "hinterland"):
        assert connection_class() is None
    assert "httptools_impl" in caplog.text
