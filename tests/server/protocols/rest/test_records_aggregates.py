"""`GET /v1/records/{collection}/aggregate`."""

from __future__ import annotations

import httpx2
import pytest

from hinterland.contract.changes import Write
from hinterland.server.storage import postgres, sqlite_reading
from tests.server.api import Api, problem

THINGS = "/v1/records/things"


async def fill(api: Api) -> None:
    """Some things, and comments below two posts."""
    things = [
        {"text": "ab"[n % 2], "whole": n, "number": n / 4, "at": f"2026-0{1 + n % 3}-05T00:00:00Z"} for n in range(9)
    ]
    await api.write(*[Write(act="create", collection="things", body=body) for body in things])
    posts = (await api.write(*[Write(act="create", collection="posts")] * 2)).records
    await api.write(
        *[Write(act="create", collection="comments", parent=f"posts/{posts[n // 2].id}", body={}) for n in range(3)]
    )


async def test_values_of_groups(each_api: Api) -> None:
    """The result is `{items, next}`, each row with its columns; the next page is a link too."""
    await fill(each_api)
    asked = "group=text&count=*&sum=whole,number&having=count%3E1&sort=-sum_whole&filter=record.whole%20%3C%208"
    answer = await each_api("GET", f"{THINGS}/aggregate?{asked}")
    assert answer.json() == {
        "items": [
            {"text": "b", "count": 4, "sum_whole": 16, "sum_number": 4.0},
            {"text": "a", "count": 4, "sum_whole": 12, "sum_number": 3.0},
        ],
        "next": "",
    }
    assert answer.headers["cache-control"] == "private, max-age=0"
    assert "link" not in answer.headers
    first = await each_api("GET", f"{THINGS}/aggregate?group=at:month&count=*&limit=2")
    assert first.json()["items"] == [{"at_month": "2026-01", "count": 3}, {"at_month": "2026-02", "count": 3}]
    link = httpx2.URL(f"http://test{THINGS}/aggregate").join(first.headers["link"].partition(">")[0][1:])
    assert (await each_api("GET", str(link))).json() == {"items": [{"at_month": "2026-03", "count": 3}], "next": ""}
    plain = await each_api("GET", f"{THINGS}/aggregate?text=a")
    assert plain.json() == {"items": [{"count": 5}], "next": ""}
    assert (await each_api("GET", f"{THINGS}/aggregate?distinct=text")).json()["items"] == [
        {"text": "a"},
        {"text": "b"},
    ]


async def test_below_a_parent(each_api: Api) -> None:
    """The records of a nested collection are those below one record."""
    await fill(each_api)
    for id, count in ((1, 2), (2, 1), (3, 0)):
        answer = await each_api("GET", f"/v1/records/posts/{id}/comments/aggregate?count=*")
        assert answer.json()["items"] == [{"count": count}]
    problem(await each_api("GET", "/v1/records/comments/aggregate"), 404, "unknown_collection")
    problem(await each_api("GET", "/v1/records/nothing/aggregate"), 404, "unknown_collection")
    problem(await each_api("GET", "/v1/records/posts/x/comments/aggregate"), 404, "not_found")


@pytest.mark.parametrize(
    "query",
    ["sum=text", "group=any", "group=what", "page=1", "count=*&count=*", "having=1", "having=text", "sort=text",
     "limit=0", "limit=1001", "group=text&having=whole>1", "what=1", "filter=record.what", "at:month=2026"],
)  # fmt: skip
async def test_questions_that_can_not_be(api: Api, query: str) -> None:
    """A parameter that is unknown, given twice or not of its kind is refused with what is wrong."""
    problem(await api("GET", f"{THINGS}/aggregate?{query}"), 400, "invalid_query")


async def test_refusals(api: Api) -> None:
    """Whom the list rule refuses, a hidden field, and a foreign cursor."""
    problem(await api("GET", "/v1/records/closed/aggregate"), 401, "unauthorized")
    ada = await api.sign_up("ada")
    problem(await api("GET", "/v1/records/closed/aggregate", headers=ada["headers"]), 403, "forbidden")
    problem(await api("GET", "/v1/records/notes/aggregate?count=secret", headers=ada["headers"]), 403, "forbidden")
    problem(await api("GET", f"{THINGS}/aggregate?cursor=abc"), 400, "invalid_cursor")


async def test_sums_beyond(each_api: Api) -> None:
    """A sum that a number or 64 bits can't hold is refused with what to do, whatever order it is added in."""
    most, least = str(2**63 - 1), str(-(2**63))
    for text, values in (("a", [most, most, least, least]), ("b", [most, "1"]), ("c", [most, most, least, "0"])):
        bodies = [{"text": text, "big": value, "number": 1e308} for value in values]
        await each_api.write(*[Write(act="create", collection="things", body=body) for body in bodies])
    fitting = await each_api("GET", f"{THINGS}/aggregate?sum=big&text=a")
    assert fitting.json()["items"] == [{"sum_big": "-2"}]
    assert (await each_api("GET", f"{THINGS}/aggregate?sum=big&text=c")).json()["items"] == [
        {"sum_big": "9223372036854775806"}
    ]
    for query in ("sum=big&text=b", "sum=big&group=text", "sum=number", "avg=number&text=a"):
        body = problem(await each_api("GET", f"{THINGS}/aggregate?{query}"), 400, "invalid_query")
        assert "use smaller groups or a filter" in body["message"]


async def test_what_they_may_cost(each_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aggregates are bounded as lists are."""
    bodies = [{"text": "a" * 300, "whole": n} for n in range(400)]
    await each_api.write(*[Write(act="create", collection="things", body=body) for body in bodies])
    monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", 0.0)
    monkeypatch.setattr(postgres, "_LONG_SECONDS", 0.001)
    asked = {"filter": " || ".join([f"record.text.contains('x{number:03}')" for number in range(120)])}
    problem(await each_api("GET", f"{THINGS}/aggregate", params=asked), 400, "too_costly")
    monkeypatch.undo()
    assert (await each_api("GET", f"{THINGS}/aggregate", params=asked)).json()["items"] == [{"count": 0}]


async def test_the_reserved_id(api: Api) -> None:
    """No new record has the id that names aggregates; one that has it from before can be written and deleted."""
    created = {"headers": {"if-none-match": "*"}, "json": {}}
    body = problem(await api("PUT", f"{THINGS}/aggregate", **created), 400, "validation")
    assert "not be aggregate" in body["errors"]["id"][0]
    problem(await api("POST", THINGS, json={"id": "aggregate"}), 400, "validation")
    assert (await api("PUT", f"{THINGS}/aggregates", **created)).status_code == 201
    assert (await api("OPTIONS", f"{THINGS}/aggregate")).headers["allow"] == "GET, HEAD, OPTIONS"
    problem(await api("DELETE", f"{THINGS}/aggregate"), 404, "not_found")
    assert (await api("HEAD", f"{THINGS}/aggregate")).status_code == 200
