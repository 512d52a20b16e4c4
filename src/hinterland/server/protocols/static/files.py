"""Files of a folder that a builder may change at any time: found within it, and read whole or not at all."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import re
import stat
from collections import OrderedDict
from collections.abc import AsyncGenerator
from functools import partial
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.kit.body import PIECE_BYTES, Body
from hinterland.kit.clock import Clock
from hinterland.kit.single_flight import SingleFlight

MEMORY_BYTES = 32 * 1024 * 1024  # of all files that are kept in memory
WHOLE_BYTES = 8 * 1024 * 1024  # a larger file is read piece by piece, and not compressed
QUIET_SECONDS = 0.25  # a file that was changed within that time may be half written
_MOST_TRIES = 12
_MOST_KNOWN = 10_000
_WELL_KNOWN = ".well-known"  # RFC 8615
# What means something in a path of Windows, controls, and names that are devices there, whatever their ending.
_BAD_NAME = re.compile(r'[\x00-\x1f\x7f-\x9f\\:*?"<>|\ud800-\udfff]|[. ]$')
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:[. ].*)?", re.IGNORECASE)
_OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class FileVersion(NamedTuple):
    """What changes whenever a file's content does."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class FoundFile(NamedTuple):
    """A regular file as it was found: its path in the folder, with `/` between names, and its real path."""

    path: str
    place: str
    version: FileVersion


class KeptBytes(NamedTuple):
    """The bytes of one version of a file, or of a coding of it, with their entity tag."""

    version: FileVersion
    data: bytes
    tag: bytes


def safe_names(path: str) -> list[str] | None:
    """The names in the path of a URL; None where one of them names no file that may be served. A file that begins with
    a dot is hidden, except below `/.well-known`."""
    names = path.strip("/").split("/") if path.strip("/") else []
    if path.startswith("//") or path.endswith("//"):
        return None
    for at, name in enumerate(names):
        is_hidden = name.startswith(".") and not (at == 0 and name == _WELL_KNOWN and len(names) > 1)
        if not name or is_hidden or _BAD_NAME.search(name) or _DEVICE.fullmatch(name):
            return None
    return names


