"""A folder with a built web page as responses: files, and `index.html` for the addresses that the page's own router
knows (RFC 9110 §8.8, §13, §14)."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from hinterland.contract.errors import Refusal
from hinterland.kit.clock import Clock
from hinterland.kit.log_limit import LimitedLog
from hinterland.server.http import BodyPart, Headers, HttpAnswer, HttpRequest, accepts_html
from hinterland.server.middleware.boundary import LOG_LINES
from hinterland.server.protocols.static.codings import ENDINGS, accepted_codings
from hinterland.server.protocols.static.content_types import content_type, is_compressible
from hinterland.server.protocols.static.files import (
    WHOLE_BYTES,
    FileReader,
    FoundFile,
    OpenFile,
    PageFolder,
    safe_names,
)
from hinterland.server.protocols.static.hashed_names import is_hashed
from hinterland.server.ranges import asked_range
from hinterland.server.settings import SettingsError

log = logging.getLogger("hinterland.static")
INDEX = "index.html"
_IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
_CHECKED = (b"cache-control", b"no-cache")  # kept, and asked for again with its tag
_VARY_CODING = (b"vary", b"Accept-Encoding")
_VARY_KIND = (b"vary", b"Accept")
_EXTENSION = re.compile(r"\.(?=\d*[A-Za-z])[A-Za-z0-9]{1,12}$")
_TAGS = re.compile(rb'(?:W/)?("[^"]*")')
_OF_UNCHANGED = frozenset({b"cache-control", b"etag", b"vary"})  # RFC 9110 §15.4.5
_LARGEST_OTHER = 512 * 1024  # bytes, of a file in memory that is compressed already
_LEAST_GZIP = 512  # bytes; a smaller file costs one packet in any case


class Content(NamedTuple):
    """What a response has as its body: bytes or an open file, in which coding."""

    coding: str
    tag: bytes
    body: bytes | OpenFile

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.length


class StaticSite:
    """The files of the folder `root`, which may change while they are served. Raises `SettingsError` where it has no
    page."""

    def __init__(self, root: str, clock: Clock, private: Iterable[Path] = ()) -> None:
        self._folder = PageFolder(root)
        self._clock = clock
        self._log = LimitedLog(log, LOG_LINES)  # anybody can ask for an unreadable file, as often as they like
        self._reader = FileReader(clock)
        check_static(root, private)

    async def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """The response to a request for a file, or for an address of the page; None where there is none."""
        names = safe_names(request.path)
        if request.method not in ("GET", "HEAD") or names is None:
            return None
        is_folder = request.path.endswith("/")
        found = self._find(names, is_folder)
        if found is not None:
            return await self._file(request, found, is_start=not names)
        if names and not is_folder and self._folder.find("/".join([*names, INDEX])) is not None:
            return _to_folder(request, names[-1])
        if not accepts_html(request) or names[:1] == [".well-known"] or (names and _EXTENSION.search(names[-1])):
            return None
        index = self._folder.find(INDEX)
        answer = None if index is None else await self._file(request, index, is_start=True)
        if answer is None:  # a builder empties the folder first
            raise Refusal("unavailable", "the page has no index.html now; build it, or retry", retry_after=1)
        return answer

    def is_start(self, request: HttpRequest) -> bool:
        """Whether `GET /` asks for the page: browsers do, and programs ask the API."""
        return request.method in ("GET", "HEAD") and accepts_html(request)

    def report_shadowed(self, taken: Iterable[str]) -> None:
        """Log the files and folders that can't be reached, since their names are first segments of the API's paths."""
        for name in sorted(set(taken).intersection(os.listdir(self._folder.root))):
            log.warning(
                "static: %.300r is not served: the path /%s is the API's", os.path.join(self._folder.root, name), name
            )

    def _find(self, names: list[str], is_folder: bool) -> FoundFile | None:
        path = "/".join([*names, INDEX] if is_folder else names)
        if is_folder:
            return self._folder.find(path)
        return self._folder.find(path) or self._folder.find(f"{path}.html")

    async def _file(self, request: HttpRequest, found: FoundFile, *, is_start: bool) -> HttpAnswer | None:
        try:
            content = await self._content(request, found)
        except (FileNotFoundError, NotADirectoryError):  # removed meanwhile
            return None
        except OSError as error:
            self._log.warning("cannot read %.300r: %s; check its permissions", found.place, error.strerror)
            return None
        try:
            answer = self._answered(request, found, content, is_start=is_start)
        except BaseException:
            await _close(content)
            raise
        if answer.status == 304:
            await _close(content)
        return answer

    async def _content(self, request: HttpRequest, found: FoundFile) -> Content:
        """The coding of a file that its caller prefers. A range is one of the file as it is."""
        if is_compressible(found.path) and b"range" not in request.headers:
            for coding in accepted_codings(request.header(b"accept-encoding")):
                if (content := await self._coded(found, coding)) is not None:
                    return content
        return await self._plain("", found)

    async def _coded(self, found: FoundFile, coding: str) -> Content | None:
        sibling = self._sibling(found, ENDINGS[coding])
        if sibling is not None:
            return await self._plain(coding, sibling)
        if coding != "gzip" or not _LEAST_GZIP <= found.version.size <= WHOLE_BYTES:
            return None
        file = await self._reader.read(found)
        packed = await self._reader.gzipped(found.place, file)
        return Content("gzip", packed.tag, packed.data) if packed.data else Content("", file.tag, file.data)

    async def _plain(self, coding: str, found: FoundFile) -> Content:
        may_be_kept = coding or is_compressible(found.path)  # pictures and films can be many
        if found.version.size > (WHOLE_BYTES if may_be_kept else _LARGEST_OTHER):
            file = await self._reader.open(found)
            return Content(coding, file.tag, file)
        kept = await self._reader.read(found)
        return Content(coding, kept.tag, kept.data)

    def _sibling(self, found: FoundFile, ending: str) -> FoundFile | None:
        """A file that was compressed beforehand; one that is older than its original is of another version, unless
        the name has the content's hash."""
        sibling = self._folder.find(f"{found.path}{ending}")
        if sibling is None or is_hashed(found.path) or sibling.version.modified_ns >= found.version.modified_ns:
            return sibling
        return None

    def _answered(self, request: HttpRequest, found: FoundFile, content: Content, *, is_start: bool) -> HttpAnswer:
        name = found.path.rpartition("/")[2]
        modified = min(found.version.modified_ns / 1e9, self._clock.now())
        headers: Headers = [
            (b"content-type", content_type(name).encode()),
            _IMMUTABLE if not is_start and is_hashed(found.path) else _CHECKED,
            (b"etag", content.tag),
            (b"last-modified", formatdate(modified, usegmt=True).encode()),
        ]
        headers += [_VARY_CODING] if is_compressible(name) else []
        headers += [_VARY_KIND] if is_start else []
        headers += [(b"content-encoding", content.coding.encode())] if content.coding else []
        failed = _failed_condition(request, content.tag, int(modified))
        if failed == 304:
            return HttpAnswer(304, [header for header in headers if header[0] in _OF_UNCHANGED], b"")
        if failed:
            raise Refusal("stale", "the file is not the version that the condition names; read it without If-Match")
        return _whole_or_part(request, headers, content)


