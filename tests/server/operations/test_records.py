"""Records that an app's own code reads and writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Text
from hinterland.contract.identity import SIGNED_OUT, Principal, RecordId
from hinterland.contract.records import Collection, Rules
from hinterland.server.hooks import BeforeWrite
from hinterland.server.operations.call import Call
from hinterland.server.operations.records import ADMINISTRATOR, each_record, write_records
from hinterland.server.storage import sqlite_reading
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving
from tests.server.refused import refused

ADA = Call(Principal(id="ada"), None)


async def test_each_record_in_an_order(each_api: Api) -> None:
    """The records of a collection come in the order of fields, which are named as a client names them."""
    texts = {"a": (1, "x"), "b": (2, "x"), "c": (0, "y")}
    for id, (whole, text) in texts.items():
        await each_api.write(Write(act="create", collection="things", id=id, body={"whole": whole, "text": text}))

    async def ids(**question: Any) -> str:
        call = Call(caller=SIGNED_OUT, input=None)
        return "".join([thing["id"] async for thing in each_record(each_api.backend, call, "things", **question)])

    assert await ids() == await ids(sort="") == "abc"
    assert await ids(sort="-whole") == await ids(sort=["-whole"]) == "bac"
    assert await ids(sort="-text,-whole") == await ids(sort=("-text", "-whole")) == "cba"
    assert await ids(sort="whole", filter="record.text == 'x'") == "ab"


async def test_each_record_of_a_collection(api: Api) -> None:
    """The path is a collection's: that of a record is a mistake of the app."""
    call = Call(caller=SIGNED_OUT, input=None)
    with pytest.raises(ValueError, match="posts/1 is the path of a record; give that of a collection"):
        [post async for post in each_record(api.backend, call, "posts/1")]


MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("things", {"sort": ["whale"]}, "each_record of 'things': unknown sort field 'whale'"),
    ("things", {"filter": "record.whale == 1"}, "each_record of 'things': filter: record has no field"),
    ("things", {"filter": "record.whole =="}, "each_record of 'things': filter: "),
    ("things", {"where": {"whale": 1}}, "each_record of 'things': unknown parameter 'whale'"),
    ("things", {"where": {"tags": "a"}}, "each_record of 'things': tags: can't be compared for equality"),
    ("thingz", {}, "each_record of 'thingz': there is no collection 'thingz'"),
]


@pytest.mark.parametrize(("path", "question", "words"), MISTAKES)
async def test_mistakes_of_an_app(api: Api, path: str, question: dict[str, Any], words: str) -> None:
    """What no caller's value makes wrong in a question of an app's code is an error of the code, which says where."""
    with pytest.raises(ValueError, match=re.escape(words)):
        await ids_of(api, ADMINISTRATOR, path, **question)
    with pytest.raises(ValueError, match="write_records: there is no collection 'thingz'"):
        await write_records(api.backend, ADMINISTRATOR, [Write(act="create", collection="thingz")])


