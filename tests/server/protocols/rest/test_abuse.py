"""What no honest client asks: names written in other ways, queries and bodies made to cost, lines made for the log."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.server.api import Api, problem

POSTS = "/v1/records/posts"
THINGS = "/v1/records/things"


@pytest.mark.parametrize("written", ["01", "0001", "00000000000000000001", "1_0", "+1"])
async def test_an_integer_id_is_written_in_one_way(each_api: Api, written: str) -> None:
    """A record has one path: below another way to write its id nothing is found or made that would outlive it."""
    api = each_api
    await api("POST", POSTS, json={"title": "t"})
    for path in (f"{POSTS}/{written}", f"{POSTS}/{written}/comments"):
        problem(await api("GET", path), 404, "not_found")
    problem(await api("POST", f"{POSTS}/{written}/comments", json={"text": "c"}), 404, "not_found")


async def test_an_id_of_thousands_of_digits(api: Api) -> None:
    """A number that no database holds is the id of no record."""
    problem(await api("GET", f"{POSTS}/{'0' * 19}1{'9' * 5_000}"), 404, "not_found")


async def test_a_sort_by_thousands(each_api: Api) -> None:
    """A list is sorted by a few fields; a longer sort is the caller's mistake, not the database's."""
    problem(await each_api("GET", THINGS, params={"sort": ",".join(["text", "whole"] * 1_500)}), 400, "invalid_query")


BOMBS = {
    "brackets": "(" * 1_990 + "true" + ")" * 1_990,
    "signs": "!" * 3_990 + "true",
    "length": "record.flag || " * 260 + " " * 100 + "true",
    "digits": "record.whole == 0x" + "f" * 3_900,
    "choices": "true ? true : " * 280 + "true",
    "lists": "1 in " + "[" * 1_900 + "]" * 1_900,
    "macros": "".join(f"record.tags.exists(a{n}, " for n in range(70)) + "true" + ")" * 70,
    "pattern": "record.text.matches('((a{1,100}){1,100}){1,100}')",
    "groups": "record.text.matches('" + "(" * 1_900 + ")" * 1_900 + "')",
    "pieces": "record.text == " + " + ".join(["'a'"] * 600),
    "quotes": "strings.quote(" * 40 + "record.text" + ")" * 40 + " == ''",
    "literal quotes": "strings.quote(" * 40 + "'\\\\'" + ")" * 40 + " == record.text",
    "doubled": "record.tags" + ".map(x, x + x)" * 40 + ".exists(x, x == '')",
    "unsigned": "[1u].exists(x, x == 2u && record.whole > 1)",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("of", ["list", "aggregate", "delete"])
async def test_a_filter_made_to_cost(api: Api, bomb: str, of: str) -> None:
    """A filter that is nested without end, or would make texts without end, is refused with a reason before any record
    is read, and nothing changes."""
    await api("POST", THINGS, json={"text": "a" * 9_000, "tags": ["a" * 50] * 40, "whole": 1})
    if of == "delete":
        asked = {"filter": BOMBS[bomb]}
        answer = await api("POST", "/v1/admin/records/things/delete", json=asked, headers=api.admin)
    else:
        path = THINGS if of == "list" else f"{THINGS}/aggregate"
        answer = await api(
            "GET", path, params={"filter": BOMBS[bomb], "count": "*"} if of != "list" else {"filter": BOMBS[bomb]}
        )
    problem(answer, 400, "invalid_query")
    assert len((await api("GET", THINGS)).json()["items"]) == 1


async def test_a_filter_works_out_what_is_no_record(api: Api) -> None:
    """What a filter computes of no stored value is counted in steps, too: beyond what it may cost it is an error."""
    await api("POST", THINGS, json={"text": "a"})
    costly = "'aaaa'" + ".replace('', 'aaaaaaaaaa')" * 5 + ".replace('', 'aa') == ''"
    for times, count in ((2, 1), (12, 0)):
        filter = f"!({' || '.join([costly] * times)} || record.text == '')"
        answer = await api("GET", THINGS, params={"filter": filter})
        assert (answer.status_code, len(answer.json()["items"])) == (200, count)


async def test_a_body_of_unknown_fields(api: Api) -> None:
    """A refusal tells of a hundred fields at most, so that it is not larger than it must be."""
    body = problem(await api("POST", THINGS, json={f"f{n}": 1 for n in range(5_000)}), 400, "validation")
    assert len(body["errors"]) == 100


@pytest.mark.parametrize(
    ("path", "status"), [("/health/", 404), (f"{THINGS}/", 404), ("/things/", 200), ("/auth/login/", 405)]
)
async def test_no_redirect_to_a_host_that_the_caller_names(api: Api, path: str, status: int) -> None:
    """The Host header is the caller's word: no answer sends anybody there."""
    answer = await api("GET", path, headers={"Host": "evil.example"}, follow_redirects=False)
    assert (answer.status_code, "location" in answer.headers) == (status, False)
    assert "evil.example" not in str(answer.headers) + answer.text


