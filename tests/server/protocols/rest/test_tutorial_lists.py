"""The forms of tutorials' lists, collections below a record, and paths with a slash at their end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.api import Api, located, problem
from tests.server.protocols.rest.library import books, each_library, ids

__all__ = ["books", "each_library"]  # fixtures


async def pages(api: Api, query: str) -> tuple[list[Any], dict[str, str]]:
    """The ids of an array, and where its links lead: the queries by their relation."""
    answer = await api("GET", f"/books?{query}")
    assert (answer.status_code, answer.headers["x-total-count"]) == (200, "4"), answer.text
    return [book["id"] for book in answer.json()], {str(name): link["url"] for name, link in answer.links.items()}


async def test_pages_of_an_array(each_library: Api) -> None:
    """`_page` with `_limit` is a bare array with the total and links to the other pages, ten records where no limit
    is given."""
    assert await pages(each_library, "_page=1&_limit=3&_sort=id") == ([1, 2, 3], {
        "first": "?_limit=3&_sort=id&_page=1", "next": "?_limit=3&_sort=id&_page=2",
        "last": "?_limit=3&_sort=id&_page=2",
    })  # fmt: skip
    found, links = await pages(each_library, "_limit=1&_page=3")
    assert (found, links["prev"], links["next"]) == ([3], "?_limit=1&_page=2", "?_limit=1&_page=4")
    assert await pages(each_library, "_page=9&_limit=3") == ([], {
        "first": "?_limit=3&_page=1", "prev": "?_limit=3&_page=2", "last": "?_limit=3&_page=2",
    })  # fmt: skip
    assert (await pages(each_library, "_page=1"))[1] == {"first": "?_page=1", "last": "?_page=1"}


async def test_pages_of_an_object(each_library: Api) -> None:
    """`_page` with `_per_page` is `{first, prev, next, last, pages, items, data}`; a page beyond the end is the
    last."""
    first = (await each_library("GET", "/books?_page=1&_per_page=3")).json()
    data = first.pop("data")
    assert [book["id"] for book in data] == [1, 2, 3]
    assert first == {"first": 1, "prev": None, "next": 2, "last": 2, "pages": 2, "items": 4}
    for page in (2, 9):
        last = (await each_library("GET", f"/books?_page={page}&_per_page=3")).json()
        assert [book["id"] for book in last.pop("data")] == [4]
        assert last == {"first": 1, "prev": 1, "next": None, "last": 2, "pages": 2, "items": 4}
    none = (await each_library("GET", "/books?_per_page=3&q=nowhere")).json()
    assert none == {"first": 1, "prev": None, "next": None, "last": 1, "pages": 1, "items": 0, "data": []}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_start=1&_end=3", [2, 3]),
        ("_start=2&_end=10", [3, 4]),
        ("_end=2", [1, 2]),
        ("_start=1&_limit=1", [2]),
        ("_limit=2", [1, 2]),
        ("_start=3", [4]),
        ("_start=9&_end=10", []),
        ("_start=0&_end=2&_sort=id&_order=DESC", [4, 3]),
        ("_sort=views&_order=desc", [3, 2, 1, 4]),
        ("_sort=-views", [3, 2, 1, 4]),
        ("_sort=views", [4, 1, 2, 3]),
        ("_sort=views,price&_order=desc,desc", [3, 2, 1, 4]),
        ("_sort=-views,price", [2, 3, 1, 4]),
        ("_sort=views,price&_order=desc", [2, 3, 1, 4]),
        ("_sort=-views&_sort=price", [2, 3, 1, 4]),
        ("_sort=&_order=ASC", [1, 2, 3, 4]),
        ('sort=["id","DESC"]', [4, 3, 2, 1]),
        ('sort=["","ASC"]', [1, 2, 3, 4]),
        ("sort=-views,price&_start=0&_end=2", [2, 3]),
    ],
)
async def test_parts_and_orders(each_library: Api, query: str, expected: list[int]) -> None:
    """Parts of a list in the order that is asked for, with the total of all."""
    assert (await pages(each_library, query))[0] == expected


@pytest.mark.parametrize(
    ("query", "part", "expected"),
    [
        ("range=[0,1]", "books 0-1/4", [1, 2]),
        ("range=[2, 24]&sort=[\"id\",\"ASC\"]&filter={}", "books 2-3/4", [3, 4]),
        ("range=[0,9]&filter={\"q\":\"emma\"}", "books 0-2/3", [1, 2, 4]),
        ("range=[5,9]", "books */4", []),
    ],
)  # fmt: skip
async def test_ranges(each_library: Api, query: str, part: str, expected: list[int]) -> None:
    """`range` is answered with `Content-Range`, which says the place of the part and the total."""
    answer = await each_library("GET", f"/books?{query}", headers={"Range": "books=0-9"})
    assert (answer.status_code, answer.headers["content-range"]) == (200, part)
    assert [book["id"] for book in answer.json()] == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("_page=0", "_page must be a whole number from 1 to 1000000, is '0'"),
        ("_page=x", "_page must be a whole number"),
        ("_page=1&_page=2", "_page appears twice"),
        ("_limit=1001", "_limit must be a whole number from 1 to 1000"),
        ("_per_page=0", "_per_page must be a whole number"),
        ("_start=-1", "_start must be a whole number from 0"),
        ("_start=3&_end=3", "_end must be 1 to 1,000 more than _start, which is 3"),
        ("_start=0&_end=1001", "_end must be 1 to 1,000 more"),
        ("_page=1&_start=2", "_page, _start do not go together; send _page with _per_page or"),
        ("_per_page=1&_limit=2", "do not go together"),
        ("_start=1&_end=2&_limit=1", "do not go together"),
        ("range=[0,9]&_page=1", "do not go together"),
        ("_page=1&page=1", "_page does not go with page, limit and cursor"),
        ("_limit=1&cursor=x", "_limit does not go with"),
        ("range=[9,0]", "range must be"),
        ("range=[0,1000]", "range must be"),
        ("range=0-9", "range must be"),
        ("range=[0]", "range must be"),
        ("_order=desc", "_order is the direction of _sort"),
        ("_sort=title&_order=up", "a direction is asc or desc, not 'up'"),
        ("_sort=title&_order=asc,desc", "_order has 2 directions and _sort 1 fields"),
        ("_sort=-title&_order=asc", "two directions"),
        ("_sort=titel", "unknown sort field 'titel'; allowed: title,"),
        ("_sort=title&sort=title", "send sort or _sort, not both"),
        ('_sort=title&sort=["title","ASC"]', "send sort or _sort"),
        ("sort=[title]", 'send ["title", "ASC"]'),
        ('sort=["title","UP"]', "asc or desc"),
        ("_embed=reviews", "or with /v1/records/books?expand=…"),
        ("_expand=author", "_expand is not supported"),
        ('embed=["author"]', "embed is not supported"),
    ],
)
async def test_what_is_no_part(books: Api, query: str, words: str) -> None:
    """What can't be meant is refused, and the message says what to send."""
    assert words in problem(await books("GET", f"/books?{query}"), 400, "invalid_query")["message"]