async def test_a_question_of_an_app_that_is_too_costly(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question of an app's code that costs too much is its error too: its callers can't change it."""
    await api.write(*[Write(act="create", collection="things", body={"text": "a" * 10_000})] * 50)
    monkeypatch.setattr(sqlite_reading, "_STEPS_ASIDE", 100)
    monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", 0.0)
    with pytest.raises(ValueError, match="each_record of 'things': "):
        await ids_of(api, ADMINISTRATOR, "things", filter="(record.text + record.text).contains('b')")


async def test_values_that_do_not_fit(api: Api) -> None:
    """A value in `where` may come from a caller: one that its field can't have is the caller's, and so is an id in a
    path."""
    for where in ({"whole": "many"}, {"id": "a/b"}, {"at": "soon"}, {"text": 5}):
        with refused("invalid_query", f"{next(iter(where))}: "):
            await ids_of(api, ADMINISTRATOR, "things", where=where)
    with refused("not_found"):
        await ids_of(api, ADMINISTRATOR, "posts/x/comments")
    with refused("unknown_collection"):
        await ids_of(api, ADMINISTRATOR, "posts/1/x/comments/comments")


def note(id: str, text: str, owner: str) -> Write:
    """The creation of a note."""
    return Write(act="create", collection="notes", id=id, body={"text": text, "owner": owner})


async def ids_of(each_api: Api, by: Call[None] | Principal, path: str = "notes", **asked: object) -> list[RecordId]:
    """The ids that `each_record` yields."""
    return [record["id"] async for record in each_record(each_api.backend, by, path, **asked)]  # type: ignore[arg-type]


async def test_as_the_caller_or_as_an_administrator(each_api: Api) -> None:
    """An app's code reads and writes as the caller of its operation, by the rules, or as an administrator, whom no rule
    restricts."""
    await write_records(each_api.backend, ADA, [note("a", "hers", "ada")])
    with refused("forbidden", "the create rule of notes does not allow this"):
        await write_records(each_api.backend, ADA, [note("b", "not hers", "ben")])
    assert await write_records(each_api.backend, ADMINISTRATOR, [note("b", "not hers", "ben")]) == ["b"]
    assert await ids_of(each_api, ADA) == ["a"]
    assert await ids_of(each_api, ADMINISTRATOR) == ["a", "b"]


async def test_values_of_callers(each_api: Api) -> None:
    """What `where` names is compared as a value, quotation marks included; a field of any name can be asked for."""
    text = "' || true || '"
    notes = [note("a", text, "ada"), note("b", "x", "ada"), note("c", text, "b")]
    await write_records(each_api.backend, ADMINISTRATOR, notes)
    assert await ids_of(each_api, ADMINISTRATOR, where={"text": text}) == ["a", "c"]
    assert await ids_of(each_api, ADMINISTRATOR, where={"text": text}, filter="record.owner == 'b'") == ["c"]
    assert await ids_of(each_api, ADMINISTRATOR, where={"owner": "ada", "slug": None}, sort=["-id"]) == ["b", "a"]
    [post] = await write_records(each_api.backend, ADMINISTRATOR, [Write(act="create", collection="posts", body={})])
    assert await ids_of(each_api, ADMINISTRATOR, "posts", where={"id": post}) == [post]


async def test_fields_that_were_declared_later(each_api: Api) -> None:
    """An app's code finds every field in a record that is older than its declaration, without a value; its callers
    don't learn of those that are hidden from them."""
    await each_api.write(Write(act="create", collection="posts", id="", body={"title": "old"}))
    schema = (await each_api("GET", "/v1/admin/schema", headers=each_api.admin)).json()["collections"]
    [posts] = [collection for collection in schema if collection["name"] == "posts"]
    posts["fields"] |= {"mood": {"kind": "text"}, "secret": {"kind": "text", "read": "'staff' in auth.roles"}}
    answer = await each_api("POST", "/v1/admin/schema", json={"collections": [posts]}, headers=each_api.admin)
    assert answer.status_code == 200, answer.text
    seen: list[Any] = []

    async def hook(write: BeforeWrite) -> None:
        assert write.old is not None
        seen.append(write.old)

    each_api.backend.app.hooks.add_before("posts", ["delete"], hook)
    for by in (ADMINISTRATOR, ADA):
        seen += [post async for post in each_record(each_api.backend, by, "posts")]
    await write_records(each_api.backend, ADA, [Write(act="delete", collection="posts", id=seen[0]["id"])])
    fields = [{name: post[name] for name in ("title", "mood", "secret") if name in post} for post in seen]
    whole = {"title": "old", "mood": None, "secret": None}
    assert fields == [whole, {"title": "old", "mood": None}, whole]


async def test_writes_of_an_app_are_checked(each_api: Api) -> None:
    """What no protocol would take is refused of an app's own operation too, all of it, by field."""
    call = Call(caller=SIGNED_OUT, input=None)
    wrong = Write(act="create", collection="things", id="a/b", body={"any": float("nan")})
    with refused("validation") as caught:
        await write_records(each_api.backend, call, [Write(act="create", collection="things", id="a"), wrong])
    assert caught.value.errors.keys() == {"id", "any"}
    assert await write_records(each_api.backend, call, [Write(act="create", collection="things", id="a")]) == ["a"]


async def test_the_keys_of_an_administrator(api: Api) -> None:
    """An administrator's idempotency keys are kept under a name that no user has."""
    await api("POST", "/v1/records/things", json={}, headers={**api.admin, "Idempotency-Key": "k"})
    [kept] = await api.backend.storage.rows("_answers", {})
    assert kept["caller"].startswith("admin/")


async def test_a_put_that_creates_is_a_creation(tmp_path: Path) -> None:
    """Where a PUT may only create, the rule for creations alone decides whether its caller is let in."""
    open_once = Collection(name="once", fields={"text": Text()}, rules=Rules(create="true", update="auth != null"))
    async with serving(SqliteStorage(tmp_path), collections=[open_once]) as api:
        new = {"If-None-Match": "*"}
        assert (await api("PUT", "/v1/records/once/a", json={}, headers=new)).status_code == 201
        problem(await api("PUT", "/v1/records/once/a", json={}), 401, "unauthorized")


async def test_an_id_that_is_neither_text_nor_a_number(api: Api) -> None:
    """True is no number: it names no record."""
    refusal = problem(await api("POST", "/v1/records/posts", json={"id": True}, headers=api.admin), 400, "validation")
    assert refusal["errors"] == {"id": ["must be text or a number"]}
