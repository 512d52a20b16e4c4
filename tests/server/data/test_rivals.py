"""Two processes' writers on one PostgreSQL: what is said twice happens once."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec

from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.fields import Reference, Text
from hinterland.contract.identity import Principal
from hinterland.contract.kinds.field import OnDelete
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.contract.sync import Mutation, Push
from hinterland.server.app import opened
from hinterland.server.backend import Backend
from hinterland.server.data.once_by_key import OnceByKey
from hinterland.server.data.requests import Answer, WriteRequest, WriteResult
from hinterland.server.declaration import App
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.postgres import PostgresStorage

APP = App(
    collections=[Collection(name="marks", fields={"mark": Text(required=True)}, rules=EVERYBODY)],
    settings=Settings(auth=AuthSettings(hash_memory_kib=8, hash_passes=1)),
)
ADA = Principal(id="ada")


def keyed(mark: str, key: str = "", fingerprint: str = "same", part: str = "") -> WriteRequest:
    """A keyed creation; `part`: of a request that has several."""

    def answer(outcome: WriteResult) -> Answer:
        return Answer(201, str(outcome.records[0].id).encode())

    write = Write(act="create", collection="marks", body={"mark": mark})
    part_key = f"{key}\n{part}" if part else ""
    return WriteRequest((write,), ADA, once=OnceByKey("ada", key or mark, fingerprint, answer, part_key))


async def marks(backend: Backend) -> Counter[str]:
    """How often each mark is stored."""
    rows = await backend.storage.fetch('SELECT mark FROM "marks"')
    return Counter(row[0] for row in rows)


async def test_a_key_on_two_processes(postgres_dsn: str) -> None:
    """Idempotency-Key: the same request at two processes at once is written once, and both get the same answer."""
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    async with opened(APP, first) as one, opened(APP, second) as two:
        names = [f"mark {number}" for number in range(12)]
        pairs = [await asyncio.gather(*(b.commands.submit(keyed(name)) for b in (one, two))) for name in names]
        stored = await marks(one)
    assert stored == Counter(names)
    assert all(mine.answer == theirs.answer for mine, theirs in pairs)


async def test_parts_on_two_processes(postgres_dsn: str) -> None:
    """A key of a request that has several parts, at two processes at once: each part of the same request is written
    once, and of two requests one has the key, whichever of their parts come first."""
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    async with opened(APP, first) as one, opened(APP, second) as two:
        for number in range(8):
            for part in "01":
                twice = [keyed(f"mark {number}/{part}", f"k{number}", "same", part) for _ in range(2)]
                answers = await asyncio.gather(one.commands.submit(twice[0]), two.commands.submit(twice[1]))
                assert answers[0].answer == answers[1].answer
            rivals = [keyed(f"rival {number}", f"r{number}", name, part) for name, part in (("a", "0"), ("b", "1"))]
            outcomes = await asyncio.gather(
                *(b.commands.submit(request) for b, request in zip((one, two), rivals, strict=True)),
                return_exceptions=True,
            )
            (refused,) = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            assert isinstance(refused, Refusal)
            assert refused.code == "key_reused"
        stored = await marks(one)
    names = [f"mark {number}/{part}" for number in range(8) for part in "01"]
    assert stored == Counter([*names, *[f"rival {number}" for number in range(8)]])


async def test_a_push_on_two_processes(postgres_dsn: str) -> None:
    """Duplicated pushes → as if exactly once and in order, whichever process takes them."""
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    mutations = [
        Mutation(seq=seq, id=f"m{seq}", writes=[Write(act="create", collection="marks", body={"mark": f"mark {seq}"})])
        for seq in range(1, 13)
    ]
    async with opened(APP, first) as one, opened(APP, second) as two:
        for mutation in mutations:
            push = Push(device="phone", mutations=[mutation])
            results = await asyncio.gather(*(b.pusher.push(ADA, push) for b in (one, two)))
            assert msgspec.json.encode(results[0].results) == msgspec.json.encode(results[1].results)
        stored = await marks(one)
    assert stored == Counter(f"mark {seq}" for seq in range(1, 13))


async def test_a_unique_value_at_two_processes(postgres_dsn: str) -> None:
    """Two devices that want one unique value at two processes at once: one has it, the other's mutation is refused with
    the field's name, and the mutation behind it goes on. The same record from both is no clash."""
    app = App(collections=[Collection(name="marks", fields={"mark": Text(unique=True)}, rules=EVERYBODY)])
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    async with opened(app, first) as one, opened(app, second) as two:
        for number in range(15):
            body, id = {"mark": f"mark {number}"}, f"both{number}"
            pushes = [
                [
                    Mutation(seq=3 * number + 1, id=f"{device}-{number}-1", writes=[create("marks", "", **body)]),
                    Mutation(seq=3 * number + 2, id=f"{device}-{number}-2", writes=[create("marks", "")]),
                    Mutation(seq=3 * number + 3, id=f"{device}-{number}-3", writes=[create("marks", id, mark=id)]),
                ]
                for device in ("phone", "laptop")
            ]
            results = await asyncio.gather(
                one.pusher.push(ADA, Push(device="phone", mutations=pushes[0], acknowledged=3 * number)),
                two.pusher.push(ADA, Push(device="laptop", mutations=pushes[1], acknowledged=3 * number)),
            )
            outcomes = sorted([settled.status for settled in result.results] for result in results)
            assert outcomes == [["applied"] * 3, ["refused", "applied", "applied"]]
            [problem] = [settled.problem for result in results for settled in result.results if settled.problem]
            assert (problem.code, problem.errors) == ("conflict", {"mark": ["is already in use"]})


