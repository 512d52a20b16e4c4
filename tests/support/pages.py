"""The code blocks of the documentation, and how they are run: Python in this process, shell commands by `sh`."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
README_ADDRESS = "http://127.0.0.1:8001"  # where the README's notes are served, which the pages call
NOT_RUN = "not-run"  # the mark of a block that no test runs
STREAM = "stream"  # the mark of a shell block that does not end by itself: it runs until its stream is open
_FENCE = re.compile(r"^```(python|sh|console)((?: [\w-]+)*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LONGEST = 60.0  # seconds

# A status of 400 and more is an error; what a block started in the background ends with the script.
_SHELL = """set -eu
trap 'code=$?; trap "" TERM; kill 0; exit $code' EXIT
curl() { command curl --silent --show-error --fail-with-body --max-time 30 "$@"; }
"""


class Block(NamedTuple):
    """A block of a page: its language, the other words of its fence, its text, and the line at which that begins."""

    page: str
    language: str
    marks: tuple[str, ...]
    text: str
    line: int

    @property
    def is_run(self) -> bool:
        """Whether it is to be run."""
        return NOT_RUN not in self.marks

    def compiled(self, address: str) -> CodeType:
        """The Python of the block, with the page's lines in tracebacks; it may await, as the page's text says."""
        text = "\n" * (self.line - 1) + self.text.replace(README_ADDRESS, address)
        code: CodeType = compile(text, self.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        return code


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of Python and of shell commands of a page, or those in these languages."""
    text = (ROOT / page).read_text()
    return [
        Block(page, found[1], tuple(found[2].split()), found[3], text.count("\n", 0, found.start(3)) + 1)
        for found in _FENCE.finditer(text)
        if not languages or found[1] in languages
    ]


async def run_python(block: Block, names: dict[str, Any], address: str) -> None:
    """Run a block of Python over these names: on this loop if it awaits, else in a thread, as a program of its own."""
    code = block.compiled(address)
    if code.co_flags & inspect.CO_COROUTINE:
        await eval(code, names)  # noqa: S307
    else:
        await asyncio.to_thread(exec, code, names)


def run_shell(page: Iterable[Block], folder: Path, address: str, **variables: str) -> list[str]:
    """Run blocks of shell commands one after another in one shell, with curl's errors as errors; what each printed.

    `variables` are those that the page says are set.
    """
    script = _SHELL
    shown = list(page)
    for number, block in enumerate(shown):
        text = block.text.replace(README_ADDRESS, address)
        if STREAM in block.marks:
            text = f"mkfifo {number}.fifo\n{{\n{text}}} > {number}.fifo &\nsed '/^event: ready/q' {number}.fifo\n"
        script += f"exec > {number}.out\n{text}"
    with (folder / "errors").open("w") as errors:
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=folder,
            env={**os.environ, **variables},
            stderr=errors,
            timeout=_LONGEST,
            start_new_session=True,
            check=False,
        )
    printed = [file.read_text() for number in range(len(shown)) if (file := folder / f"{number}.out").exists()]
    said = (folder / "errors").read_text()
    assert done.returncode == 0, f"{shown[0].page}, line {shown[len(printed) - 1].line}: {printed[-1:]} {said}"
    return printed
