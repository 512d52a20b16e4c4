"""The source tree as the tests of the house see it: files, parsed modules, functions and imports."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.required import require_program

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "hinterland"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Import:
    """One imported thing: `from module import name` (`name` is None for `import module`), at a line of a file."""

    file: Path
    line: int
    module: str
    name: str | None
    level: int

    def __str__(self) -> str:
        text = f"import {self.module}" if self.name is None else f"from {self.module} import {self.name}"
        return f"{self.file.relative_to(ROOT)}:{self.line}: {text}"


@cache
def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(), str(file))


def modules(folder: Path = PACKAGE) -> list[Path]:
    """Every Python file below a folder."""
    return sorted(file for file in folder.rglob("*.py") if "node_modules" not in file.parts)


def functions(file: Path) -> Iterator[Function]:
    """Every function of a file, methods and inner ones included."""
    return (node for node in ast.walk(parsed(file)) if isinstance(node, Function))


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions included."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name, None, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (Import(file, node.lineno, module, alias.name, node.level) for alias in node.names)


def is_package(dotted: str) -> bool:
    """Whether `hinterland.x.y` is a folder with a face."""
    return (SOURCE / Path(*dotted.split(".")) / "__init__.py").exists()


def is_module(dotted: str) -> bool:
    """Whether `hinterland.x.y` is a module or a package."""
    return is_package(dotted) or (SOURCE / Path(*dotted.split("."))).with_suffix(".py").exists()


@cache
def committed_files() -> list[Path]:
    """Every file that belongs to the project: what git tracks, and what it would not ignore."""
    git = require_program("git")
    command = [str(git), "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    files = (ROOT / name for name in listed.split("\0") if name)
    return sorted(file for file in files if file.is_file())