def create(collection: str, id: str, **body: str) -> Write:
    """A creation."""
    return Write(act="create", collection=collection, id=id, body=body)


async def test_a_deletion_against_creations_below(postgres_dsn: str) -> None:
    """A record is deleted at one process while others are created below it at another: nothing is left below what is
    gone, at any depth."""
    posts = Collection(name="posts", fields={}, rules=EVERYBODY)
    comments = Collection(name="comments", fields={}, rules=EVERYBODY, parent="posts")
    likes = Collection(name="likes", fields={}, rules=EVERYBODY, parent="comments")
    app = App(collections=[posts, comments, likes], settings=APP.settings)
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    async with opened(app, first) as one, opened(app, second) as two:
        for number in range(15):
            post, comment = f"p{number}", f"posts/p{number}/comments/c"
            places = [("posts", post, ""), ("comments", "c", f"posts/{post}")]
            below = [("comments", f"d{n}", f"posts/{post}") for n in range(6)]
            below += [("likes", f"l{n}", comment) for n in range(6)]
            made, later = (
                [Write(act="create", collection=name, id=id, parent=parent) for name, id, parent in found]
                for found in (places, below)
            )
            await one.commands.submit(WriteRequest(made, ADA))
            gone = Write(act="delete", collection="posts", id=post)
            created = two.commands.submit_all([WriteRequest([write], ADA) for write in later])
            await asyncio.gather(created, one.commands.submit(WriteRequest([gone], ADA)), return_exceptions=True)
        left = {name: await one.storage.fetch(f"SELECT id FROM {name}") for name in ("posts", "comments", "likes")}
    assert left == {"posts": [], "comments": [], "likes": []}


async def test_a_deletion_against_references(postgres_dsn: str) -> None:
    """A record is deleted at one process while records of another refer to it: none is left that refers to what is
    gone, whatever the deletion does to those that it finds."""
    people = Collection(name="people", fields={}, rules=EVERYBODY)
    policies: dict[str, OnDelete] = {"held": "restrict", "along": "cascade", "emptied": "set_null"}
    kinds = {name: Reference(to="people", on_delete=policy) for name, policy in policies.items()}
    app = App(collections=[people, Collection(name="cards", fields={**kinds}, rules=EVERYBODY)], settings=APP.settings)
    first, second = PostgresStorage(postgres_dsn, connections=4), PostgresStorage(postgres_dsn, connections=4)
    ends = Counter[str]()
    async with opened(app, first) as one, opened(app, second) as two:
        for number in range(30):
            person, field = f"p{number}", [*kinds][number % 3]
            await one.commands.submit(WriteRequest([create("people", person)], ADA))
            cards = [WriteRequest([create("cards", f"c{number}-{n}", **{field: person})], ADA) for n in range(6)]
            gone = WriteRequest([Write(act="delete", collection="people", id=person)], ADA)
            made = two.commands.submit_all(cards)
            results = await asyncio.gather(made, one.commands.submit(gone), return_exceptions=True)
            ends[f"{field} {getattr(results[1], 'code', 'gone')}"] += 1
        left = [
            row
            for name in kinds
            for row in await one.storage.fetch(
                f"SELECT id FROM cards WHERE {name} IS NOT NULL AND {name} NOT IN (SELECT id FROM people)"
            )
        ]
    assert left == []
    assert ends["along gone"] == ends["emptied gone"] == 10
    assert ends["held gone"] + ends["held conflict"] == 10