async def test_no_record_comes_with_others(books: Api) -> None:
    """A single record does not take related ones along, and says so."""
    for query in ("_embed=reviews", "_expand=author"):
        problem(await books("GET", f"/books/1?{query}"), 400, "invalid_query")
    assert (await books("GET", "/books/1?_=1")).status_code == 200


@pytest.mark.parametrize(
    "query", ["_page=1", "q=emma", "id=1&id=2", "title_like=e", "range=[0,9]", 'sort=["id","ASC"]']
)
async def test_canonical_paths_stay_strict(books: Api, query: str) -> None:
    """What other servers call it is known on tutorials' paths alone."""
    problem(await books("GET", f"/v1/records/books?{query}"), 400, "invalid_query")


async def test_a_bare_array_continues_as_one(books: Api) -> None:
    """A cursor has no form of its own: where a bare array was cut, its `next` is a bare array too."""
    counted = await books("GET", "/books?limit=1")
    rest = await books("GET", f"/books{counted.links['next']['url'].replace('limit=1&', '')}")
    assert [book["id"] for book in rest.json()] == [2, 3, 4]
    again = await books("GET", f"/books{counted.links['next']['url']}")
    assert [book["id"] for book in again.json()["data"]] == [2]


async def test_a_search_continues_by_its_cursor(each_library: Api) -> None:
    """A capped list that is searched has a cursor, which is of these conditions alone."""
    first = await each_library("GET", "/books?limit=1&q=emma&views_gte=5")
    assert [book["id"] for book in first.json()["data"]] == [1]
    second = await each_library.http.get(first.url.join(first.links["next"]["url"]))
    assert [book["id"] for book in second.json()["data"]] == [2]
    cursor = first.links["next"]["url"].rpartition("cursor=")[2]
    problem(await each_library("GET", f"/books?limit=1&q=emma&views_gte=6&cursor={cursor}"), 400, "invalid_cursor")


