"""Records over HTTP: their life, preconditions, keys, imports, and what another's record tells."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import httpx2
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.data.reader import RecordReader
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, located, problem, serving

THINGS = "/v1/records/things"
NOTES = "/v1/records/notes"


# ---------------------------------------------------------------- the life of a record


async def test_a_records_life(each_api: Api) -> None:
    """POST, GET, PUT, PATCH and DELETE of a record, each with its status, ETag and place."""
    api = each_api
    made = await api("POST", THINGS, json={"text": "one", "whole": 1, "big": "9007199254740993", "bytes": "AAAA"})
    path = located(made)
    assert (made.status_code, made.headers["etag"], path) == (201, '"1"', f"{THINGS}/{made.json()['id']}")
    seen = await api("GET", path)
    assert (seen.status_code, seen.headers["etag"], seen.json()) == (200, '"1"', made.json())
    assert seen.headers["content-type"] == "application/json; charset=utf-8"
    patched = await api("PATCH", path, json={"text": "two"}, headers={"If-Match": '"1"'})
    assert (patched.status_code, patched.headers["etag"], patched.json()["whole"]) == (200, '"2"', 1)
    put = await api("PUT", path, json={"text": "three"})
    assert (put.status_code, put.headers["etag"], put.json()["whole"]) == (200, '"3"', None)
    gone = await api("DELETE", path)
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await api("GET", path), 404, "not_found")


@pytest.mark.parametrize("id", ["a b", "a?b#c", "%0d%0a", "a%2Fb", "é", "a:b", "..a"])
@pytest.mark.parametrize("root", ["/v1/records", ""])
async def test_places_of_ids_of_all_kinds(tmp_path: Path, root: str, id: str) -> None:
    """A created record is found at its Location, whatever characters its id and its parent's have."""
    books = Collection(name="books", rules=EVERYBODY)
    pages = Collection(name="pages", rules=EVERYBODY, parent="books")
    async with serving(SqliteStorage(tmp_path), collections=[books, pages]) as api:
        for path in (f"{root}/books", f"{root}/books/{quote(id, safe='')}/pages"):
            made = await api("POST", path, json={"id": id})
            found = await api("GET", urljoin(f"http://test{path}", made.headers["location"]))
            assert (made.status_code, found.json()) == (201, made.json())


async def test_head(api: Api) -> None:
    """HEAD answers as GET does, without the body."""
    path = located(await api("POST", THINGS, json={}))
    for place in (path, THINGS, "/health"):
        get, head = await api("GET", place), await api("HEAD", place)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    missing = await api("HEAD", f"{THINGS}/nobody")
    assert (missing.status_code, missing.content) == (404, b"")


async def test_nested_records(each_api: Api) -> None:
    """Records below a record have its path; ids that can't be are not found on every database."""
    api = each_api
    post = located(await api("POST", "/v1/records/posts", json={"title": "t"}))
    made = await api("POST", f"{post}/comments", json={"text": "c"})
    assert located(made) == f"{post}/comments/{made.json()['id']}"
    listed = await api("GET", f"{post}/comments", params={"total": "true"})
    assert ([item["id"] for item in listed.json()["items"]], listed.json()["total"]) == ([made.json()["id"]], 1)
    assert (await api("GET", "/v1/records/posts/7/comments")).json() == {"items": [], "next": ""}
    for parent in ("posts/x", "posts/%00", "posts/0", "posts/99999999999999999999"):
        problem(await api("GET", f"/v1/records/{parent}/comments"), 404, "not_found")
        problem(await api("POST", f"/v1/records/{parent}/comments", json={}), 404, "not_found")
    for path in ("comments", "things/x/comments", "posts/1/things", "posts/1/comments/x/posts", "posts/1/nowhere"):
        problem(await api("GET", f"/v1/records/{path}"), 404, "unknown_collection")


# ---------------------------------------------------------------- preconditions


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("tag", ['"1"', '"7"', "nonsense", '"0"', '"99999999999999999999"', ""])
async def test_a_stale_tag(api: Api, method: str, tag: str) -> None:
    """A write over a revision that is no longer the record's is refused, and changes nothing."""
    path = located(await api("POST", THINGS, json={"text": "one"}))
    await api("PATCH", path, json={"text": "two"})
    body = None if method == "DELETE" else {"text": "three"}
    problem(await api(method, path, json=body, headers={"If-Match": tag}), 412, "stale")
    assert (await api("GET", path)).json()["text"] == "two"


