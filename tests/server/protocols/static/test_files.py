"""Files that change while they are served."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, strategies

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import ManualClock
from hinterland.server.protocols.static import files
from hinterland.server.protocols.static.files import FileReader, FoundFile, OpenFile, PageFolder, safe_names
from tests.support.built_page import SECRET


def located(folder: Path, name: str) -> FoundFile:
    """A file that is there."""
    found = PageFolder(str(folder)).find(name)
    assert found is not None
    return found


def write_at(file: Path, text: str, when: float) -> None:
    """Write a file in place, as changed at this time."""
    file.write_text(text)
    os.utime(file, (when, when))


def counted(reads: list[str], name: str, act: Callable[[object], object]) -> Callable[[object], object]:
    """`act`, which leaves its name in a list."""

    def run(given: object) -> object:
        reads.append(name)
        return act(given)

    return run


@pytest.mark.parametrize(
    "path",
    [
        "/.env", "/.git/config", "/a/.b", "/..", "/../x", "/a/../b", "/a/./b", "//x", "/a//b", "/a//", "/a\0b", "/a\\b",
        "/..\\x", "/c:/x", "/a:b", "/nul", "/NUL.js", "/com1.txt", "/a.", "/a ", "/a\x7f", "/a\n", "/.well-known",
        "/a/.well-known/b", "/.well-known/.env", "/aux .js", "/...", "/a*", "/a?", '/"', "/a|b", "/COM¹", "/\ud800",
    ],
)  # fmt: skip
def test_names_that_are_not_served(path: str) -> None:
    """Dots that climb or hide, other separators, controls, and what is special on Windows name no file."""
    assert safe_names(path) is None


@pytest.mark.parametrize(
    ("path", "names"),
    [("/", []), ("/a", ["a"]), ("/a/b/", ["a", "b"]), ("/.well-known/a", [".well-known", "a"]), ("/a..b", ["a..b"]),
     ("/[id]/日本.js", ["[id]", "日本.js"]), ("/console.js", ["console.js"])],
)  # fmt: skip
def test_names_that_are(path: str, names: list[str]) -> None:
    """Other names are, in whatever script."""
    assert safe_names(path) == names


def test_links(built: Path) -> None:
    """A link within the folder is followed; one that leads outside, to a hidden file or to itself names nothing."""
    assert located(built, "inside.js").path == "inside.js"
    folder = PageFolder(str(built))
    for path in ("link.txt", "linked/secret.txt", "beside.txt", "hidden.txt", "loop", "assets", "", "none"):
        assert folder.find(path) is None, path


PIECES = [
    "", ".", "..", "...", "/", "\\", "\0", "outside", "secret.txt", "linked", "link.txt", "hidden.txt", "loop", ".env",
    ".git", "config", "assets", ".secret", ".well-known", "security.txt", "inside.js", "beside.txt", "C:", "nul",
    "index.html",
]  # fmt: skip


@given(pieces=strategies.lists(strategies.sampled_from(PIECES), max_size=8), glue=strategies.sampled_from(["", "/"]))
def test_no_path_leads_elsewhere(built: Path, pieces: list[str], glue: str) -> None:
    """Whatever is put together of names, dots, separators and links: what is found is within the folder, not hidden,
    and without what is secret."""
    names = safe_names("/" + glue.join(pieces))
    found = None if names is None else PageFolder(str(built)).find("/".join(names))
    if found is not None:
        place = Path(found.place)
        assert place.is_relative_to(built)
        assert not any(part.startswith(".") for part in place.relative_to(built).parts if part != ".well-known")
        assert SECRET not in place.read_bytes().decode("latin-1")


def test_a_volume_of_kubernetes(built: Path) -> None:
    """A mounted file is a link through `..data` within the folder, and is served."""
    (built / "..2026_01").mkdir()
    (built / "..2026_01" / "settings.js").write_text("mounted")
    (built / "..data").symlink_to("..2026_01")
    (built / "settings.js").symlink_to("..data/settings.js")
    assert located(built, "settings.js").version.size == 7


def test_a_folder_that_is_swapped(built: Path, tmp_path: Path) -> None:
    """The folder may be a link that a deployment sets to another release."""
    link, other = tmp_path / "current", tmp_path / "other"
    other.mkdir()
    (other / "config.js").write_text("the other")
    link.symlink_to(built)
    folder = PageFolder(str(link))
    before = folder.find("config.js")
    link.unlink()
    link.symlink_to(other)
    after = folder.find("config.js")
    assert before is not None
    assert after is not None
    assert (before.place, after.place) == (str(built / "config.js"), str(other / "config.js"))


def test_a_file_that_becomes_a_link(built: Path, tmp_path: Path) -> None:
    """A file that was served is no longer when a link out of the folder takes its name."""
    folder = PageFolder(str(built))
    assert folder.find("config.js") == folder.find("config.js")
    (built / "config.js").unlink()
    (built / "config.js").symlink_to(tmp_path / "outside" / "secret.txt")
    assert folder.find("config.js") is None


async def test_what_is_unchanged_is_read_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any number of callers read a file once, and compress it once, until it changes."""
    reads: list[str] = []
    for name in ("_whole", "_gzipped"):
        monkeypatch.setattr(files, name, counted(reads, name, getattr(files, name)))
    reader = FileReader(ManualClock())
    for text in ("one", "another"):
        reads.clear()
        (built / "config.js").write_text(text * 200)
        found = located(built, "config.js")
        each = await asyncio.gather(*[reader.read(found) for _ in range(20)])
        packed = await asyncio.gather(*[reader.gzipped(found.place, each[0]) for _ in range(20)])
        assert {kept.data for kept in [*each, await reader.read(found)]} == {(text * 200).encode()}
        assert len({kept.data for kept in packed}) == 1
        assert reads == ["_whole", "_gzipped"]