async def test_a_path_writes_no_line_of_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """What a caller sends stands escaped in the log, and forges no line of it."""
    with caplog.at_level(logging.WARNING):
        await api("GET", "/x%0a2026-01-01 ERROR forged%1b[31m", headers={"Origin": "https://evil.example"})
    assert "forged" in caplog.text
    assert "\n2026-01-01 ERROR forged" not in caplog.text
    assert "\x1b" not in caplog.text


async def test_nothing_is_taken_for_a_page(api: Api) -> None:
    """Every answer forbids browsers to guess another type from its look (OWASP ASVS 5.0, 3.4.4)."""
    for path in (THINGS, "/nowhere", "/openapi.json"):
        assert (await api("GET", path)).headers["x-content-type-options"] == "nosniff"


MANY = {
    "relations": (POSTS, {"expand": ",".join(f"a{number}" for number in range(200))}, "over 20 relations"),
    "one relation under many names": (POSTS, {"expand": ",".join(["comments", *["comments.x"] * 200])}, "no relation"),
    "the same relation again and again": (POSTS, {"expand": "comments(limit=1),comments(limit=2)"}, "options twice"),
    "levels": (POSTS, {"expand": "comments(expand=" * 200 + "x" + ")" * 200}, "4 levels deep"),
    "levels by dots": (POSTS, {"expand": ".".join(["comments"] * 400)}, "4 levels deep"),
    "an unknown relation": (POSTS, {"expand": "comment"}, "no relation 'comment' to expand; allowed: comments"),
    "a cycle that is none": (POSTS, {"expand": "comments(expand=posts)"}, "comments has no relation 'posts'"),
    "a limit": (POSTS, {"expand": "comments(limit=100000)"}, "limit must be a whole number from 1 to 1,000"),
    "fields": (THINGS, {"fields": ",".join(f"f{number}" for number in range(5_000))}, "longer than 4,000"),
    "unknown fields": (THINGS, {"fields": ",".join(f"f{number}" for number in range(500))}, "no field 'f0'"),
    "characters to search": (THINGS, {"search": "x" * 60_000}, "longer than 1,000 characters"),
    "words to search": (THINGS, {"search": "x " * 10_000}, "longer than 1,000 characters"),
    "short words": (THINGS, {"search": "x y " * 250}, "no field to search"),
    "columns of counts": (f"{THINGS}/aggregate", {"count": ",".join(f"c{n}" for n in range(1_000))}, "unknown field"),
    "orders": (f"{THINGS}/aggregate", {"sort": "count," * 1_000 + "x"}, "no column 'x'"),
    "having": (f"{THINGS}/aggregate", {"having": "count > 1 && " * 1_000 + "true"}, "longer than"),
}


@pytest.mark.parametrize("bomb", MANY)
async def test_more_than_anyone_asks(api: Api, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists with too many relations, levels, names or words are refused with what is too much, before any record is
    read."""
    path, asked, words = MANY[bomb]

    async def search(*_: object, **__: object) -> None:
        raise AssertionError("the records were read")

    monkeypatch.setattr(api.backend.storage, "search", search)
    assert words in problem(await api("GET", path, params=asked), 400, "invalid_query")["message"]


TOO_MUCH: dict[str, tuple[str, str, Any, str]] = {
    "filter": ("GET", f"{THINGS}?filter={'a' * 4_001}", None, "the filter is longer than 4,000 characters; shorten it"),
    "having": (
        "GET", f"{THINGS}/aggregate?having={'a' * 4_001}", None, "having is longer than 4,000 characters; shorten it"
    ),
    "batch": (
        "POST", "/v1/batch", {"writes": [{"act": "create", "collection": "things", "body": {}}] * 1_001},
        "a batch takes at most 1,000 writes, this has 1,001; send several",
    ),
    "bulk": ("POST", f"{THINGS}/bulk", [{}] * 10_001, "a bulk insert takes at most 10,000 rows, this has more; send"),
}  # fmt: skip


@pytest.mark.parametrize("what", TOO_MUCH)
async def test_too_much_at_once(api: Api, what: str) -> None:
    """What is one too long or too many is refused as a whole, and the message has the limit and what to do."""
    method, path, body, words = TOO_MUCH[what]
    answer = await api(method, path, json=body)
    code = "too_large" if body else "invalid_query"
    assert problem(answer, 413 if body else 400, code)["message"].startswith(words)
    assert (await api("GET", f"{THINGS}/aggregate")).json()["items"] == [{"count": 0}]