async def test_a_collection_below_a_record(each_library: Api) -> None:
    """`/authors/1/books` are the books whose field names the author; what is created there has it."""
    below = await each_library("GET", "/authors/1/books?_sort=-id&_limit=1")
    assert ([book["id"] for book in below.json()], below.headers["x-total-count"]) == ([4], "2")
    made = await each_library("POST", "/authors/1/books", json={"title": "Persuasion"})
    assert (made.status_code, made.json()["author_id"]) == (201, 1)
    assert (await each_library("GET", located(made))).json()["title"] == "Persuasion"
    assert len(await ids(each_library, "author_id=1")) == 3
    other = await each_library("POST", "/authors/1/books", json={"title": "x", "author_id": 2})
    assert problem(other, 400, "validation")["errors"] == {"author_id": ["differs from the path"]}


async def test_a_nested_collection(each_library: Api) -> None:
    """A collection that is declared below another is read and written there too."""
    made = await each_library("POST", "/books/1/reviews/", json={"text": "Good"})
    assert made.status_code == 201
    assert (await each_library("GET", located(made))).json()["text"] == "Good"
    assert [one["text"] for one in (await each_library("GET", "/books/1/reviews?q=GOOD")).json()] == ["Good"]
    assert (await each_library("GET", "/books/2/reviews")).json() == []


async def test_collections_that_are_not_related(books: Api) -> None:
    """A path below a record is known where the collections are related, and nowhere else."""
    body = problem(await books("GET", "/books/1/authors"), 404, "not_found")
    assert "authors has no field book_id or bookId" in body["message"]
    problem(await books("GET", "/books/x/reviews"), 404, "not_found")
    problem(await books("GET", "/books/1/nothing"), 404, "not_found")
    problem(await books("GET", "/nothing/1/books"), 404, "not_found")
    problem(await books("DELETE", "/books/1/reviews"), 405, "method_not_allowed")


async def test_a_slash_at_the_end(books: Api) -> None:
    """A tutorial's path may end in a slash: no redirect, no lost body; addresses are right from there."""
    made = await books("POST", "/books/", json={"title": "Slashed"}, follow_redirects=False)
    assert made.status_code == 201
    path = located(made)
    assert path == f"/books/{made.json()['id']}"
    assert (await books("PATCH", f"{path}/", json={"title": "Changed"})).json()["title"] == "Changed"
    listed = await books("GET", "/books/?_page=1&_limit=1")
    assert (await books.http.get(listed.url.join(listed.links["next"]["url"]))).status_code == 200
    deleted = await books("DELETE", f"{path}/")
    assert deleted.json() == {"message": "Deleted successfully", "id": made.json()["id"]}
    named = await books("PUT", "/loose/a%20b/", json={}, headers={"If-None-Match": "*"})
    assert (named.status_code, located(named)) == (201, "/loose/a b")
    problem(await books("GET", "/books/1//"), 404, "not_found")
    problem(await books("GET", "/v1/records/books/1/"), 404, "not_found")
    problem(await books("GET", "/health/"), 404, "not_found")
