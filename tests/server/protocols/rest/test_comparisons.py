"""What the parameters of a tutorial's list compare, on both databases."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest

from hinterland.contract.changes import Write
from hinterland.contract.identity import Principal
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.protocols.rest.tutorial_queries import parse_tutorial_query
from hinterland.server.storage import postgres, sqlite_reading
from tests.server.api import Api, problem
from tests.server.protocols.rest.library import LOOSE, books, each_library, ids

__all__ = ["books", "each_library"]  # fixtures

FOUND: list[tuple[str, list[int]]] = [
    ("title=Emma", [1]),
    ("id=1", [1]),
    ("id=3&id=1", [1, 3]),
    ("id=1&id=99", [1]),
    ("title=Emma&title=Ulysses", [1, 3]),
    ("title=Emma&id=3", []),
    ("views_gte=20", [2, 3]),
    ("views_gt=10", [2, 3]),
    ("views_lte=10", [1]),
    ("views_lt=20", [1]),
    ("price_gte=2&price_lte=3", [2]),
    ("big_gte=3", [2, 3]),
    ("big=20&big=3", [2, 3]),
    ("id_ne=2", [1, 3, 4]),
    ("id_ne=2&id_ne=3", [1, 4]),
    ("views_ne=20", [1, 4]),
    ("is_new_ne=true", [2, 3, 4]),
    ("due_gte=2026-03-01T00:00:00Z", [4]),
    ("due_gte=2026-03-01T00:00:00", [4]),
    ("due=2026-01-01T00:00:00&due=2026-06-01T00:00:00", [3, 4]),
    ("created_at_gte=1970-01-01T00:00:00", [1, 2, 3, 4]),
    ("title_like=emma", [1, 2]),
    ("title_like=EMMA", [1, 2]),
    ("title_like=", [1, 2, 3, 4]),
    ("title_like=.*", []),
    ("title_like=%5E", []),
    ("title_like=_100%25", [4]),
    ("title_like=%C3%A9LAN", [4]),
    ("q=emma", [1, 2, 4]),
    ("q=DAY", [3]),
    ("q=%C3%A9lan", [4]),
    ("q=", [1, 2, 3, 4]),
    ("q=nowhere", []),
    ("q=emma&views_gte=15", [2]),
    ("where.title=Emma", [1]),
    ("filter=record.views > 10&q=emma", [2]),
    ('filter={"title":"Emma"}', [1]),
    ('filter={"id":[3,1]}', [1, 3]),
    ('filter={"id":[]}', []),
    ('filter={}', [1, 2, 3, 4]),
    ('filter={"views":20,"price_gte":3}', [3]),
    ('filter={"blurb":null}', [2]),
    ('filter={"blurb_ne":null}', [1, 3, 4]),
    ('filter={"views":[null,10]}', [1, 4]),
    ('filter={"views_ne":[null,10]}', [2, 3]),
    ('filter={"q":"emma","is_new":false}', [2]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FOUND)
async def test_what_is_found(each_library: Api, query: str, expected: list[int]) -> None:
    """Fields are compared with one or several values, texts are searched whatever their case, patterns are text, and a
    filter in JSON says the same."""
    assert await ids(each_library, query) == expected


REFUSED: list[tuple[str, str]] = [
    ("titel=x", "unknown parameter 'titel'; allowed: title,"),
    ("titel_like=x", "unknown parameter 'titel_like'; allowed: title,"),
    ("_skip=1", "_sort"),
    ("views_gte=many", "views_gte: must be a whole number"),
    ("views_gte=1&views_gte=2", "appears twice"),
    ("views_like=1", "only texts are searched; allowed: title, blurb"),
    ("tags_gte=a", "tags_gte: can't be compared"),
    ("tags=a&tags=b", "tags: can't be compared"),
    ("any_like=a", "only texts are searched"),
    ("id=x", "id: must be a whole number"),
    ("id=1&id=x", "id: must be a whole number"),
    ("due_gte=yesterday", "due_gte: "),
    ("title_like=" + "x" * 201, "longer than 200 characters"),
    ("q=" + "x" * 201, "longer than 200 characters"),
    ("q=a&q=b", "parameter q appears twice"),
    ("q=%00", "NUL"),
    ("title=%00", "NUL"),
    ("filter={", "not a JSON object"),
    ('filter={"title":{"a":1}}', "must be a value or a list of values"),
    ('filter={"title":[["a"]]}', "must be a value or a list of values"),
    ('filter={"title":"\\u0000"}', "must be a value or a list of values"),
    ('filter={"_page":1}', "filter: '_page' is not a field"),
    ('filter={"q":1}', "q is text"),
    ('filter={"titel":1}', "unknown parameter 'titel'"),
    ('filter={"title_like":5}', "title_like: must be text"),
    ('filter={"views_gte":null}', "views_gte: must have a value"),
    ('filter={"title":5}', "title: "),
    ("&".join(f"id={n}" for n in range(1, 1_002)), "over 1,000 parameters"),
    (f'filter={{"id":{[*range(1_001)]}}}', "id has over 1,000 values"),
    ("&".join(f"where.x{n}=1" for n in range(101)), "over 100 conditions"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "words"), REFUSED)
async def test_what_is_refused(books: Api, query: str, words: str) -> None:
    """A parameter that can't be meant is refused, and the message says what is allowed."""
    body = problem(await books("GET", f"/books?{query}"), 400, "invalid_query")
    assert words in body["message"]


