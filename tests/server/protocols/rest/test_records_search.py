"""Searches over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hinterland.contract.fields import Text
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, problem, serving

ARTICLES = Collection(
    name="articles", fields={"title": Text(search=True), "text": Text(search=True), "search": Text()}, rules=EVERYBODY
)
PLAIN = Collection(name="plain", fields={"title": Text()}, rules=EVERYBODY)
SECRETS = Collection(
    name="secrets", fields={"title": Text(search=True), "key": Text(search=True, read="false")}, rules=EVERYBODY
)
SEALED = Collection(name="sealed", fields={"key": Text(search=True, read="false")}, rules=EVERYBODY)
COLLECTIONS = (ARTICLES, PLAIN, SECRETS, SEALED)
PATH = "/v1/records/articles"


async def titles(api: Api, **query: Any) -> list[str]:
    """The titles of what is found."""
    answer = await api("GET", PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


async def test_a_search_over_http(tmp_path: Path) -> None:
    """Words in a URL, with everything else that a list takes, and links from page to page."""
    async with serving(SqliteStorage(tmp_path), collections=COLLECTIONS) as api:
        for title, text in (("Wi-Fi at home", "slow"), ("Home", "the Wi-Fi is fast"), ("Café", "no network")):
            await api("POST", PATH, json={"title": title, "text": text, "search": "x"})
        assert await titles(api, search="wi-fi") == ["Wi-Fi at home", "Home"]
        assert await titles(api, search='"wi fi" -slow') == ["Home"]
        assert await titles(api, search="cafe") == ["Café"]
        assert await titles(api, search="wi*", sort="title") == ["Home", "Wi-Fi at home"]
        assert await titles(api, search="wi*", **{"where.search": "x", "filter": "record.text != 'slow'"}) == ["Home"]
        assert len(await titles(api, search="")) == 3
        first = await api("GET", PATH, params={"search": "home", "limit": 1, "total": "true"})
        assert (first.json()["total"], first.json()["items"][0]["title"]) == (2, "Home")
        second = await api.http.get(first.url.join(first.links["next"]["url"]))
        assert (second.json()["items"][0]["title"], second.json()["next"]) == ("Wi-Fi at home", "")
        patched = f"{PATH}/{second.json()['items'][0]['id']}"
        assert (await api("PATCH", patched, json={"title": "Office"})).status_code == 200
        assert (await api("DELETE", f"{PATH}/{first.json()['items'][0]['id']}")).status_code == 204
        assert await titles(api, search="home") == []


async def test_searches_that_can_not_be(tmp_path: Path) -> None:
    """What is no search, and what may not be searched, is refused in words that say what to do."""
    async with serving(SqliteStorage(tmp_path), collections=COLLECTIONS) as api:
        assert "no word" in problem(await api("GET", f"{PATH}?search=*"), 400, "invalid_query")["message"]
        twice = await api("GET", f"{PATH}?search=a&search=b")
        assert "twice" in problem(twice, 400, "invalid_query")["message"]
        plain = await api("GET", "/v1/records/plain?search=a")
        assert "search=True" in problem(plain, 400, "invalid_query")["message"]
        hidden = await api("GET", "/v1/records/sealed?search=a")
        assert problem(hidden, 403, "forbidden")["message"] == "key of sealed can't be used to filter, sort or search"
        assert (await api("GET", "/v1/records/sealed?search=a", headers=api.admin)).status_code == 200
        stream = await api("GET", "/v1/events?collections=articles&search=a")
        problem(stream, 400, "invalid_query")


async def test_a_search_of_what_may_be_read(tmp_path: Path) -> None:
    """Lists and aggregates find by the fields that their caller may read; a word of others is nowhere."""
    async with serving(SqliteStorage(tmp_path), collections=COLLECTIONS) as api:
        path, hidden = "/v1/records/secrets", {"title": "open", "key": "sesame"}
        await api("POST", path, json=hidden, headers=api.admin)
        for words, count in (("open", 1), ("sesame", 0), ("open sesame", 0), ("open -sesame", 1), ("ses*", 0)):
            answer = await api("GET", path, params={"search": words, "total": "true"})
            assert (answer.status_code, answer.json()["total"]) == (200, count), words
            counted = await api("GET", f"{path}/aggregate", params={"search": words})
            assert counted.json()["items"] == [{"count": count}], words
        all_of_it = await api("GET", path, params={"search": "open sesame"}, headers=api.admin)
        assert [item["key"] for item in all_of_it.json()["items"]] == ["sesame"]


async def test_the_description_of_searches(tmp_path: Path) -> None:
    """OpenAPI has the parameter where there is something to search, and the description says which fields are."""
    async with serving(SqliteStorage(tmp_path), collections=COLLECTIONS) as api:
        paths = (await api("GET", "/openapi.json")).json()["paths"]
        asked = {
            name: [each["name"] for each in paths[f"/v1/records/{name}"]["get"]["parameters"]]
            for name in ("articles", "plain")
        }
        assert ("search" in asked["articles"], "search" in asked["plain"]) == (True, False)
        described = (await api("GET", "/v1/schema")).json()["collections"]
        [fields] = [each["fields"] for each in described if each["name"] == "articles"]
        assert (fields["title"].get("search"), fields["search"].get("search")) == (True, None)
