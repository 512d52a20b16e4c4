"""Entity tags as proxies change them, and lists of them."""

from __future__ import annotations

import pytest

from tests.server.api import Api, located, problem

THINGS = "/v1/records/things"
CHANGED = [
    '"1-gzip"', '"1-br"', '"1-zstd"', '"1-deflate"', '"1;gzip"', '"1--gzip"', '"1:br"', 'W/"1-gzip"', 'W/"1"',
    '"1-gzip-gzip"', "1",
]  # fmt: skip
FOREIGN = ['"1-x"', '"1gzip"', '"-gzip"', '"1-gzip', '"1.0-gzip"', '"a,1,b"', '"11"', '1-gzip"']


@pytest.mark.parametrize("tag", CHANGED)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_tag_that_a_proxy_changed(each_api: Api, method: str, tag: str) -> None:
    """A tag to which a proxy appended a content coding, or that it weakened, is the record's: If-Match lets the write
    through, If-None-Match answers 304 with our tag and refuses the write."""
    api = each_api
    path = located(await api("POST", THINGS, json={}))
    known = await api("GET", path, headers={"If-None-Match": tag})
    assert (known.status_code, known.headers["etag"]) == (304, '"1"')
    assert (await api("GET", path, headers={"If-Match": tag})).status_code == 200
    body: dict[str, str] | None = None if method == "DELETE" else {}
    problem(await api(method, path, json=body, headers={"If-None-Match": tag}), 412, "stale")
    assert (await api(method, path, json=body, headers={"If-Match": tag})).status_code in (200, 204)
    if body is not None:
        problem(await api(method, path, json=body, headers={"If-Match": tag}), 412, "stale")


@pytest.mark.parametrize("tag", FOREIGN)
async def test_a_tag_that_only_looks_like_ours(api: Api, tag: str) -> None:
    """Any other ending, or a tag that is not quoted as a whole, is no tag of ours."""
    path = located(await api("POST", THINGS, json={}))
    problem(await api("PATCH", path, json={}, headers={"If-Match": tag}), 412, "stale")
    assert (await api("GET", path, headers={"If-None-Match": tag})).status_code == 200


async def test_a_tag_of_what_a_caller_sees(api: Api) -> None:
    """The digest in a tag of a record with private fields stays part of it when a coding is appended."""
    ada = await api.sign_up("ada")
    made = await api("POST", "/v1/records/notes", json={"text": "a", "secret": "s"}, headers=ada["headers"])
    changed = {"If-None-Match": made.headers["etag"].removesuffix('"') + '-gzip"'}
    assert (await api("GET", located(made), headers=ada["headers"] | changed)).status_code == 304
    assert (await api("GET", located(made), headers=api.admin | changed)).status_code == 200


@pytest.mark.parametrize(("tags", "status"), [
    ('"1", "2"', 200), ('"2","1"', 200), ('"9" , W/"2-gzip"', 200), ('"x", "2"', 200), ('"1", "9"', 412),
    ('"x,2", "y"', 412), ('"1", *', 400), ('"", ,"2"', 200),
])  # fmt: skip
async def test_a_list_of_tags(each_api: Api, tags: str, status: int) -> None:
    """If-Match may list tags (RFC 9110 §13.1.1): a write happens where the record's is among them."""
    path = located(await each_api("POST", THINGS, json={}))
    await each_api("PATCH", path, json={})
    assert (await each_api("PATCH", path, json={}, headers={"If-Match": tags})).status_code == status
    if status != 200:
        assert (await each_api("GET", path)).json()["revision"] == 2


async def test_a_list_tells_no_more_than_one_tag(api: Api) -> None:
    """Of a record that the caller may not see, a list with its revision is refused as one without it."""
    ada, ben = await api.sign_up("ada"), await api.sign_up("ben")
    made = await api("POST", "/v1/records/notes", json={"text": "a"}, headers=ada["headers"])
    revision = made.json()["revision"]
    right, wrong = f'"{revision}", "{revision + 1}"', f'"{revision + 7}", "{revision + 8}"'
    reported = [
        problem(await api("PATCH", located(made), json={}, headers=ben["headers"] | {"If-Match": tags}), 412, "stale")
        for tags in (right, wrong)
    ]
    assert reported[0]["message"] == reported[1]["message"]