async def test_a_thousand_ids(each_library: Api) -> None:
    """As many records as a page may have are asked for by their ids."""
    assert await ids(each_library, "&".join(f"id={n}" for n in range(1, 1_001))) == [1, 2, 3, 4]


HIDDEN = [
    "secret=alpha", "secret_like=a", "secret_ne=a", "secret_gte=a", "_sort=secret", "_sort=-secret",
    "secret=a&secret=b", "where.secret=alpha",
    "note=omega", "note_like=o", "_sort=note",
    'sort=["secret","ASC"]', 'filter={"secret":"alpha"}', 'filter={"secret":["alpha","b"]}',
]  # fmt: skip


@pytest.mark.parametrize("query", HIDDEN)
async def test_hidden_fields_are_not_asked(books: Api, query: str) -> None:
    """Nobody filters or sorts by a field that is hidden from them."""
    problem(await books("GET", f"/books?{query}"), 403, "forbidden")


async def test_hidden_fields_are_not_searched(each_library: Api) -> None:
    """`q` leaves out what is hidden from the caller, and finds it for those who see it."""
    assert await ids(each_library, "q=alpha") == []
    assert await ids(each_library, "q=omega") == []  # seen of some records only
    found = await each_library("GET", "/books?q=alpha", headers=each_library.admin)
    assert [book["id"] for book in found.json()] == [1]
    assert (await each_library("GET", "/dumb?q=alpha")).json() == []


async def test_a_declared_name_is_a_field(each_library: Api) -> None:
    """A parameter with the name of a declared field compares that field, whatever it means elsewhere."""
    for price, limit in ((1, 7), (9, 8)):
        odd = {"q": f"text {price}", "price": price, "price_gte": limit, "range": "[0,1]", "embed": "x"}
        await each_library("POST", "/odd", json=odd)
    for query, prices in [("q=text 1", [1]), ("q=text", []), ("price_gte=8", [9]), ("range=[0,1]", [1, 9]),
                          ("embed=x", [1, 9]), ("q_like=TEXT", [1, 9]), ("price_gte_gte=8", [9])]:  # fmt: skip
        answer = await each_library("GET", f"/odd?{query}")
        assert sorted(record["price"] for record in answer.json()) == prices, query
        assert "content-range" not in answer.headers


async def test_an_open_collection(each_library: Api) -> None:
    """Fields that are not declared are compared with all that a text may mean."""
    for stars in (3, 5):
        await each_library("POST", "/loose", json={"title": f"t{stars}", "stars": stars, "note": f"Note {stars}"})
    for query, found in [
        ("stars_gte=4", [5]), ("stars=3&stars=5", [3, 5]), ("stars_ne=3", [5]), ("stars_lt=4", [3]),
        ("note_like=NOTE", [3, 5]), ("stars_ne=3&stars_ne=5", []), ("other_ne=1", [3, 5]),
        ('filter={"stars":[]}', []), ('filter={"stars_ne":[]}', [3, 5]),
    ]:  # fmt: skip
        answer = await each_library("GET", f"/loose?{query}")
        assert sorted(record["stars"] for record in answer.json()) == found, query


MANY: list[Callable[[int], str]] = [
    lambda count: "&".join(f"x{n}=1" for n in range(count)),
    lambda count: "&".join(f"where.x{n}=1" for n in range(count)),
    lambda count: "&".join(f"x={n}" for n in range(count)),
    lambda count: f'filter={{"x":{[*range(count)]}}}',
    lambda count: "where.y=1&" + "&".join(f"x{n}_gte=1" for n in range(count - 1)),
]


@pytest.mark.parametrize("many", MANY)
async def test_conditions_on_undeclared_fields(each_library: Api, many: Callable[[int], str]) -> None:
    """A query has at most 30 conditions on undeclared fields, however they are sent: each is compiled for its name. One
    with more is refused before any is compiled."""
    assert (await each_library("GET", f"/loose?{many(30)}")).json() == []
    compiled = each_library.backend.catalogue["loose"].book.condition.cache_info().misses
    for path in ("/loose", "/v1/records/loose") if many(1).startswith("where.x") else ("/loose",):
        body = problem(await each_library("GET", f"{path}?{many(31)}"), 400, "invalid_query")
        assert "over 30 conditions on fields that are not declared" in body["message"]
    assert each_library.backend.catalogue["loose"].book.condition.cache_info().misses == compiled


