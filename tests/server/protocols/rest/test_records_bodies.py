"""Bodies that can't be, and what a record takes from those that can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hinterland.contract.fields import Json, List, Text
from hinterland.contract.records import EVERYBODY, Collection, users
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, located, problem, serving

THINGS = "/v1/records/things"
JSON = {"Content-Type": "application/json"}


BAD_BODIES = {
    "empty": b"",
    "blank": b" \n",
    "cut off": b'{"text": "a',
    "no object": b"[]",
    "a number": b"1",
    "no JSON": b"text=a",
    "NaN": b'{"number": NaN}',
    "twice": b'{"text": "a", "text": "b"}',
    "twice, deeper": b'{"any": [{"a": 1, "\\u0061": 2}]}',
    "NUL": b'{"text": "a\\u0000b"}',
    "NUL in a name": b'{"any": {"a\\u0000b": 1}}',
    "half a surrogate": b'{"text": "\\ud800"}',
    "the other half": b'{"any": {"\\udc00": 1}}',
    "not UTF-8": b'{"text": "\xff"}',
    "beyond a double, whole": b'{"any": 1' + b"0" * 309 + b"}",
    "beyond a double": b'{"any": 1e400}',
    "deep": b'{"any": ' + b"[" * 1_000 + b"]" * 1_000 + b"}",
    "deep objects": b'{"any": ' + b'{"a":' * 1_000 + b"1" + b"}" * 1_000 + b"}",
}


async def test_bodies_that_two_readers_could_take_differently(each_api: Api) -> None:
    """What is not JSON with one meaning is refused with the same answer on every database, and nothing is written."""
    path = located(await each_api("PUT", f"{THINGS}/x", json={}, headers={"If-None-Match": "*"}))
    for name, data in BAD_BODIES.items():
        for method, place in (("POST", THINGS), ("PUT", path), ("PATCH", path)):
            if not data.strip() and method != "PUT":
                continue  # an empty body is an empty object where nothing need be given
            answer = await each_api(method, place, content=data, headers=JSON)
            assert problem(answer, 400, "invalid_body"), name
    assert (await each_api("GET", THINGS, params={"total": "1"})).json()["total"] == 1
    assert (await each_api("GET", path)).headers["etag"] == '"1"'


BAD_VALUES: dict[str, Any] = {
    "text": [1, True, {"a": 1}, "x" * 10_001],
    "whole": ["1", 1.5, 2**53, -(2**53), True, []],
    "number": ["1", True, []],
    "flag": [0, "true", []],
    "at": ["yesterday", "2026-01-01T00:00:00", 1, "2026-13-01T00:00:00Z", "2026-01-01T25:00:00Z"],
    "big": ["9223372036854775808", "1.0", 1.5, "٣", ""],
    "bytes": ["A", "€", 1],
    "tags": ["a", [1], {"a": 1}, ["a"] * 1_001],
    "nonsense": [1, {}],
}


async def test_values_that_do_not_fit_their_field(each_api: Api) -> None:
    """Each wrong value is refused with a message by its field, on every database alike."""
    for field, values in BAD_VALUES.items():
        for value in values:
            body = problem(await each_api("POST", THINGS, json={field: value}), 400, "validation")
            assert list(body["errors"]) == [field], value
            assert body["message"].startswith(f"{field}: ")


async def test_times_without_an_offset(each_api: Api) -> None:
    """A time without an offset is refused with what to give, in bodies, questions and pushes; the tutorial paths take
    it as UTC. Offsets of two digits are understood everywhere."""
    hint = "must have an offset; give the offset, such as Z or +02:00"
    bare, utc = "2026-01-02T03:04:05", "2026-01-02T03:04:05.000000Z"
    for method, path in (("POST", THINGS), ("PUT", f"{THINGS}/x")):
        headers = {"If-None-Match": "*"} if method == "PUT" else {}
        body = problem(await each_api(method, path, json={"at": bare}, headers=headers), 400, "validation")
        assert body["errors"] == {"at": [hint]}
    assert hint in problem(await each_api("GET", THINGS, params={"where.at": bare}), 400, "invalid_query")["message"]
    for given in (bare, bare + "+00", "2026-01-02T05:04:05+02"):
        made = await each_api("POST", "/things", json={"at": given})
        assert made.json()["at"] == utc
        changed = await each_api("PATCH", f"/things/{made.json()['id']}", json={"at": given})
        assert changed.json()["at"] == utc
    assert len((await each_api("GET", "/things", params={"where.at": bare})).json()) == 3
    assert len((await each_api("GET", "/things", params={"updated_at": bare})).json()) == 0
    found = await each_api("GET", THINGS, params={"filter": "record.at == timestamp('2026-01-02T05:04:05+02')"})
    assert len(found.json()["items"]) == 3
    problem(await each_api("POST", "/things", json={"at": "soon"}), 400, "validation")


async def test_integers_beyond_64_bits(each_api: Api) -> None:
    """Integers beyond 64 bits in a body are doubles, as JavaScript means them, in Number and Json fields, and refused
    by name in every other kind and in what the server counts, the same on both databases; none is rounded silently."""
    for digits, double in (("100000000000000000000", 1e20), ("9223372036854775808", 2.0**63), ("-1" + "0" * 19, -1e19)):
        body = f'{{"number": {digits}, "any": {{"a": [{digits}]}}}}'.encode()
        made = await each_api("POST", THINGS, content=body, headers=JSON)
        assert (made.json()["number"], made.json()["any"]) == (double, {"a": [double]})
        found = await each_api("GET", THINGS, params={"number": digits})
        assert [item["any"] for item in found.json()["items"]] == [{"a": [double]}]
        for name in ("whole", "big", "at", "text", "flag", "bytes", "tags", "nonsense"):
            answer = await each_api("POST", THINGS, content=f'{{"{name}": {digits}}}'.encode(), headers=JSON)
            assert list(problem(answer, 400, "validation")["errors"]) == [name]
    exact = await each_api("POST", THINGS, content=b'{"any": [9007199254740993, 9223372036854775807]}', headers=JSON)
    assert exact.content.count(b"9007199254740993") == exact.content.count(b"9223372036854775807") == 1
    ada = await each_api.sign_up("ada")
    push = b'{"device": "d", "mutations": [{"seq": 18446744073709551616, "id": "m", "writes": []}]}'
    answer = await each_api("POST", "/v1/sync/push", content=push, headers=ada["headers"] | JSON)
    assert "mutations[0].seq" in problem(answer, 400, "invalid_body")["message"]


async def test_the_depth_of_a_pushed_body(each_api: Api) -> None:
    """A record's body may have 64 levels, in a push as alone, and not one more."""
    ada = await each_api.sign_up("ada")
    for levels, is_taken in ((63, True), (64, False)):
        value: Any = None
        for _ in range(levels):
            value = [value]
        alone = await each_api("POST", THINGS, json={"any": value})
        write = {"act": "create", "collection": "things", "id": "x", "body": {"any": value}}
        push = {"device": "d", "mutations": [{"seq": 1, "id": "m", "writes": [write]}]}
        pushed = await each_api("POST", "/v1/sync/push", json=push, headers=ada["headers"])
        assert (alone.is_success, pushed.is_success) == (is_taken, is_taken)


