"""What no committed file may hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, committed_files

LOCKS = ("requirements/run.txt", "requirements/dev.txt", "requirements/data.txt")
REGISTRY = re.compile(r"pypi[.]org|pythonhosted[.]|npmjs[.]|deb[.]debian")
MACHINE_PATH = re.compile(r"(?<![\w.*$}])/(work|root|opt|tmp/scratch)/")
UNTOLD = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")


def text_of(file: Path) -> str:
    """A file's text; of a picture or another binary file, nothing."""
    data = file.read_bytes()
    return "" if b"\0" in data else data.decode(errors="replace")


def places(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """`file:line: text` of every line in which the pattern is found."""
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry() -> None:
    """Where packages come from is the machine's business: no committed file names a registry's host."""
    assert places(REGISTRY, committed_files()) == []


def test_no_file_names_a_path_of_one_machine() -> None:
    """No committed file holds a path that exists on one machine only."""
    assert places(MACHINE_PATH, committed_files()) == []


def test_nothing_is_left_for_later() -> None:
    """What is not finished is absent: no stub and no note to finish it."""
    exempt = {Path(__file__).name, "package-lock.json"}
    assert places(UNTOLD, [file for file in committed_files() if file.name not in exempt]) == []


@pytest.mark.parametrize("name", LOCKS)
def test_python_locks_are_hashed_and_name_no_address(name: str) -> None:
    """Every pinned package carries hashes, and the file names no index, no address and no folder."""
    text = (ROOT / name).read_text()
    pins = re.findall(r"^[\w.-]+==[^ ]+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) > 0
    assert re.findall(r"^-.*|.*(?:://|--index|--find-links|--trusted).*", text, re.MULTILINE) == []


def test_npm_locks_name_no_address() -> None:
    """A lock file of npm keeps versions and integrity, and leaves out where each package was fetched."""
    for file in committed_files():
        if file.name == "package-lock.json":
            packages = json.loads(file.read_text())["packages"]
            assert [name for name, entry in packages.items() if "resolved" in entry] == []
            assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
