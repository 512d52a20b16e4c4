"""The forms of responses with records, as `Accept` asks for them."""

from __future__ import annotations

import json

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.server.http import HttpRequest
from hinterland.server.protocols.rest.media import JSON_TYPE, LINES, OF_LISTS, OF_RECORDS, PACKED, chosen
from tests.server.api import Api, located, problem

THINGS = "/v1/records/things"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def request(accept: str | None) -> HttpRequest:
    """A request with this header."""
    headers = [] if accept is None else [(b"accept", accept.encode("latin-1"))]
    scope = {"type": "http", "method": "GET", "path": THINGS, "headers": headers}
    return HttpRequest(scope, lambda: None)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, JSON_TYPE), ("", JSON_TYPE), ("*/*", JSON_TYPE), ("application/*", JSON_TYPE), (BROWSER, JSON_TYPE),
        ("application/jsonl", LINES[0]), ("application/x-ndjson", LINES[1]), ("Application/X-NDJSON", LINES[1]),
        ("application/msgpack", PACKED[1]), ("application/vnd.msgpack;q=0.9, application/json;q=0.8", PACKED[0]),
        ("application/msgpack;q=0.5, application/json", JSON_TYPE), ("application/json;q=0, */*", LINES[0]),
        ("application/jsonl, application/json", JSON_TYPE), ("application/json;q=0.2, application/*;q=0.1", JSON_TYPE),
        ("*/*;q=0.1, application/msgpack ; q=0.2", PACKED[1]), ("application/msgpack;q=0", JSON_TYPE),
        ("text/csv", JSON_TYPE), ("application/json;q=0", JSON_TYPE), ("nonsense,;=,/", JSON_TYPE),
        ("application/jsonl;charset=utf-8", LINES[0]), ("a" * 100_000 + ", application/jsonl", JSON_TYPE),
    ],
)  # fmt: skip
def test_what_is_preferred(accept: str | None, kind: bytes) -> None:
    """The highest weight decides, the most specific range gives it, and JSON comes first where all are equal or none
    is acceptable (RFC 9110 §12.4.1, §12.5.1)."""
    assert chosen(request(accept), OF_LISTS) == kind


def test_lines_are_of_lists() -> None:
    """A single record is never JSON Lines."""
    assert chosen(request("application/jsonl"), OF_RECORDS) == JSON_TYPE
    assert chosen(request("application/jsonl, application/msgpack;q=0.1"), OF_RECORDS) == PACKED[1]


async def test_lists_as_lines(each_api: Api) -> None:
    """A record is a line; the next page is in `Link`, the total in `X-Total-Count`."""
    bodies = [{"text": f"one\n{n}", "any": {"a": ["b\n"]}} for n in range(3)]
    await each_api.write(*[Write(act="create", collection="things", body=body) for body in bodies])
    for path in (THINGS, "/v1/records/things/aggregate?group=text&"):
        query = "" if "?" in path else "?total=true&"
        plain = await each_api("GET", f"{path}{query}limit=2")
        lines = await each_api("GET", f"{path}{query}limit=2", headers={"Accept": "application/jsonl"})
        assert lines.headers["content-type"] == "application/jsonl"
        assert lines.text.endswith("\n")
        assert [json.loads(line) for line in lines.text.splitlines()] == plain.json()["items"]
        assert lines.headers["link"] == plain.headers["link"]
        assert lines.headers.get("x-total-count") == (None if "aggregate" in path else "3")
        for answer in (plain, lines):
            assert "Accept" in answer.headers.get_list("vary")
    nothing = await each_api("GET", f"{THINGS}?text=none", headers={"Accept": "application/x-ndjson"})
    assert (nothing.status_code, nothing.content) == (200, b"")


async def test_message_pack(each_api: Api) -> None:
    """Lists, records and the responses to writes have the same values as in JSON."""
    packed = {"Accept": "application/vnd.msgpack"}
    body = {"text": "ä", "whole": 2**53 - 1, "number": 0.5, "big": "9007199254740993", "any": {"a": [1, None, True]}}
    made = await each_api("POST", THINGS, json=body, headers=packed)
    assert (made.status_code, made.headers["content-type"]) == (201, "application/vnd.msgpack")
    path = located(made)
    for place in (path, f"{THINGS}?total=true", f"{THINGS}/aggregate?sum=whole"):
        plain, other = await each_api("GET", place), await each_api("GET", place, headers=packed)
        assert msgspec.msgpack.decode(other.content) == plain.json()
        assert other.headers["content-length"] == str(len(other.content))
        head = await each_api("HEAD", place, headers=packed)
        assert (head.headers["content-length"], head.content) == (other.headers["content-length"], b"")
    assert msgspec.msgpack.decode(made.content) == (await each_api("GET", path)).json()


async def test_each_form_has_its_tag(api: Api) -> None:
    """A form's tag is not that of another one; any of them names the revision in a precondition."""
    packed = {"Accept": "application/msgpack"}
    path = located(await api("POST", THINGS, json={"text": "a"}))
    plain, other = await api("GET", path), await api("GET", path, headers=packed)
    assert (plain.headers["etag"], other.headers["etag"]) == ('"1"', '"1-msgpack"')
    for given, status in (('"1"', 200), ('"1-msgpack"', 304), ('W/"1-msgpack-gzip"', 304), ("*", 304)):
        answer = await api("GET", path, headers={**packed, "If-None-Match": given})
        assert (answer.status_code, answer.headers["etag"]) == (status, '"1-msgpack"'), given
        assert "Accept" in answer.headers.get_list("vary")
    assert (await api("GET", path, headers={"If-None-Match": '"1-msgpack"'})).status_code == 200
    changed = await api("PATCH", path, json={"text": "b"}, headers={"If-Match": '"1-msgpack"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    stale = await api("PATCH", path, json={"text": "c"}, headers={"If-Match": '"1-msgpack"', **packed})
    problem(stale, 412, "stale")  # errors are problem+json in every case