async def test_all_errors_at_once(api: Api) -> None:
    """A body with several faults gets all of them, unknown fields included; a body without faults none."""
    body = problem(await api("POST", THINGS, json={"text": 1, "whole": "x", "what": 1}), 400, "validation")
    assert list(body["errors"]) == ["text", "whole", "what"]
    ids: list[Any] = [True, 1.5, [], {}]
    for id in ids:
        assert "id" in problem(await api("POST", THINGS, json={"id": id}), 400, "validation")["errors"]


async def test_what_only_the_server_sets(api: Api) -> None:
    """Times and revision in a body are ignored, an integer id is refused, a role is no field."""
    given = {"created_at": "2000-01-01T00:00:00Z", "updated_at": "x", "revision": 99}
    made = await api("POST", THINGS, json=given)
    assert made.status_code == 201
    assert made.json()["revision"] == 1
    assert made.json()["created_at"] == made.json()["updated_at"] != given["created_at"]
    path = located(made)
    changed = await api("PUT", path, json={**given, "id": made.json()["id"]})
    assert (changed.json()["id"], changed.json()["revision"]) == (made.json()["id"], 2)
    problem(await api("POST", "/v1/records/posts", json={"id": 7}), 400, "validation")
    ada = await api.sign_up("ada")
    me = f"/v1/records/users/{ada['user']['id']}"
    for field in ("role", "roles", "password", "is_admin"):
        problem(await api("PATCH", me, json={field: "admin"}, headers=ada["headers"]), 400, "validation")


async def test_a_body_that_contradicts_its_path(each_api: Api) -> None:
    """A body with another id or parent than its path is refused by that name, in a push too; a whole record that is
    sent back passes."""
    post = (await each_api("POST", "/v1/records/posts", json={})).json()["id"]
    path = f"/v1/records/posts/{post}/comments"
    made = (await each_api("POST", path, json={"id": "a", "text": "x", "parent": f"posts/{post}"})).json()
    for method in ("PUT", "PATCH"):
        assert (await each_api(method, f"{path}/a", json={**made, "parent": f"posts/{post}"})).status_code == 200
        for wrong in ({"id": "b"}, {"parent": "posts/9"}, {"id": "b", "parent": "x"}):
            body = problem(await each_api(method, f"{path}/a", json=wrong), 400, "validation")
            assert list(body["errors"]) == list(wrong)
    problem(await each_api("POST", path, json={"parent": "posts/9"}), 400, "validation")
    problem(await each_api("POST", THINGS, json={"parent": "posts/9"}), 400, "validation")
    named = await each_api("PUT", f"{THINGS}/x", json={"id": "y"}, headers={"If-None-Match": "*"})
    problem(named, 400, "validation")
    ada = await each_api.sign_up("ada")
    write = {"act": "create", "collection": "things", "id": "x", "body": {"id": "y"}}
    push = {"device": "d", "mutations": [{"seq": 1, "id": "m", "writes": [write]}]}
    answer = await each_api("POST", "/v1/sync/push", json=push, headers=ada["headers"])
    assert answer.json()["results"][0]["problem"]["errors"].keys() == {"id"}