async def test_a_fresh_tag(api: Api) -> None:
    """The record's tag, also weakened by a proxy, and `*` for a record that is there let a write through."""
    path = located(await api("POST", THINGS, json={}))
    for tag in ('"1"', 'W/"2"', "*"):
        assert (await api("PATCH", path, json={}, headers={"If-Match": tag})).status_code == 200
    problem(await api("PUT", f"{THINGS}/nobody", json={}, headers={"If-Match": "*"}), 412, "stale")


@pytest.mark.parametrize(("tag", "status"), [('"1"', 304), ('W/"1"', 304), ('"0", "1"', 304), ("*", 304), ('"2"', 200)])
async def test_what_the_caller_has_already(api: Api, tag: str, status: int) -> None:
    """A GET with the record's tag among those of If-None-Match is answered 304 with the tag, without a body."""
    path = located(await api("POST", THINGS, json={}))
    answer = await api("GET", path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"], bool(answer.content)) == (status, '"1"', status == 200)


async def test_tags_of_what_a_caller_sees(api: Api) -> None:
    """Where fields have rules of their own, a tag is of the form that the caller sees: no 304 hides what another right
    shows, every form's tag serves If-Match, and a write answers with the tag that the next read has."""
    ada = await api.sign_up("ada")
    made = await api("POST", "/v1/records/notes", json={"text": "a", "secret": "s"}, headers=ada["headers"])
    path, tag = located(made), {"If-None-Match": made.headers["etag"]}
    own, full = ada["headers"], api.admin
    assert (await api("GET", path, headers=own | tag)).status_code == 304
    seen = await api("GET", path, headers=full | tag)
    assert (seen.status_code, seen.json()["secret"]) == (200, "s")
    tag = {"If-None-Match": seen.headers["etag"]}
    assert (await api("GET", path, headers=full | tag)).status_code == 304
    assert (await api("GET", path, headers=own | tag)).status_code == 200
    changed = await api("PATCH", path, json={"text": "b"}, headers=own | {"If-Match": seen.headers["etag"]})
    assert changed.status_code == 200
    problem(await api("PATCH", path, json={}, headers=own | {"If-Match": seen.headers["etag"]}), 412, "stale")
    problem(await api("PATCH", path, json={}, headers=own | {"If-Match": '"2.x"'}), 412, "stale")
    assert (await api("GET", path, headers=own)).headers["etag"] == changed.headers["etag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_if_none_match_on_a_write(each_api: Api, method: str) -> None:
    """A write whose If-None-Match names the record as it is, or any, is refused; one that names another state is done
    (RFC 9110 §13.1.2)."""
    made = await each_api("POST", THINGS, json={"text": "a"})
    path, tag = located(made), made.headers["etag"]
    body = {} if method == "DELETE" else {"json": {"text": "b"}}
    for known in (tag, f"W/{tag}", f'"0", {tag}', "*", "*,"):
        problem(await each_api(method, path, headers={"If-None-Match": known}, **body), 412, "stale")
    twice = [("If-None-Match", "*"), ("If-None-Match", '"9"')]
    problem(await each_api(method, path, headers=twice, **body), 400, "invalid_query")
    assert (await each_api("GET", path)).headers["etag"] == tag
    done = await each_api(method, path, headers={"If-None-Match": '"0", "x"'}, **body)
    assert done.status_code == (204 if method == "DELETE" else 200)
    problem(await each_api("PATCH", f"{THINGS}/nobody", json={}, headers={"If-None-Match": tag}), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_precondition_that_can_not_be_looked_up(api: Api, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """A write whose If-None-Match can't be compared, since the record can't be read now, is not carried out."""
    made = await api("POST", THINGS, json={"text": "a"})

    async def view(*_: object) -> None:
        raise Refusal("unavailable")

    body = {} if method == "DELETE" else {"json": {"text": "b"}}
    with monkeypatch.context() as patched:
        patched.setattr(RecordReader, "view", view)
        answer = await api(method, located(made), headers={"If-None-Match": made.headers["etag"]}, **body)
    problem(answer, 503, "unavailable")
    assert (await api("GET", located(made))).json() == made.json()


async def test_if_match_on_a_read(api: Api) -> None:
    """A GET whose If-Match does not name the record as it is → 412 (RFC 9110 §13.1.1)."""
    made = await api("POST", THINGS, json={"text": "a"})
    path, tag = located(made), made.headers["etag"]
    for known in (tag, "*", f'"7", {tag}'):
        assert (await api("GET", path, headers={"If-Match": known})).status_code == 200
    for other in ('"7"', '"x"', ""):
        problem(await api("GET", path, headers={"If-Match": other}), 412, "stale")


async def test_headers_that_appear_twice(api: Api) -> None:
    """A repeated header is one list (RFC 9110 §5.3); one that is no list is refused, so that two readers don't take
    different ones."""
    path = located(await api("POST", THINGS, json={"text": "a"}))
    twice = [("If-Match", '"7"'), ("If-Match", '"1"')]
    assert (await api("PATCH", path, json={}, headers=twice)).status_code == 200
    for name in ("Idempotency-Key", "Authorization"):
        answer = await api("POST", THINGS, json={}, headers=[(name, "a"), (name, "b")])
        assert name.lower() in problem(answer, 400, "invalid_query")["message"]


async def test_a_race_to_create(each_api: Api) -> None:
    """Of many who create the same id with `If-None-Match: *` exactly one does; the others get that it is there."""
    calls = (each_api("PUT", f"{THINGS}/x", json={"whole": n}, headers={"If-None-Match": "*"}) for n in range(10))
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers) == [201, *[412] * 9]
    [won] = [answer for answer in answers if answer.status_code == 201]
    assert located(won) == f"{THINGS}/x"
    assert (await each_api("GET", f"{THINGS}/x")).json() == won.json()


# ---------------------------------------------------------------- idempotency keys


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_repeated_request(each_api: Api, method: str) -> None:
    """The same request under the same key gets the same answer, tag and place, marked as replayed."""
    path = located(await each_api("POST", THINGS, json={}))
    place = THINGS if method == "POST" else path
    more: dict[str, Any] = {"headers": {"Idempotency-Key": '"k"'}}
    more |= {} if method == "DELETE" else {"json": {"whole": 1}}
    first, again = await each_api(method, place, **more), await each_api(method, place, **more)
    assert (first.status_code, first.content) == (again.status_code, again.content)
    for name in ("etag", "location", "content-type"):
        assert first.headers.get(name) == again.headers.get(name)
    assert first.is_success
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"


async def test_another_request_under_the_key(api: Api) -> None:
    """Another body, path, method or precondition under a used key is refused; another's key is another."""
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    key = ada["headers"] | {"Idempotency-Key": "k"}
    first = await api("POST", NOTES, json={"text": "one"}, headers=key)
    assert first.status_code == 201
    path = located(first)
    for call in (
        api("POST", NOTES, json={"text": "two"}, headers=key),
        api("POST", "/notes", json={"text": "one"}, headers=key),
        api("PUT", path, json={"text": "one"}, headers=key),
        api("PATCH", path, json={"text": "one"}, headers=key | {"If-Match": '"1"'}),
    ):
        problem(await call, 422, "key_reused")
    other = await api("POST", NOTES, json={"text": "two"}, headers=ben["headers"] | {"Idempotency-Key": "k"})
    assert other.status_code == 201
    assert "idempotency-replayed" not in other.headers


async def test_a_key_that_is_still_running(api: Api) -> None:
    """While the first is under way, a second of the same key is asked to retry in a moment."""
    call: dict[str, Any] = {"json": {}, "headers": {"Idempotency-Key": "k"}}
    answers = await asyncio.gather(api("POST", THINGS, **call), api("POST", THINGS, **call))
    refused = next(answer for answer in answers if answer.status_code != 201)
    problem(refused, 409, "in_progress")
    assert refused.headers["retry-after"] == "1"


@pytest.mark.parametrize("key", ["", '""', "k" * 201, "a\tb"])
async def test_keys_that_can_not_be(api: Api, key: str) -> None:
    """A key has 1 to 200 printable characters."""
    problem(await api("POST", THINGS, json={}, headers={"Idempotency-Key": key}), 400, "invalid_query")


# ---------------------------------------------------------------- another's record


async def test_anothers_record_by_every_path(each_api: Api) -> None:
    """Another's record is answered as one that is not there, whatever is asked of it, and no count tells of it; who is
    not signed in is asked to, before anything is looked at."""
    api = each_api
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    made = await api("POST", NOTES, json={"id": "hers", "text": "mine", "slug": "s"}, headers=ada["headers"])
    assert made.status_code == 201
    callers: list[dict[str, str]] = [ben["headers"], {}]
    for headers in callers:
        for base in (NOTES, "/notes"):
            for method in ("GET", "PUT", "PATCH", "DELETE"):
                for more in ({}, {"If-Match": '"2"'}, {"If-Match": '"9"'}, {"If-Match": "*"}, {"If-None-Match": '"2"'}):
                    reported = [await _asked(api, method, f"{base}/{id}", headers | more) for id in ("hers", "nobody")]
                    assert reported[0] == reported[1], (method, more)
                    assert reported[0][0] in ((404, 412) if headers or method == "GET" else (401,))
        listed = (await api("GET", NOTES, params={"total": "true", "text": "mine"}, headers=headers)).json()
        assert listed == {"items": [], "next": "", "total": 0}
        bare = await api("GET", "/notes", params={"slug": "s"}, headers=headers)
        assert (bare.json(), bare.headers["x-total-count"]) == ([], "0")
    assert (await api("GET", f"{NOTES}/hers", headers=ada["headers"])).json()["revision"] == made.json()["revision"]


async def _asked(api: Api, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    body = {} if method in ("GET", "DELETE") else {"json": {"text": "t"}}
    answer = await api(method, path, headers=headers | {"X-Request-Id": "same"}, **body)
    return answer.status_code, answer.text.replace(path.rpartition("/")[2], "ID")


async def test_a_hidden_field(api: Api) -> None:
    """A field that the caller may not see is in no answer, and no filter, sort or equality may ask for it."""
    ada = await api.sign_up("ada")
    body = {"id": "x", "text": "t", "owner": ada["user"]["id"], "secret": "planted"}
    await api.write(Write(act="create", collection="notes", id="x", body=body))
    for answer in (
        await api("GET", f"{NOTES}/x", headers=ada["headers"]),
        await api("GET", NOTES, headers=ada["headers"]),
        await api("GET", "/notes", headers=ada["headers"]),
        await api("PATCH", f"{NOTES}/x", json={"text": "u"}, headers=ada["headers"]),
        await api("PUT", f"{NOTES}/x", json={"text": "v", "owner": ada["user"]["id"]}, headers=ada["headers"]),
    ):
        assert answer.status_code == 200
        assert "planted" not in answer.text
        assert "secret" not in answer.text
    for query in (
        "sort=secret",
        "sort=-secret",
        "secret=planted",
        "filter=record.secret == 'planted'",
        "filter=has(record.secret)",
    ):
        problem(await api("GET", f"{NOTES}?{query}", headers=ada["headers"]), 403, "forbidden")
    assert (await api("GET", f"{NOTES}/x", headers=api.admin)).json()["secret"] == "planted"


async def test_a_closed_collection(api: Api) -> None:
    """A collection without rules is closed to everybody but administrators."""
    ada = await api.sign_up("ada")
    callers: list[tuple[dict[str, str], int, str]] = [(ada["headers"], 403, "forbidden"), ({}, 401, "unauthorized")]
    for headers, status, code in callers:
        answers: list[httpx2.Response] = [
            await api("GET", "/v1/records/closed", headers=headers),
            await api("POST", "/v1/records/closed", json={}, headers=headers),
        ]
        for answer in answers:
            problem(answer, status, code)
        assert ("www-authenticate" in answers[0].headers) is (status == 401)
    assert (await api("POST", "/v1/records/closed", json={}, headers=api.admin)).status_code == 201


# ---------------------------------------------------------------- import


async def test_an_import(each_api: Api) -> None:
    """An administrator creates many records at once; what is refused is reported and holds up nothing."""
    rows = [{"id": 7, "title": "a"}, {"title": 1}, "no object", {"title": "b"}, {"id": 7}]
    answer = await each_api("POST", "/v1/admin/import/posts", json={"rows": rows}, headers=each_api.admin)
    assert answer.json()["created"] == 2
    assert [report["row"] for report in answer.json()["refused"]] == [1, 2, 4]
    assert [post["id"] for post in (await each_api("GET", "/posts")).json()] == [
        7,
        9,
    ]  # a refused chunk has used up a number


@pytest.mark.parametrize("body", [{}, {"rows": {}}, {"rows": [{}] * 1_001}])
async def test_imports_that_can_not_be(api: Api, body: object) -> None:
    """Rows are a list of at most a thousand; they go into a collection that is declared."""
    problem(await api("POST", "/v1/admin/import/posts", json=body, headers=api.admin), 400, "invalid_body")
    problem(
        await api("POST", "/v1/admin/import/nowhere", json={"rows": []}, headers=api.admin), 404, "unknown_collection"
    )


async def test_only_administrators_import(api: Api) -> None:
    """Nobody else imports."""
    ada = await api.sign_up("ada")
    problem(await api("POST", "/v1/admin/import/posts", json={"rows": []}, headers=ada["headers"]), 403, "forbidden")
    problem(await api("POST", "/v1/admin/import/posts", json={"rows": []}), 401, "unauthorized")
