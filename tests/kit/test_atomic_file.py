"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hinterland.kit import atomic_file


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content stands with its mode, and nothing else is left in the folder."""
    path = tmp_path / "file"
    for data in (b"one", b"two" * 1000):
        atomic_file.replace(path, data)
        assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the data can't be made durable the old content stays, and no half file is left."""
    path = tmp_path / "file"
    atomic_file.replace(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic_file.replace(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_created_once(tmp_path: Path) -> None:
    """Creating a file that is there is an error, so that of two creators one wins."""
    atomic_file.create(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        atomic_file.create(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"


def test_a_folder_that_can_not_be_synced_is_no_error(tmp_path: Path) -> None:
    """Some systems can't make a folder durable; that is not the caller's business."""
    atomic_file.sync_folder(tmp_path / "missing")
