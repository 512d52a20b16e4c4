"""The face of the contract: what an app file imports."""

from __future__ import annotations

import pytest

import hinterland.contract as face
from hinterland.contract.fields import Text
from hinterland.contract.records import Collection


def test_every_name_is_found() -> None:
    """Each name of the face is the thing itself, not a copy."""
    assert face.Collection is Collection
    assert face.Text is Text
    assert all(getattr(face, name) is not None for name in vars(face)["__all__"])


def test_other_names() -> None:
    """A name that isn't there is missing as from any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = face.Nothing  # type: ignore[attr-defined]