@pytest.mark.parametrize(
    "given", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json", ""]
)
async def test_other_kinds_of_bodies(api: Api, given: str) -> None:
    """A body of another media type, or encoded, is refused with what to send."""
    answer = await api("POST", THINGS, content=b"{}", headers={"Content-Type": given})
    assert "application/json" in problem(answer, 415, "unsupported_media_type")["message"]
    answer = await api("PATCH", f"{THINGS}/a", content=b"{}", headers={"Content-Type": given})
    assert "application/json-patch+json" in problem(answer, 415, "unsupported_media_type")["message"]


async def test_kinds_of_json(api: Api) -> None:
    """JSON by any of its names is read; in another charset than UTF-8, or encoded, it is refused, with the codings that
    are accepted (RFC 9110 §12.5.3)."""
    utf8 = ("Application/JSON; charset=utf-8", 'application/json;CHARSET="UTF-8"', "application/json; x=y")
    for given in ("application/json", *utf8, "application/merge-patch+json"):
        assert (await api("POST", THINGS, content=b"{}", headers={"Content-Type": given})).status_code == 201
    encoded = await api("POST", THINGS, content=b"{}", headers=JSON | {"Content-Encoding": "gzip"})
    problem(encoded, 415, "unsupported_media_type")
    assert encoded.headers["accept-encoding"] == "identity"
    for charset in ("utf-16", "iso-8859-1", '"utf-16le"', ""):
        given = f"application/json; charset={charset}"
        answer = await api("POST", THINGS, content="{}".encode("utf-16"), headers={"Content-Type": given})
        assert "UTF-8" in problem(answer, 415, "unsupported_media_type")["message"]


async def test_a_body_that_is_too_large(tmp_path: Path) -> None:
    """A body beyond the setting is refused, whether its length is given or not, and others are served."""

    async def pieces() -> Any:
        for _ in range(100):
            yield b" " * 100

    async with serving(SqliteStorage(tmp_path), max_body_bytes=1_000) as api:
        reported = await api("POST", THINGS, content=b" " * 1_001, headers=JSON)
        assert "max_body_bytes" in problem(reported, 413, "too_large")["message"]
        problem(await api("POST", THINGS, content=pieces(), headers=JSON), 413, "too_large")
        problem(await api("POST", THINGS, content=b"{}", headers=JSON | {"Content-Length": "x"}), 413, "too_large")
        assert (await api("POST", THINGS, json={"text": "a" * 900})).status_code == 201


async def test_a_record_that_grows_too_large(tmp_path: Path) -> None:
    """A record grows to the setting and no further, by whatever door, as a whole or bit by bit; it can still be read,
    changed as long as it does not grow, and made smaller."""
    bits = Collection(name="bits", fields={"any": Json(), "tags": List(of=Text())}, rules=EVERYBODY)
    async with serving(SqliteStorage(tmp_path), collections=(users(), bits), max_record_bytes=1_000) as api:
        place = "/v1/records/bits/b"
        assert (await api("POST", "/v1/records/bits", json={"id": "b", "any": {"m0": "x" * 90}})).status_code == 201
        number = 1
        while (answer := await api("PATCH", place, json={"any": {f"m{number}": "x" * 90}})).status_code == 200:
            number += 1
        said = problem(answer, 413, "too_large")["message"]
        assert said == (
            "the record would be larger than 1,000 bytes; keep less in it, or raise the setting max_record_bytes"
        )
        assert number == 9
        for method, path, body in (
            ("PATCH", place, {"tags": {"$add": ["x" * 200]}}),
            ("PUT", place, {"any": "x" * 1_000}),
            ("POST", "/v1/records/bits", {"any": "x" * 1_000}),
            ("POST", "/bits", {"any": "é" * 500}),
        ):
            problem(await api(method, path, json=body), 413, "too_large")
        grown = (await api("GET", place)).json()
        assert (len(grown["any"]), grown["tags"]) == (9, None)
    async with serving(SqliteStorage(tmp_path), collections=(users(), bits), max_record_bytes=500) as api:
        assert (await api("PATCH", place, json={"any": {"m0": "y" * 90}})).status_code == 200
        problem(await api("PATCH", place, json={"any": {"m0": "y" * 91}}), 413, "too_large")
        assert (await api("PATCH", place, json={"any": {"m0": None}})).status_code == 200
        assert (await api("PUT", place, json={"any": "small"})).status_code == 200