class PageFolder:
    """The files of a folder. What is missing, hidden, or outside by a link, is not found."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self._known: dict[str, FoundFile] = {}  # by path; their links need not be followed again

    def find(self, path: str) -> FoundFile | None:
        """The regular file at a path of safe names with `/` between them."""
        joined = f"{self.root}/{path}"
        try:
            status = os.stat(joined)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        known, version = self._known.get(path), _version(status)
        if known is not None and known.version[:2] == version[:2]:  # the same file, whatever is in it now
            return FoundFile(path, known.place, version)
        return self._resolved(path, joined, version)

    def _resolved(self, path: str, joined: str, version: FileVersion) -> FoundFile | None:
        base = os.path.join(os.path.realpath(self.root), "")  # which a deployment may swap
        place = os.path.realpath(joined)
        if not place.startswith(base) or any(map(_is_hidden, place[len(base) :].split(os.sep))):
            return None
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[path] = FoundFile(path, place, version)
        return found


def _is_hidden(name: str) -> bool:
    # Kubernetes' volumes keep their files in "..data" and link to them.
    return name.startswith(".") and name != _WELL_KNOWN and not name.startswith("..")


def _version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def tag_of(data: bytes) -> bytes:
    """The strong entity tag of these bytes (RFC 9110 §8.8.3), on every node the same."""
    return b'"%b"' % hashlib.blake2b(data, digest_size=12).hexdigest().encode()


class FileReader:
    """Reads files, and keeps those last used in memory as long as they are unchanged."""

    def __init__(self, clock: Clock, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self.kept_bytes = 0
        self._clock = clock
        self._most = memory_bytes
        self._kept: OrderedDict[tuple[str, str], KeptBytes] = OrderedDict()
        self._flights: SingleFlight[KeptBytes] = SingleFlight()

    async def read(self, found: FoundFile) -> KeptBytes:
        """The whole file, as it is now. Raises OSError where it is gone, `unavailable` where it is written all the
        time."""
        kept = self._lookup(found.place, "", found.version)
        return kept or await self._flights.run((found.place, found.version), partial(self._read, found.place))

    async def gzipped(self, place: str, file: KeptBytes) -> KeptBytes:
        """A file compressed, once for each version; without data where that makes it no smaller."""
        kept = self._lookup(place, "gzip", file.version)
        return kept or await self._flights.run((place, file.version, "gzip"), partial(self._compress, place, file))

    async def open(self, found: FoundFile) -> OpenFile:
        """A file to be read piece by piece. Raises OSError and `unavailable` as `read` does."""
        for _ in range(_MOST_TRIES):
            file = await asyncio.to_thread(OpenFile, found.place)
            if not self._is_recent(file.version):
                return file
            await file.close()
            await self._clock.sleep(QUIET_SECONDS)
        raise _always_changing()

    def _lookup(self, place: str, coding: str, version: FileVersion) -> KeptBytes | None:
        kept = self._kept.get((place, coding))
        if kept is None or kept.version != version:
            return None
        self._kept.move_to_end((place, coding))
        return kept

    async def _read(self, place: str) -> KeptBytes:
        for _ in range(_MOST_TRIES):
            read = await asyncio.to_thread(_whole, place)
            if read is not None and not self._is_recent(read.version):
                return self._keep(place, "", read)
            await self._clock.sleep(QUIET_SECONDS)
        raise _always_changing()

    async def _compress(self, place: str, file: KeptBytes) -> KeptBytes:
        return self._keep(place, "gzip", await asyncio.to_thread(_gzipped, file))

    def _is_recent(self, version: FileVersion) -> bool:
        return abs(self._clock.now() - version.modified_ns / 1e9) < QUIET_SECONDS

    def _keep(self, place: str, coding: str, read: KeptBytes) -> KeptBytes:
        before = self._kept.pop((place, coding), None)
        self._kept[place, coding] = read
        self.kept_bytes += len(read.data) - (0 if before is None else len(before.data))
        while self.kept_bytes > self._most or len(self._kept) > self._most // 4096:  # empty ones cost memory too
            _, dropped = self._kept.popitem(last=False)
            self.kept_bytes -= len(dropped.data)
        return read


def _always_changing() -> Refusal:
    return Refusal("unavailable", "the file is being written; retry", retry_after=1)


def _opened(place: str) -> tuple[int, os.stat_result]:
    """A descriptor of a regular file; raises OSError for anything else. It follows no link: `place` is a real path."""
    handle = os.open(place, _OPEN)
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return handle, status
    os.close(handle)
    raise FileNotFoundError(place)


def _whole(place: str) -> KeptBytes | None:
    """The bytes of a file; None where it changed while it was read."""
    handle, status = _opened(place)
    with os.fdopen(handle, "rb") as file:
        data = file.read(WHOLE_BYTES + 1)
        is_same = _version(os.fstat(handle)) == _version(status) and len(data) == status.st_size
    return KeptBytes(_version(status), data, tag_of(data)) if is_same else None


def _gzipped(file: KeptBytes) -> KeptBytes:
    data = gzip.compress(file.data, 6, mtime=0)
    is_smaller = len(data) < len(file.data) * 0.95
    return KeptBytes(file.version, data if is_smaller else b"", tag_of(data))


class OpenFile(Body):
    """An open file, as long as it was then. It stays readable when another file takes its name; reading it raises
    EOFError where it is changed itself, so that a response ends early and never holds parts of two versions."""

    def __init__(self, place: str) -> None:
        self._handle, status = _opened(place)
        self._is_open = True
        self.version = _version(status)
        self.length: int = status.st_size
        self.tag = b'"%x-%x"' % (status.st_mtime_ns, status.st_size)

    async def open(self, start: int = 0, stop: int | None = None) -> AsyncGenerator[bytes, None]:
        """The file's bytes."""
        end = self.length if stop is None else min(stop, self.length)
        while start < end:
            piece = await asyncio.to_thread(self._piece, start, min(end - start, PIECE_BYTES))
            start += len(piece)
            yield piece

    def _piece(self, start: int, size: int) -> bytes:
        piece = os.pread(self._handle, size, start)
        status = os.fstat(self._handle)
        if not piece or (status.st_size, status.st_mtime_ns) != (self.version.size, self.version.modified_ns):
            raise EOFError("the file was changed while it was sent")
        return piece

    async def close(self) -> None:
        """Close the file."""
        if self._is_open:
            self._is_open = False
            os.close(self._handle)