def calls_of(work: Callable[[], object]) -> int:
    """How many Python functions `work` calls."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_the_work_of_a_condition() -> None:
    """To compile a condition on an undeclared field is a bounded number of function calls, so that a query of them
    keeps the loop for some milliseconds; one on a declared field is compiled once for all of its values."""
    loose = Catalogue([LOOSE], "sqlite")["loose"]

    def asked(pairs: list[tuple[str, str]]) -> int:
        return calls_of(lambda: parse_tutorial_query(loose, Principal(id="ada"), pairs))

    asked([("x", "1"), ("title", "a")])  # what is made once for all queries
    assert asked([(f"y{number}", "5") for number in range(30)]) < 30 * 500
    assert asked([("title", f"b{number}") for number in range(30)]) < 30 * 50


async def test_a_name_that_is_too_long(each_library: Api) -> None:
    """What a comparison is compiled to is kept, so the name of a field that it reads is limited, however it is asked
    for."""
    name = "n" * 1_001
    for query in (
        f"/loose?{name}=1",
        f"/loose?{name}_ne=1",
        f'/loose?filter={{"{name}":1}}',
        f"/v1/records/loose?{name}=1",
    ):
        body = problem(await each_library("GET", query), 400, "invalid_query")
        assert "over 1,000 characters" in body["message"]
    assert (await each_library("GET", f"/loose?{name[1:]}=1")).json() == []


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's reads are looked at often."""
    monkeypatch.setattr(sqlite_reading, "_STEPS", 500)


async def test_a_costly_search_is_refused(watched: None, each_library: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that costs the server too much is refused, as every list is."""
    texts = {f"f{number}": "a" * 40 for number in range(300)}
    await each_library.write(*[Write(act="create", collection="wide", body=texts)] * 300)
    monkeypatch.setattr(sqlite_reading, "_MOST_SECONDS", 0.0)
    monkeypatch.setattr(postgres, "_LONG_SECONDS", 0.001)
    problem(await each_library("GET", "/wide", params={"q": "\u00e9" * 30}), 400, "too_costly")


async def test_a_search_in_very_many_fields(each_library: Api) -> None:
    """A search is possible however many fields of text there are."""
    for text in ("Übung", "none"):
        await each_library("POST", "/wide", json={"f299": text})
    found = await each_library("GET", "/wide", params={"q": "üBUNG"})
    assert [record["f299"] for record in found.json()] == ["Übung"]


NAMES = [
    "title", "views", "price", "big", "due", "is_new", "tags", "any", "secret", "id", "parent", "revision",
    "created_at", "q", "_page", "_limit", "_per_page", "_start", "_end", "_sort", "_order", "range", "sort", "filter",
    "page", "limit", "cursor", "total", "_embed", "where.title", "", "_", "_like", "stars",
]  # fmt: skip
ENDS = ["", "", "", "_gte", "_lte", "_gt", "_lt", "_ne", "_like", "_like_like"]
VALUES = [
    "", "0", "1", "-1", "2.5", "1e400", "9223372036854775808", "true", "null", "NaN", "title", "-views", "emma",
    "É", "\U0001f600", "2026-01-01", "2026-01-01T00:00:00Z", "[0,1]", "[1e9,1e10]", '["id","ASC"]', "{}",
    '{"price":1e400}', '{"id":[1,null]}', '{"any":{"a":1}}', '{"tags":["a"]}', '{"q":"e","title_like":"E"}',
    '{"big":[1,"2"]}', '{"views":99999999999999999999}', '{"\\ud800":1}', "a'b\"c\\", "%_", "a,b", ",", "asc", "x"*300,
]  # fmt: skip


async def test_no_query_is_the_servers_fault(each_library: Api) -> None:
    """Whatever a query is made of, it is answered or refused by its own fault."""
    chance, statuses = random.Random(8), Counter[int]()
    for number in range(600):
        pairs = [
            (chance.choice(NAMES) + chance.choice(ENDS), chance.choice(VALUES)) for _ in range(chance.randint(1, 3))
        ]
        path = chance.choice(["/books", "/loose", "/odd", "/authors/1/books"])
        answer = await each_library("GET", path, params=pairs)
        assert answer.status_code in (200, 400, 403), (number, path, pairs, answer.text)
        statuses[answer.status_code] += 1
    assert min(statuses[200], statuses[400], statuses[403]) > 5
