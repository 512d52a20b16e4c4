"""The questions of lists, those that can't be, and the ways from page to page."""

from __future__ import annotations

import base64
import re

import httpx2
import msgspec
import pytest

from tests.server.api import Api, problem

THINGS = "/v1/records/things"


@pytest.mark.parametrize(
    "query",
    [
        "page=0", "page=-1", "page=x", "page=1.5", "page=9999999999", "page=٣", "limit=0", "limit=1001", "limit=",
        "total=maybe", "limit=1&limit=2", "what=1", "sort=what", "sort=any", "sort=tags", "sort=--text",
        "filter=record.", "filter=record.what", "filter=1", "filter=true%26", "filter=" + "x" * 4_001, "whole=x",
        "flag=maybe", "where.at=yesterday", "at=2026-01-01T00:00:00Z", "expand=x", "big=1.5", "any=1", "bytes=AAAA",
        "number=nan",
        "text=%00", "%00=1", "text=%ff", "text=%ED%A0%80",
        "created_at=banana", "updated_at=2026-01-01", "where.at=2026-01-01T00:00:00",
        "where.=1", "text=a&where.text=a", "id=a/b",
        "filter=record.at > timestamp('2026-01-01T00:00:00')",
        "revision=x", "revision=9223372036854775808",
        "&".join(f"a{n}=1" for n in range(101)), "&".join("text=%41" for n in range(101)),
    ],
)  # fmt: skip
async def test_queries_that_can_not_be(api: Api, query: str) -> None:
    """A parameter that is unknown, given twice or not of its kind is refused with what is wrong."""
    problem(await api("GET", f"{THINGS}?{query}"), 400, "invalid_query")


@pytest.mark.parametrize("cursor", ["x", "%00", "e30", "W10", "WzFd", "a" * 5_000, "ä"])
async def test_cursors_of_no_list(each_api: Api, cursor: str) -> None:
    """A cursor that this list did not give is refused."""
    answer = await each_api("GET", f"{THINGS}?cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("invalid_cursor", "invalid_query")


async def test_a_cursor_that_was_changed(api: Api) -> None:
    """A list's cursor is signed: one that names another place than the server gave is refused."""
    for n in range(3):
        await api("POST", THINGS, json={"whole": n})
    asked = {"limit": 1, "sort": "whole"}
    given = (await api("GET", THINGS, params=asked)).json()["next"]
    question, value, id = msgspec.json.decode(base64.urlsafe_b64decode(given[16:] + "=" * (-len(given) % 4)))
    place = base64.urlsafe_b64encode(msgspec.json.encode([question, value + 1, id])).decode().rstrip("=")
    for cursor in (place, given[:16] + place, given[16:]):
        problem(await api("GET", THINGS, params={**asked, "cursor": cursor}), 400, "invalid_cursor")
    assert (await api("GET", THINGS, params={**asked, "cursor": given})).json()["items"][0]["whole"] == value + 1


async def test_a_cursor_is_its_lists_own(api: Api) -> None:
    """A cursor continues the list that gave it, and no other order, filter or collection."""
    for n in range(3):
        await api("POST", THINGS, json={"whole": n})
    page = (await api("GET", THINGS, params={"limit": 1, "sort": "whole"})).json()
    following = await api("GET", THINGS, params={"limit": 1, "sort": "whole", "cursor": page["next"]})
    assert [item["whole"] for item in following.json()["items"]] == [1]
    for other in ({"sort": "-whole"}, {"sort": "whole", "filter": "true"}, {"sort": "whole", "text": "a"}, {}):
        problem(await api("GET", THINGS, params={**other, "cursor": page["next"]}), 400, "invalid_cursor")


async def test_a_link_to_the_next_page(api: Api) -> None:
    """A list with more to come links to what follows, with the same question, relative to its own address; the last
    page links to nothing."""
    for n in range(5):
        await api("POST", THINGS, json={"text": f"a & b {n % 2}", "whole": n})
    answer = await api("GET", THINGS, params={"limit": "2", "sort": "-whole", "filter": "record.text != 'x y'"})
    seen = [item["whole"] for item in answer.json()["items"]]
    while "next" in answer.links:
        answer = await api.http.get(answer.url.join(answer.links["next"]["url"]))
        seen += [item["whole"] for item in answer.json()["items"]]
    assert seen == [4, 3, 2, 1, 0]
    assert answer.json()["next"] == ""


async def test_a_link_of_a_query_that_is_not_encoded(api: Api) -> None:
    """What a caller sends unencoded ends no link: it is encoded there."""
    for n in range(2):
        await api("POST", THINGS, json={"whole": n})
    url = httpx2.URL("http://test", raw_path=f"{THINGS}?limit=1&filter=record.whole>-1".encode())
    link = (await api.http.get(url)).headers["link"]
    assert re.fullmatch(r'<\?limit=1&filter=record.whole%3E-1&cursor=[\w-]+>; rel="next"', link)


@pytest.mark.parametrize("path", [THINGS, "/things", f"{THINGS}/x", "/things/x"])
async def test_what_a_cache_may_keep(api: Api, path: str) -> None:
    """A cache of one's own may keep records and lists, outdated at once, so that a record is asked for by its tag and
    both are of use while the server is away; a browser keeps neither, since its Back button would show them."""
    await api("PUT", f"{THINGS}/x", json={}, headers={"If-None-Match": "*"})
    browser = {"Sec-Fetch-Mode": "cors"}
    for known in ({}, {"If-None-Match": '"1"'}):
        assert (await api("GET", path, headers=known)).headers["cache-control"] == "private, max-age=0"
        assert (await api("GET", path, headers=known | browser)).headers["cache-control"] == "no-store"


async def test_pages_and_totals(api: Api) -> None:
    """Pages count from 1; a total is counted where it is asked for; a page beyond the end is empty."""
    for n in range(5):
        await api("POST", THINGS, json={"whole": n})
    page = (await api("GET", THINGS, params={"page": 2, "limit": 2, "sort": "whole", "total": "true"})).json()
    assert ([item["whole"] for item in page["items"]], page["total"]) == ([2, 3], 5)
    assert (await api("GET", THINGS, params={"page": 9})).json() == {"items": [], "next": ""}
    bare = await api("GET", "/things", params={"page": 3, "limit": 2})
    assert bare.json() | {"data": len(bare.json()["data"])} == {"data": 1, "page": 3, "limit": 2, "total": 5}
    assert bare.headers["x-total-count"] == "5"
