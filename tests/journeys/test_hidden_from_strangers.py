"""What is hidden from somebody makes no difference to what they are answered: relations, fields, values of groups,
searches, batches and bulk inserts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hinterland.contract.changes import Write
from hinterland.contract.fields import Boolean, Field, Integer, Reference, Text
from hinterland.contract.records import Collection, Rules, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving

OWN = "auth.id == record.owner"
SHOWN = f"!record.hidden || {OWN}"
RULES = Rules(list=SHOWN, view=SHOWN, create="auth != null", update="!old.hidden || auth.id == old.owner", delete=SHOWN)
BASE: dict[str, Field] = {"owner": Text(), "hidden": Boolean(default=False), "secret": Integer(read=OWN)}
COLLECTIONS = (
    users(),
    Collection(name="teams", fields={"name": Text(search=True), "code": Text(unique=True), **BASE}, rules=RULES),
    Collection(
        name="posts",
        fields={"title": Text(search=True), "code": Text(unique=True), "score": Integer(index=True),
                "team": Reference(to="teams"), **BASE},
        rules=RULES,
    ),
    Collection(name="comments", parent="posts", fields={"text": Text(), "team": Reference(to="teams"), **BASE},
               rules=RULES),
    Collection(name="votes", fields={"post": Reference(to="posts"), "value": Integer(), **BASE}, rules=RULES),
    Collection(name="drafts", fields={"title": Text(search=True), "text": Text(search=True, read=OWN), "owner": Text()},
               rules=Rules(list="true", view="true")),
)  # fmt: skip
READS = [
    "posts?expand=team,comments,votes",
    "posts?expand=team(expand=posts(sort=-score,limit=2)),votes(sort=-value,limit=1,filter=record.value > 1)",
    "posts?fields=title,team.name,votes.value,comments.text&sort=-score&limit=3&total=true",
    "posts?fields=secret,votes.secret,team.secret",
    "posts?expand=votes(sort=secret)",
    "posts?expand=votes(filter=record.secret > 3)",
    "posts?expand=comments(expand=team(expand=comments_via_team(limit=1)))",
    "teams?expand=posts(limit=2,sort=score,expand=votes(limit=2)),comments",
    "votes?expand=post(expand=team)&sort=-value",
    "votes?fields=post.secret,post.team.secret,post.title",
    "teams/t0?expand=posts(limit=1)",
    "posts/p0?expand=team,votes,comments(sort=-text,limit=2)",
    *[f"posts/{id}{asked}" for id in ("hp", "a0", "b0", "none") for asked in ("", "?expand=team", "/comments",
                                                                           "/comments/aggregate", "/comments/c0")],
    "posts/aggregate",
    "posts/aggregate?group=team&count=*,distinct:owner,code&sum=score&avg=score&min=title&max=score",
    "posts/aggregate?group=team&count=*&having=count > 1&sort=-count",
    "posts/aggregate?distinct=team,score",
    *[f"posts/aggregate?{asked}" for asked in ("sum=secret", "group=secret", "count=secret", "count=distinct:secret",
                                               "filter=record.secret > 3", "secret=3", "max=secret", "sort=secret")],
    "posts/aggregate?group=title&search=amber",
    "posts/p0/comments/aggregate?group=team&count=*",
    "votes/aggregate?group=post&sum=value&count=*&limit=2",
    "posts?search=amber&total=true",
    "posts?search=amber&limit=1",
    "posts?search=am* -dawn&total=true",
    "posts?search=\"amber blue\"",
    "posts?search=guess",
    "posts?search=gu*&expand=team",
    "teams?search=guess&total=true",
    "drafts?search=guess",
    "drafts?search=guess&fields=title",
    "drafts/aggregate?search=guess",
    "posts?filter=record.secret == 3",
    "posts?secret=3",
    "posts?sort=-secret",
    "posts?limit=2&page=2&total=true",
]  # fmt: skip
_WRITES: list[dict[str, Any]] = [
    *[{"act": act, "collection": "posts", "id": id, **body}
      for id in ("hp", "a0", "b0", "none")
      for act, body in (("patch", {"body": {"title": "x"}}), ("replace", {"body": {"title": "x"}}), ("delete", {}),
                        ("patch", {"body": {}, "revision": 3}), ("patch", {"body": {"secret": {"$increment": 1}}}),
                        ("patch", {"patch": [{"op": "test", "path": "/secret", "value": 3}]}))
      if (id, act) != ("none", "replace")],
    *[{"act": "create", "collection": "votes", "id": f"v-{id}", "body": {"post": id}}
      for id in ("hp", "a0", "b0", "no")],
    *[{"act": "patch", "collection": "votes", "id": "v0", "body": {"post": id}}
      for id in ("hp", "a0", "b0", "no")],
    *[{"act": "create", "collection": "comments", "parent": f"posts/{id}", "id": f"c-{id}", "body": {"text": "x"}}
      for id in ("a0", "b0", "no")],
    {"act": "upsert", "collection": "posts", "by": "code", "body": {"code": "HP", "title": "x"}},
    {"act": "upsert", "collection": "posts", "by": "code", "body": {"code": "HP"}, "existing": "replace"},
    {"act": "upsert", "collection": "posts", "by": "id", "id": "hp", "body": {"id": "hp", "title": "x"}},
    {"act": "upsert", "collection": "posts", "by": "secret", "body": {"secret": 3}},
    {"act": "upsert", "collection": "posts", "by": "code", "body": {"code": "P1", "secret": 3}},
    {"act": "upsert", "collection": "posts", "by": "code", "body": {"code": "P1", "score": 4}, "existing": "replace"},
    {"act": "create", "collection": "posts", "id": "hp", "body": {}},
    {"act": "create", "collection": "posts", "id": "n1", "body": {"code": "HP"}},
    {"act": "create", "collection": "posts", "id": "n2", "body": {"code": "N2", "team": "hx"}},
    {"act": "patch", "collection": "posts", "id": "p0", "body": {"code": "HP"}},
    {"act": "patch", "collection": "posts", "id": "p0", "body": {"secret": 3}},
    {"act": "patch", "collection": "posts", "id": "p0", "patch": [{"op": "test", "path": "/secret", "value": 3}]},
    {"act": "patch", "collection": "posts", "id": "p0",
     "patch": [{"op": "copy", "from": "/secret", "path": "/score"}]},
    {"act": "patch", "collection": "posts", "id": "p6", "body": {"title": "of a hidden team"}},
    {"act": "patch", "collection": "posts", "id": "p0", "body": {"score": {"$increment": 1}}},
]  # fmt: skip
_ROWS: list[dict[str, Any]] = [
    {"id": "r0", "code": "HP"}, {"id": "hp"}, {"id": "r1", "team": "hx"}, {"id": "r2", "team": "none"},
    {"id": "r3", "title": "amber", "team": "t1", "secret": 4}, {"id": "r4", "code": "P2", "score": 1},
]  # fmt: skip
_VOTES = [{"id": f"w-{id}", "post": id, "value": 1} for id in ("hp", "a0", "b0", "none", "p2")]


def records(variant: int) -> list[Write]:
    """The records of a world: what everybody sees is the same in each, and so is the number of writes."""
    made: list[Write] = []

    def add(collection: str, id: str, parent: str = "", *, hidden: bool = False, **body: Any) -> None:
        secret = len(made) * (7 if variant else 1) % 9
        whole = {"owner": "ada", "hidden": hidden, "secret": secret, **body}
        made.append(Write(act="create", collection=collection, parent=parent, id=id, body=whole))

    guess = ("a guess of amber", "dawn")[variant]
    add("teams", "hx", hidden=True, name=guess, code="X")
    for number in range(4):
        add("teams", f"t{number}", name=f"amber {number}", code=f"T{number}")
    for number in range(8):
        team = "hx" if number > 5 else f"t{number % 3}"
        title = ("amber blue", "blue amber dawn", "dawn")[number % 3]
        add("posts", f"p{number}", title=title, score=number % 4, team=team, code=f"P{number}")
        add("comments", "c0", f"posts/p{number}", text=f"c{number}", team="hx" if number == 2 else "t0")
        add("votes", f"v{number}", post=f"p{number % 3}", value=number % 5)
    add("posts", "hp", hidden=True, title=guess, score=variant * 5, team=f"t{variant}", code="HP")
    for number in range(4):
        post = f"{'ab'[variant]}{number}"
        add("posts", post, hidden=True, title=f"amber {guess}", score=variant + 1, team=f"t{variant}", code=f"H{post}")
        add("comments", f"d{number}", f"posts/p{variant}", hidden=True, text=f"b{number}", team=f"t{variant}")
        add("votes", f"x{post}", hidden=True, post=f"p{variant}", value=9 - variant)
    for number in range(3):
        body = {"title": "a title", "text": ("guess", "dawn")[(number + variant) % 2], "owner": "ada"}
        made.append(Write(act="create", collection="drafts", id=f"d{number}", body=body))
    return made


class Stranger:
    """Collects what a caller is answered, without what is different each time: the caller's id, the numbers of requests
    and the text of cursors."""

    def __init__(self, api: Api, headers: dict[str, str], id: str) -> None:
        self.api = api
        self.headers = headers
        self.id = id
        self.answers: list[tuple[str, int, str]] = []

    async def ask(self, method: str, path: str, **more: Any) -> None:
        """One request, and those of the pages that follow."""
        whole, (path, _, query) = path, path.partition("?")
        for number in range(3):
            parameters = dict(each.split("=", 1) for each in query.split("&") if each)
            answer = await self.api(
                method, f"/v1/{path}", params=parameters, headers=self.headers, **more
            )  # fmt: skip
            text = re.sub(r'"(request_id|next)":"[^"]+"', r'"\1":"…"', answer.text)
            name = f"{method} {whole} {more} {number}"
            self.answers.append((name, answer.status_code, text.replace(self.id, "caller")))
            cursor = msgspec.json.decode(answer.content).get("next") if answer.content else ""
            if not cursor:
                return
            query = "&".join([*[each for each in query.split("&") if not each.startswith(("cursor=", "page="))],
                              f"cursor={cursor}"])  # fmt: skip

    async def read(self) -> None:
        """All reads."""
        for path in READS:
            await self.ask("GET", f"records/{path}")

    async def write(self) -> None:
        """All writes, alone in a batch and behind another one, and in bulk."""
        own = {"act": "create", "collection": "votes", "body": {"value": 1}}
        for number, write in enumerate(_WRITES):
            await self.ask("POST", "batch", json={"writes": [write]})
            await self.ask("POST", "batch", json={"writes": [{**own, "id": f"own{number}"}, write]})
        for collection, rows in (("posts", _ROWS), ("votes", _VOTES)):
            for row in rows:
                await self.ask("POST", f"records/{collection}/bulk", json=[row])
            await self.ask("POST", f"records/{collection}/bulk?atomic=true", json=rows)
            await self.ask("POST", f"records/{collection}/bulk?atomic=false", json=rows)
        await self.ask("POST", "records/posts/bulk?upsert=code&atomic=false", json=[{"code": "HP"}, {"code": "P3"}])
        await self.ask("POST", "records/posts/bulk?upsert=secret", json=[{"secret": 3}])
        await self.ask("POST", "records/posts?upsert=code", json={"code": "HP", "title": "x"})


async def answers(storage: Storage, variant: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """What a stranger is answered in a world, and what an administrator reads there before."""
    async with serving(storage, collections=COLLECTIONS) as api:
        session = await api.sign_up("ben")
        await api.write(*records(variant))
        admin = Stranger(api, api.admin, "admin")
        await admin.read()
        ben = Stranger(api, session["headers"], session["user"]["id"])
        await ben.read()
        await ben.write()
        await ben.read()
        return ben.answers, admin.answers


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_two_worlds_answer_alike(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """In two worlds that differ only in hidden records and hidden fields, every answer to a stranger is the same, byte
    for byte, whether it is a result or a refusal; to an administrator they are different."""
    worlds = []
    for variant in range(2):
        storage: Storage = SqliteStorage(tmp_path / str(variant))
        if database == "postgres":
            storage = PostgresStorage(request.getfixturevalue("postgres_database")(), connections=4)
        worlds.append(await answers(storage, variant))
    (one, of_admin), (other, of_other_admin) = worlds
    for mine, theirs in zip(one, other, strict=True):
        assert mine == theirs
    assert {status for _, status, _ in one} >= {200, 400, 403, 404, 409, 412}
    differing = sum(mine != theirs for mine, theirs in zip(of_admin, of_other_admin, strict=False))
    assert differing > len(READS) / 2
