"""Codings, conditions and ranges of a page's files (RFC 9110 §8.4, §13, §14)."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from tests.server.api import Api, problem
from tests.support.built_page import CODE, NAVIGATION, SCRIPT

BIG = os.urandom(1024) * 9 * 1024  # more than is read into memory


async def get(api: Api, path: str, **headers: str) -> Any:
    """One request with these headers; its body is as it was sent."""
    headers = {"Accept-Encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with api.http.stream("GET", path, headers=headers) as answer:
        answer.extensions["raw"] = b"".join([piece async for piece in answer.aiter_raw()])
    return answer


async def test_gzip_is_made(site: Api) -> None:
    """A text is compressed for a caller that accepts it; each coding has its own tag, and caches keep them apart."""
    plain = await get(site, f"/{SCRIPT}")
    packed = await get(site, f"/{SCRIPT}", Accept_Encoding="gzip, deflate")
    assert gzip.decompress(packed.extensions["raw"]) == CODE.encode() == plain.extensions["raw"]
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.extensions["raw"]))
    assert plain.headers["etag"] != packed.headers["etag"]
    assert "accept-ranges" not in packed.headers
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"]
        coding = answer.headers.get("content-encoding", "identity")
        again = await get(site, f"/{SCRIPT}", Accept_Encoding=coding, If_None_Match=answer.headers["etag"])
        assert again.status_code == 304
    crossed = await get(site, f"/{SCRIPT}", Accept_Encoding="gzip", If_None_Match=plain.headers["etag"])
    assert crossed.status_code == 200


async def test_what_is_not_compressed(site: Api, built: Path) -> None:
    """Small files, formats that are compressed already, and what gets no smaller are sent as they are."""
    (built / "random.txt").write_bytes(os.urandom(5_000))
    (built / "photo.png").write_bytes(b"x" * 5_000)
    for path in ("/config.js", "/photo.png", "/random.txt", "/random.txt"):
        answer = await get(site, path, Accept_Encoding="gzip")
        assert "content-encoding" not in answer.headers
        assert answer.extensions["raw"] == (built / path[1:]).read_bytes()
        assert ("Accept-Encoding" in answer.headers["vary"]) == (path != "/photo.png")


async def test_what_was_compressed_beforehand(site: Api, built: Path) -> None:
    """Siblings with .br, .zst and .gz are sent to callers that accept them, as the file's type."""
    for ending in ("br", "zst", "gz"):
        (built / f"{SCRIPT}.{ending}").write_text(ending)
        os.utime(built / f"{SCRIPT}.{ending}", (1, 1))  # the name has the content's hash, so no age matters
    for accepted, coding, body in (
        ("gzip, deflate, br, zstd", "br", b"br"), ("gzip, zstd", "zstd", b"zst"), ("gzip", "gzip", b"gz"),
        ("br;q=0.5, gzip", "gzip", b"gz"),
    ):  # fmt: skip
        answer = await get(site, f"/{SCRIPT}", Accept_Encoding=accepted)
        assert (answer.headers["content-encoding"], answer.extensions["raw"]) == (coding, body)
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["cache-control"].endswith("immutable")
    assert (await get(site, f"/{SCRIPT}", Accept_Encoding="deflate")).extensions["raw"] == CODE.encode()


async def test_a_sibling_of_another_version(site: Api, built: Path) -> None:
    """A compressed file that is older than its original, or a link that leads outside, is not used."""
    (built / "config.js.br").write_text("old")
    os.utime(built / "config.js.br", (1, 1))
    assert "content-encoding" not in (await get(site, "/config.js", Accept_Encoding="br")).headers
    os.utime(built / "config.js.br")
    assert (await get(site, "/config.js", Accept_Encoding="br")).extensions["raw"] == b"old"
    (built / "sw.js.br").symlink_to(built.parent / "outside" / "secret.txt")
    assert "content-encoding" not in (await get(site, "/sw.js", Accept_Encoding="br")).headers


