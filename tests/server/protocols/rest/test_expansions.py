"""The parameters `fields` and `expand`: their grammar, and what a server answers to them."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinterland.contract.errors import Refusal
from hinterland.contract.query import Query
from hinterland.server.data.projection import Included, Projection
from hinterland.server.protocols.rest.expansions import LONGEST, parse_projection
from tests.server.api import Api, problem
from tests.server.refused import refused


def parsed(expand: str = "", fields: str = "") -> Projection | None:
    """What the parameters ask for."""
    return parse_projection(Query(expand=expand, fields=fields))


def names(*wanted: str) -> Projection:
    """Some fields, and nothing else."""
    return Projection(wanted)


AUTHOR, TEAM = Included("author"), Included("team")
READ: list[tuple[str, str, Projection | None]] = [
    ("", "", None),
    ("author", "", Projection(None, (AUTHOR,))),
    ("author,team", "", Projection(None, (AUTHOR, TEAM))),
    (" author , team ", "", Projection(None, (AUTHOR, TEAM))),
    ("author.team", "", Projection(None, (Included("author", Projection(None, (TEAM,))),))),
    ("author,author.team", "", Projection(None, (Included("author", Projection(None, (TEAM,))),))),
    ("author,author", "", Projection(None, (AUTHOR,))),
    ("author(expand=team)", "", Projection(None, (Included("author", Projection(None, (TEAM,))),))),
    ("author(expand=team),author.team", "", Projection(None, (Included("author", Projection(None, (TEAM,))),))),
    ("", "title", names("title")),
    ("", "title,id", names("title", "id")),
    ("", "*", Projection()),
    ("", "title,*", Projection()),
    ("", "title,author.name", Projection(("title",), (Included("author", names("name")),))),
    ("", "*,author.name", Projection(None, (Included("author", names("name")),))),
    ("", "author.team.name", Projection((), (Included("author", Projection((), (Included("team", names("name")),))),))),
    ("author", "title", Projection(("title",), (AUTHOR,))),
    ("author(fields=id)", "author.name", Projection((), (Included("author", names("id", "name")),))),
    ("c(limit=5)", "", Projection(None, (Included("c", limit=5),))),
    ("c(sort=-a,b,limit=5)", "", Projection(None, (Included("c", sort=("-a", "b"), limit=5),))),
    ("c(total=true,limit=5)", "", Projection(None, (Included("c", limit=5, is_counted=True),))),
    ("c(total=false)", "", Projection(None, (Included("c"),))),
    ("c(expand=total)", "", Projection(None, (Included("c", Projection(None, (Included("total"),))),))),
    ("c(limit=5,sort=-a,b)", "", Projection(None, (Included("c", sort=("-a", "b"), limit=5),))),
    ("c(sort=a),d", "", Projection(None, (Included("c", sort=("a",)), Included("d")))),
    ("c(fields=a,b,expand=d,e,limit=1)", "",
     Projection(None, (Included("c", Projection(("a", "b"), (Included("d"), Included("e"))), limit=1),))),
    ("c(filter=record.a == 1)", "", Projection(None, (Included("c", filter="record.a == 1"),))),
    ("c(filter=record.a in [1, 2],limit=3)", "",
     Projection(None, (Included("c", filter="record.a in [1, 2]", limit=3),))),
    ("c(filter=f(a, (b)),sort=x),d", "",
     Projection(None, (Included("c", filter="f(a, (b))", sort=("x",)), Included("d")))),
    ("c(filter={'a,b': ')'} == x)", "", Projection(None, (Included("c", filter="{'a,b': ')'} == x"),))),
]  # fmt: skip


@pytest.mark.parametrize(("expand", "fields", "wanted"), READ)
def test_what_is_read(expand: str, fields: str, wanted: Projection | None) -> None:
    """Names, paths and options become what they say, whatever their order and the spaces between them."""
    assert parsed(expand, fields) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "'),('",
        '"),("',
        "'\\'),'",
        '"\\"),"',
        "'''),'('''",
        '""")"\'("""',
        "r'\\' + ')'",
        'R"\\" + ")"',
        "b')'",
        "bR'\\'",
    ],
)
def test_texts_of_filters(text: str) -> None:
    """What is within the texts of an expression ends nothing, however they are written."""
    filter = f"record.a == {text}"
    assert parsed(f"c(filter={filter},limit=2),d") == Projection(
        None, (Included("c", filter=filter, limit=2), Included("d"))
    )


