"""The face of a package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

FACE = """
from hinterland.kit.lazy_face import offer

offer(__name__, {"shed": ("tools",), "shed.rack": ("rake", "SPADE")})
"""


def test_names_load_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A face knows its names before it loads a module, for `dir()`, for `*` and for completion; a name loads its module
    when it is first asked for and stays; another name is an AttributeError."""
    package = tmp_path / "shed"
    package.mkdir()
    (package / "__init__.py").write_text(FACE)
    (package / "rack.py").write_text("SPADE = object()\n\ndef rake(): ...\n")
    (package / "tools.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    shed = importlib.import_module("shed")
    loaded = [name for name in sys.modules if name.startswith("shed.")]
    assert loaded == []
    assert shed.__all__ == dir(shed) == ["SPADE", "rake", "tools"]
    with pytest.raises(AttributeError, match="module 'shed' has no attribute 'hoe'"):
        _ = shed.hoe
    assert shed.SPADE is shed.SPADE is sys.modules["shed.rack"].SPADE
    assert "shed.tools" not in sys.modules
    assert shed.tools is sys.modules["shed.tools"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "shed"]:
        del sys.modules[name]