async def test_conditions(site: Api, built: Path) -> None:
    """Tags decide before dates do, weak tags count for If-None-Match only, and what is malformed is ignored."""
    os.utime(built / "config.js", (1_000_000_000, 1_000_000_000))
    tag = (await get(site, "/config.js")).headers["etag"]
    date, before = "Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001 01:46:39 GMT"
    for status, headers in (
        (304, {"If_None_Match": tag}), (304, {"If_None_Match": f'"x", W/{tag}'}), (304, {"If_None_Match": "*"}),
        (200, {"If_None_Match": '"x"'}), (200, {"If_None_Match": "nonsense"}),
        (304, {"If_Modified_Since": date}), (200, {"If_Modified_Since": before}),
        (200, {"If_Modified_Since": "yesterday"}), (200, {"If_Modified_Since": date, "If_None_Match": '"x"'}),
        (200, {"If_Match": tag}), (200, {"If_Match": "*"}), (412, {"If_Match": '"x"'}), (412, {"If_Match": f"W/{tag}"}),
        (200, {"If_Unmodified_Since": date}), (412, {"If_Unmodified_Since": before}),
        (200, {"If_Match": tag, "If_Unmodified_Since": before}),
        (200, {"If_Modified_Since": f"{date[:-3]}+{10**19}", "If_Unmodified_Since": f"{date[:-3]}-{10**19}"}),
    ):  # fmt: skip
        assert (await get(site, "/config.js", **headers)).status_code == status, headers
    answer = await get(site, "/config.js", If_Match='"x"')
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_a_file_of_the_future(site: Api, built: Path) -> None:
    """A file that was changed after now, by the server's clock, is reported as changed now (RFC 9110 §8.8.2.1)."""
    os.utime(built / "config.js", (9_000_000_000, 9_000_000_000))
    assert (await get(site, "/config.js")).headers["last-modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize("name", ["small.txt", "big.txt", "photo.png"])
async def test_ranges(site: Api, built: Path, name: str) -> None:
    """A range is one of the file itself, whatever coding its caller accepts; a large file has them too."""
    content = {"big.txt": BIG, "photo.png": BIG[:600_000]}.get(name, CODE.encode())
    (built / name).write_bytes(content)
    whole = await get(site, f"/{name}")
    assert (whole.extensions["raw"], whole.headers["accept-ranges"]) == (content, "bytes")
    assert whole.headers["content-length"] == str(len(content))
    for given, part in (("bytes=0-9", content[:10]), ("bytes=-5", content[-5:]), ("bytes=7-", content[7:])):
        answer = await get(site, f"/{name}", Range=given, Accept_Encoding="gzip")
        assert (answer.status_code, answer.extensions["raw"]) == (206, part)
        assert answer.headers["content-length"] == str(len(part))
        assert answer.headers["content-range"].endswith(f"/{len(content)}")
    for condition, status in ((whole.headers["etag"], 206), ('"x"', 200)):
        assert (await get(site, f"/{name}", Range="bytes=0-0", If_Range=condition)).status_code == status
    outside = await site("GET", f"/{name}", headers={"Range": f"bytes={len(content)}-"})
    problem(outside, 416, "range_not_satisfiable")
    assert outside.headers["content-range"] == f"bytes */{len(content)}"


async def test_large_files(site: Api, built: Path) -> None:
    """A file that is larger than what is kept in memory has a tag, conditions and HEAD, and leaves no file open."""
    (built / "big.bin").write_bytes(BIG)
    before = len(os.listdir("/proc/self/fd"))
    head = await site("HEAD", "/big.bin")
    assert (head.headers["content-length"], head.content) == (str(len(BIG)), b"")
    assert (await get(site, "/big.bin", If_None_Match=head.headers["etag"])).status_code == 304
    assert (await get(site, "/big.bin", If_Match='"x"')).status_code == 412
    assert (await get(site, "/big.bin", Range="bytes=99999999-")).status_code == 416
    assert (await get(site, "/big.bin")).extensions["raw"] == BIG
    assert len(os.listdir("/proc/self/fd")) == before


async def test_the_page_is_compressed_too(site: Api, built: Path) -> None:
    """The response to a navigation is coded like a file."""
    (built / "index.html").write_text("<p>long</p>" * 500)
    answer = await get(site, "/cart", Accept=NAVIGATION["Accept"], Accept_Encoding="gzip")
    assert gzip.decompress(answer.extensions["raw"]) == b"<p>long</p>" * 500