class WritingClock(ManualClock):
    """A clock on whose sleep somebody goes on writing a file."""

    def __init__(self, file: Path, texts: Iterable[str]) -> None:
        super().__init__()
        self.file = file
        self.texts = iter(texts)

    async def sleep(self, seconds: float) -> None:
        """Time passes, and more is written."""
        self.jump(seconds)
        if (text := next(self.texts, None)) is not None:
            write_at(self.file, text, self.now())


async def test_half_a_file_is_waited_for(built: Path) -> None:
    """A file that was changed just now may be half written: it is read again when it is quiet."""
    clock = WritingClock(built / "config.js", ["half and", "half and the rest"])
    write_at(clock.file, "half", clock.now())
    found = located(built, "config.js")
    assert (await FileReader(clock).read(found)).data == b"half and the rest"
    write_at(clock.file, "half", clock.now())
    clock.texts = iter(["half and the rest"])
    file = await FileReader(clock).open(found)
    assert [piece async for piece in file.open()] == [b"half and the rest"]
    await file.close()


async def test_a_file_that_never_rests(built: Path) -> None:
    """A file that is written all the time is refused, to be tried again."""
    clock = WritingClock(built / "config.js", itertools.repeat("x"))
    write_at(clock.file, "x", clock.now())
    reader, found = FileReader(clock), located(built, "config.js")
    for read in (reader.read, reader.open):
        with pytest.raises(Refusal, match="being written"):
            await read(found)


async def test_memory_is_bounded(built: Path) -> None:
    """The least used files leave the memory for others, and are read again."""
    reader = FileReader(ManualClock(), memory_bytes=10_000)
    for number in range(30):
        (built / f"{number}.txt").write_text(f"{number:04}" * 1_000)
        kept = await reader.read(located(built, f"{number}.txt"))
        assert kept.data[:4] == b"%04d" % number
        assert reader.kept_bytes <= 10_000
    assert (await reader.read(located(built, "0.txt"))).data[:4] == b"0000"


async def test_an_open_file(built: Path) -> None:
    """A file that another one replaces is read to its end; one that is changed itself ends early."""
    file = built / "big.bin"
    file.write_bytes(b"a" * 600_000)
    for replace in (True, False):
        held = OpenFile(str(file))
        pieces = held.open()
        first = await anext(pieces)
        if replace:
            (built / "new.bin").write_bytes(b"b" * 600_000)
            (built / "new.bin").replace(file)
            rest = b"".join([piece async for piece in pieces])
            assert first + rest == b"a" * 600_000
        else:
            write_at(file, "c" * 600_000, 1)
            with pytest.raises(EOFError):
                await anext(pieces)
        await held.close()
        await held.close()


def test_only_regular_files_are_opened(built: Path) -> None:
    """A pipe is never waited for, and a folder has no bytes."""
    os.mkfifo(built / "pipe")
    assert PageFolder(str(built)).find("pipe") is None
    for name in ("pipe", "assets"):
        with pytest.raises(OSError, match=name):
            OpenFile(str(built / name))
