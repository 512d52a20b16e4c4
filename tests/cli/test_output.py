"""How commands speak."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hinterland.cli.output import command, printable


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program as it is installed, started by its path from the folder of its environment."""
    file = tmp_path / "env" / "bin" / "hinterland"
    file.parent.mkdir(parents=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["env/bin/hinterland", "serve"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return file


def test_a_command_can_be_typed(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command in a message has the program's name only where the shell finds this program by it."""
    assert command("serve") == "env/bin/hinterland serve"
    monkeypatch.setenv("PATH", f"{program.parent}:/bin")
    assert command("serve") == "hinterland serve"
    monkeypatch.setattr(sys, "argv", ["./other/hinterland"])
    assert command("serve") == "./other/hinterland serve"
    monkeypatch.setattr(sys, "argv", [str(program.parents[1] / "hinterland" / "__main__.py")])
    assert command("serve") == f"{sys.executable} -m hinterland serve"


@pytest.mark.usefixtures("program")
def test_what_a_shell_would_part_is_quoted() -> None:
    """A folder with a space stays one word."""
    assert command("migrate", "app.py", "--data", Path("my data")) == (
        "env/bin/hinterland migrate app.py --data 'my data'"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("\x07\x00\r\x9b", "\\x07\\x00\\r\\x9b"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("d\udcffa", "d\\udcffa"),
        ("plain é 日本 🎉\n\ttext", "plain é 日本 🎉\n\ttext"),
    ],
)
def test_a_terminal_obeys_no_file(text: str, shown: str) -> None:
    """What a terminal would obey, what would reorder a line, and bytes that are not UTF-8 are printed escaped."""
    assert printable(text) == shown