def _whole_or_part(request: HttpRequest, headers: Headers, content: Content) -> HttpAnswer:
    if not content.coding:
        headers = [*headers, (b"accept-ranges", b"bytes")]
    part = None if content.coding else asked_range(request, content.size, content.tag)
    start, stop = part or (0, content.size)
    if part is not None:
        headers = [*headers, (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, content.size))]
    status = 200 if part is None else 206
    if isinstance(content.body, bytes):
        return HttpAnswer(status, headers, content.body if part is None else content.body[start:stop])
    length = (b"content-length", b"%d" % (stop - start))
    return HttpAnswer(status, [*headers, length], BodyPart(content.body, start, stop))


async def _close(content: Content) -> None:
    if isinstance(content.body, OpenFile):
        await content.body.close()


def _failed_condition(request: HttpRequest, tag: bytes, modified: int) -> int:
    """The status that the request's conditions lead to, in their order (RFC 9110 §13.2.2); 0 where they are true."""
    headers = request.headers
    match, other = headers.get(b"if-match"), headers.get(b"if-none-match")
    if match is not None:
        if match.strip() != b"*" and tag not in [found[0] for found in re.finditer(rb'(?:W/)?"[^"]*"', match)]:
            return 412
    elif (since := _seconds(request, b"if-unmodified-since")) is not None and modified > since:
        return 412
    if other is not None:
        return 304 if other.strip() == b"*" or tag in _TAGS.findall(other) else 0
    since = _seconds(request, b"if-modified-since")
    return 304 if since is not None and modified <= since else 0


def _seconds(request: HttpRequest, name: bytes) -> float | None:
    try:
        return parsedate_to_datetime(request.header(name)).timestamp()
    except (ValueError, OverflowError):  # with an offset of ages
        return None


def _to_folder(request: HttpRequest, name: str) -> HttpAnswer:
    """To the address with a slash, against which a page's relative addresses are right. It is relative to the request,
    so that it is valid below a prefix and leads to no other host."""
    query = request.scope.get("query_string", b"")
    place = f"./{quote(name, safe='')}/".encode() + (b"?" + query if query else b"")
    return HttpAnswer(308, [(b"location", place), _CHECKED], b"")


def check_static(root: str, private: Iterable[Path] = ()) -> None:
    """Raises `SettingsError` where the folder has no page, or has one of the `private` files and folders."""
    where = f"static (--static, HINTERLAND_STATIC) names {root!r}, "
    if not os.path.exists(root):
        raise SettingsError(f"{where}which does not exist; build the web page first, or give the folder of its build")
    if not os.path.isdir(root):
        raise SettingsError(f"{where}which is not a folder; give the folder that has the page's {INDEX}")
    if PageFolder(root).find(INDEX) is None or not os.access(os.path.join(root, INDEX), os.R_OK):
        raise SettingsError(f"{where}which has no readable {INDEX}; give the folder that the page was built into")
    real = os.path.realpath(root)
    for path in private:
        if os.path.commonpath([real, os.path.realpath(path)]) == real:
            raise SettingsError(
                f"{where}which contains {str(path)!r}: everybody could read it; keep the page's build in a folder of "
                "its own"
            )
