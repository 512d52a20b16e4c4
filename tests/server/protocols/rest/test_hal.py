"""Lists and records in HAL's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hinterland.contract.changes import Write
from hinterland.contract.fields import Reference, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving

HAL = {"Accept": "application/hal+json"}


async def filled(api: Api) -> dict[str, str]:
    """Two posts with comments, and a note of a signed-in caller."""
    ada = await api.sign_up("ada")
    owner = ada["user"]["id"]
    await api.write(
        Write(act="create", collection="posts", id=1, body={"title": "a"}),
        Write(act="create", collection="posts", id=2, body={"title": "b"}),
        Write(act="create", collection="comments", parent="posts/1", id="c 1", body={"text": "x"}),
        Write(act="create", collection="notes", id="n?", body={"text": "n", "owner": owner}),
    )
    return {**ada["headers"], **HAL, "owner": owner}


def at(answer: Any, link: dict[str, str]) -> str:
    """Where a link of a response leads."""
    return str(answer.url.join(link["href"]))


async def test_a_list(each_api: Api) -> None:
    """The records of a list are embedded, each with where it is, and what comes with it; the next page is a link."""
    await filled(each_api)
    answer = await each_api("GET", "/v1/records/posts?limit=1&total=true&expand=comments", headers=HAL)
    page = answer.json()
    assert answer.headers["content-type"] == "application/hal+json"
    assert (page["total"], page["next"] != "") == (2, True)
    [post] = page["_embedded"]["posts"]
    [comment] = post["_embedded"]["comments"]
    for link, record in ((post["_links"]["self"], post), (comment["_links"]["self"], comment)):
        found = (await each_api("GET", at(answer, link))).json()
        assert found == {name: value for name, value in record.items() if not name.startswith("_")}
    assert (await each_api("GET", at(answer, post["_links"]["comments"]))).json()["items"][0]["id"] == "c 1"
    assert at(answer, page["_links"]["self"]) == str(answer.url)
    [second] = (await each_api("GET", at(answer, page["_links"]["next"]), headers=HAL)).json()["_embedded"]["posts"]
    assert second["id"] == 2


async def test_a_record(each_api: Api) -> None:
    """A record has its own address and those of related records, wherever it is; its tag is of this form."""
    headers = await filled(each_api)
    path = "/v1/records/notes/n%3F"
    answer = await each_api("GET", f"{path}?expand=owner", headers=headers)
    note = answer.json()
    assert at(answer, note["_links"]["self"]).endswith(path)
    assert at(answer, note["_links"]["owner"]).endswith(f"/v1/records/users/{headers['owner']}")
    assert note["_embedded"]["owner"]["_links"]["self"] == note["_links"]["owner"]
    assert note["text"] == "n"
    assert answer.headers["etag"].endswith('-hal"')
    again = {**headers, "If-None-Match": answer.headers["etag"]}
    assert (await each_api("GET", f"{path}?expand=owner", headers=again)).status_code == 304
    below = await each_api("GET", "/v1/records/posts/1/comments/c%201", headers=HAL)
    assert at(below, below.json()["_links"]["self"]) == str(below.url)
    assert "_embedded" not in below.json()


async def test_nested_records_that_name_a_record(tmp_path: Path) -> None:
    """A record of a nested collection that refers to another has its address, whatever the ids on the way."""
    writers = Collection(name="writers", fields={"name": Text()}, rules=EVERYBODY)
    books = Collection(name="books", fields={"title": Text()}, rules=EVERYBODY)
    pages = Collection(name="pages", fields={"by": Reference(to="writers")}, rules=EVERYBODY, parent="books")
    async with serving(SqliteStorage(tmp_path), collections=(users(), writers, books, pages)) as api:
        await api.write(
            Write(act="create", collection="writers", id="w", body={}),
            Write(act="create", collection="books", id="ü ?", body={}),
            Write(act="create", collection="pages", parent="books/ü ?", id="p#", body={"by": "w"}),
        )
        answer = await api("GET", "/v1/records/writers/w?expand=pages_via_by", headers=HAL)
        [page] = answer.json()["_embedded"]["pages_via_by"]
        assert page["_parent"] == "books/ü ?"
        assert (await api("GET", at(answer, page["_links"]["self"]))).json()["id"] == "p#"


async def test_only_where_it_is_asked_for(api: Api) -> None:
    """JSON, and tutorials' paths, are as they were; a record that a caller can't see is not found in this form too."""
    headers = await filled(api)
    for path in ("/v1/records/posts/1", "/posts/1", "/posts"):
        accept = {} if path.startswith("/v1") else HAL
        answer = await api("GET", path, headers=accept)
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert "_links" not in answer.text
    assert (await api("GET", "/v1/records/notes/n%3F", headers=HAL)).status_code == 404
    assert (await api("GET", "/v1/records/notes", headers=HAL)).json()["_embedded"] == {"notes": []}
    assert headers["owner"]


async def test_the_description_names_it(api: Api) -> None:
    """OpenAPI says which responses may be HAL: those that are, and no others."""
    paths = (await api("GET", "/openapi.json")).json()["paths"]
    named = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if any("application/hal+json" in response["description"] for response in operation["responses"].values())
    }
    assert ("/v1/records/posts", "get") in named
    assert {method for _, method in named} == {"get"}
    for path, _ in named:
        answer = await api("GET", path.replace("{", "").replace("}", ""), headers=HAL)
        assert answer.status_code == 404 or answer.headers["content-type"] == "application/hal+json", path