REFUSED = [
    (",", "a name was expected, at character 1: ','"),
    ("author,", "a name was expected, at character 8: the end"),
    ("author..team", "a name was expected, at character 8"),
    ("author team", "a comma or the end was expected, at character 8: 'team'"),
    ("author)", "a comma or the end was expected"),
    ("author()", "fields=, expand=, filter=, sort=, limit= or total= was expected"),
    ("author(", "fields=, expand=, filter=, sort=, limit= or total= was expected"),
    ("author(limit=3", "a comma or a closing parenthesis was expected"),
    ("author(limit=3,)", "fields=, expand=, filter=, sort=, limit= or total= was expected"),
    ("author(limit=3,limit=3)", "limit appears twice"),
    ("author(limit=3),author(limit=4)", "author has options twice"),
    ("author(page=3)", "fields=, expand=, filter=, sort=, limit= or total= was expected"),
    ("author(limit=0)", "limit must be a whole number from 1 to 1,000"),
    ("author(limit=1001)", "limit must be a whole number"),
    ("author(limit=-1)", "limit must be a whole number"),
    ("author(limit=x)", "limit must be a whole number"),
    ("author(total=)", "a name was expected"),
    ("author(total=3)", "total must be true or false"),
    ("author(filter=)", "an expression was expected"),
    ("author(filter='x)", "the text after ' is not closed"),
    ("author(filter='x\\", "the text after ' is not closed"),
    ("author(sort=)", "a name was expected"),
    ("a.b.c.d.e", "4 levels deep"),
    ("a(expand=b(expand=c(expand=d(expand=e))))", "4 levels deep"),
    ("a.b(expand=c.d.e)", "4 levels deep"),
    (",".join(f"{number:x}" for number in range(1_000)), "over 20 relations"),
    ("(" * LONGEST, "a name was expected"),
    ("a(expand=" * 400, "4 levels deep"),
    ("a" * (LONGEST + 1), "expand is longer than 4,000 characters"),
]


@pytest.mark.parametrize(("expand", "words"), REFUSED)
def test_what_can_not_be_read(expand: str, words: str) -> None:
    """What is no list of relations is refused at its first wrong place, and the message says what belongs there."""
    with refused("invalid_query") as caught:
        parsed(expand)
    assert words in caught.value.message
    assert caught.value.message.startswith("expand")


def test_fields_that_can_not_be_read() -> None:
    """What is no list of fields is refused too, and their relations count as those of `expand` do."""
    for fields, words in (
        ("title,", "a name was expected"),
        ("title(limit=3)", "a comma or the end was expected"),
        ("a.b.c.d.e.f", "4 levels deep"),
        ("a" * (LONGEST + 1), "fields is longer"),
        (",".join(f"a{number}.x" for number in range(21)), "over 20 relations"),
    ):
        with refused("invalid_query", words):
            parsed(fields=fields)
    with refused("invalid_query", "over 20 relations"):
        parsed(",".join(f"a{number}" for number in range(11)), ",".join(f"b{number}.x" for number in range(11)))


@given(st.text("ab.,()= -*'\"\\[]{}r", max_size=60) | st.text(max_size=30))
def test_any_text(text: str) -> None:
    """Whatever is sent is read or refused, and nothing else happens."""
    for query in (Query(expand=text), Query(fields=text), Query(expand=f"a(filter={text})")):
        with suppress(Refusal):
            parse_projection(query)


def test_what_reading_takes() -> None:
    """No text of the longest length takes more memory than a few times its own."""
    texts = ["a," * 2_000, "a." * 2_000, "a(expand=" * 444, "a(filter='" + "x" * 3_900, "a(filter=" + "(" * 3_900]
    tracemalloc.start()
    try:
        for text in texts:
            with pytest.raises(Refusal):
                parsed(text[:LONGEST])
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------- the server's answers


async def filled(api: Api) -> tuple[dict[str, str], Any]:
    """A signed-in caller with a note, and a post with three comments."""
    ada = await api.sign_up("ada")
    note = (await api("POST", "/v1/records/notes", json={"text": "mine"}, headers=ada["headers"])).json()
    await api("POST", "/v1/records/posts", json={"title": "First"})
    for number in range(3):
        await api("POST", "/v1/records/posts/1/comments", json={"text": f"c{number}"})
    return ada["headers"], note


async def test_a_list(each_api: Api) -> None:
    """A list has the wanted fields of each record and what comes with it, with its cursor and total as ever."""
    _, _ = await filled(each_api)
    await each_api("POST", "/v1/records/posts", json={"title": "Second"})
    asked = "/v1/records/posts?limit=1&total=true&fields=title,comments.text&expand=comments(sort=-text,limit=2)"
    answer = await each_api("GET", asked)
    page = answer.json()
    items = page["items"][0]["_expand"]["comments"]["items"]
    assert [each["text"] for each in items] == ["c2", "c1"]
    assert all(each.keys() == {"id", "text"} for each in items)
    assert page["items"][0]["title"] == "First"
    assert (page["total"], page["items"][0]["_expand"]["comments"]["more"]) == (2, True)
    assert "expand=comments" in answer.headers["link"]
    [second] = (await each_api("GET", f"{asked}&cursor={page['next']}")).json()["items"]
    assert second == {"id": 2, "title": "Second", "_expand": {"comments": {"items": [], "more": False}}}


async def test_totals(each_api: Api) -> None:
    """`total=true` counts the related records of each record that its filter lets through, also beyond the limit."""
    _, _ = await filled(each_api)
    await each_api("POST", "/v1/records/posts", json={"title": "Second"})
    asked = "/v1/records/posts?fields=id&expand=comments(filter=record.text != 'c0',limit=1,fields=text,total=true)"
    first, second = (await each_api("GET", asked)).json()["items"]
    [item] = first["_expand"]["comments"].pop("items")
    assert (item["text"], first["_expand"]) == ("c1", {"comments": {"more": True, "total": 2}})
    assert second["_expand"] == {"comments": {"items": [], "more": False, "total": 0}}


async def test_a_record(each_api: Api) -> None:
    """One record comes with what is wanted of it; its tag covers all of that, and names its revision for writes."""
    headers, note = await filled(each_api)
    path = f"/v1/records/notes/{note['id']}"
    answer = await each_api("GET", f"{path}?expand=owner(fields=name)", headers=headers)
    assert answer.json() == {**note, "_expand": {"owner": {"id": note["owner"], "name": "ada"}}}
    tag = answer.headers["etag"]
    again = {**headers, "If-None-Match": tag}
    assert (await each_api("GET", f"{path}?expand=owner(fields=name)", headers=again)).status_code == 304
    assert (await each_api("GET", f"{path}?expand=owner", headers=again)).status_code == 200
    assert (await each_api("GET", path, headers=again)).status_code == 200
    me = f"/v1/records/users/{note['owner']}"
    assert (await each_api("PATCH", me, json={"name": "Ada"}, headers=each_api.admin)).status_code == 200
    assert (await each_api("GET", f"{path}?expand=owner(fields=name)", headers=again)).status_code == 200
    guarded = {**headers, "If-Match": tag}
    assert (await each_api("GET", f"{path}?expand=owner", headers=guarded)).status_code == 200
    assert (await each_api("PATCH", path, json={"text": "new"}, headers=guarded)).status_code == 200
    problem(await each_api("GET", f"{path}?expand=owner", headers=guarded), 412, "stale")


async def test_who_may_not_see_it(api: Api) -> None:
    """A record that its caller can't see is not found, whatever is wanted of it; a list below it follows its rule."""
    headers, note = await filled(api)
    for asked in ("fields=text", "expand=owner"):
        problem(await api("GET", f"/v1/records/notes/{note['id']}?{asked}"), 404, "not_found")
        assert (await api("GET", f"/v1/records/notes?{asked}")).json() == {"items": [], "next": ""}
        problem(await api("GET", f"/v1/records/notes/none?{asked}", headers=headers), 404, "not_found")
        problem(await api("GET", f"/v1/records/closed?{asked}"), 401, "unauthorized")


WRONG = [
    ("posts?expand=commentz", "invalid_query", "posts has no relation 'commentz' to expand; allowed: comments"),
    ("things?expand=x", "invalid_query", "things has no relation 'x' to expand; it has no relations"),
    ("posts?fields=titel", "invalid_query", "posts has no field 'titel'; allowed in fields: title, id"),
    ("posts?fields=parent", "invalid_query", "posts has no field 'parent'"),
    ("posts?expand=comments(sort=x)", "invalid_query", "comments: unknown sort field 'x'"),
    ("posts?expand=comments(filter=record.x == 1)", "invalid_query", "comments: filter: record has no field"),
    ("posts?expand=comments(fields=x)", "invalid_query", "comments: comments has no field 'x'"),
    ("notes?expand=owner(limit=3)", "invalid_query", "owner: it is one record, which takes fields and expand alone"),
    ("notes?expand=owner(total=true)", "invalid_query", "owner: it is one record, which takes"),
    ("notes?fields=secret", "forbidden", "secret of notes can't be read"),
    ("users?expand=notes", "invalid_query", "users has no relation 'notes' to expand; it has no relations"),
]


@pytest.mark.parametrize(("asked", "code", "words"), WRONG)
async def test_what_is_not_there(api: Api, asked: str, code: str, words: str) -> None:
    """Unknown names, and what a relation does not take, are refused for lists and for records alike."""
    headers, note = await filled(api)
    status = 403 if code == "forbidden" else 400
    assert words in problem(await api("GET", f"/v1/records/{asked}", headers=headers), status, code)["message"]
    collection, _, query = asked.partition("?")
    id = {"posts": "1", "things": "x"}.get(collection, note["owner" if collection == "users" else "id"])
    one = await api("GET", f"/v1/records/{collection}/{id}?{query}", headers=headers)
    assert words in problem(one, status, code)["message"]


async def test_twice(api: Api) -> None:
    """A parameter that is sent twice is refused for a record too."""
    await filled(api)
    problem(await api("GET", "/v1/records/posts/1?fields=title&fields=id"), 400, "invalid_query")


async def test_on_tutorial_paths(api: Api) -> None:
    """Tutorials' paths take the same parameters."""
    await filled(api)
    [post] = (await api("GET", "/posts?fields=title&expand=comments(limit=1)")).json()
    assert (post["title"], len(post["_expand"]["comments"]["items"])) == ("First", 1)
    answer = await api("GET", "/posts?_start=0&_end=5&fields=title")
    assert answer.json() == [{"id": 1, "title": "First"}]
    assert (await api("GET", "/posts?range=[0,4]&fields=id")).headers["content-range"] == "posts 0-0/1"
    assert (await api("GET", "/posts/1?fields=title")).json() == {"id": 1, "title": "First"}
