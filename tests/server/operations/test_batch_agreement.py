"""A batch does what the same writes do one by one, with the rights of each of three callers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinterland.contract.fields import Integer, Json, Text
from hinterland.contract.records import Collection, Rules, users
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.sqlite import SqliteStorage
from tests.server.api import Api, serving

ITEMS = Collection(
    name="items",
    fields={
        "owner": Text(fill="auth.id"),
        "slug": Text(unique=True),
        "count": Integer(minimum=0, maximum=3),
        "price": Integer(write="admin"),
        "secret": Text(read="auth.id == record.owner"),
        "meta": Json(),
    },
    rules=Rules(
        list="true",
        view="record.count == null || record.count != 2 || auth.id == record.owner",
        create="auth.id == record.owner && (record.count == null || record.count < 3)",
        update="auth.id == old.owner && auth.id == record.owner",
        delete="auth.id == record.owner",
    ),
)
IDS = ["a", "b", "c"]
SLUGS = st.sampled_from(["x", "y", None])
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "slug": SLUGS,
        "count": st.sampled_from([0, 1, 2, 3, 4]),
        "price": st.just(1),
        "secret": st.sampled_from(["p", "q"]),
        "meta": st.sampled_from([{"k": 1}, {"k": None, "l": 2}]),
    },
)
OPERATIONS = st.lists(
    st.sampled_from([
        {"op": "test", "path": "/count", "value": 1},
        {"op": "replace", "path": "/slug", "value": "x"},
        {"op": "copy", "from": "/secret", "path": "/meta"},
        {"op": "add", "path": "/meta/m", "value": 3},
        {"op": "remove", "path": "/count"},
    ]),
    max_size=2,
)  # fmt: skip
AT = st.fixed_dictionaries({"collection": st.just("items"), "id": st.sampled_from(IDS)})
WRITES = st.one_of(
    st.builds(lambda at, body: {**at, "act": "create", "body": body}, AT, BODIES),
    st.builds(lambda at, body: {**at, "act": "patch", "body": body}, AT, BODIES),
    st.builds(lambda at, body: {**at, "act": "replace", "body": body}, AT, BODIES),
    st.builds(lambda at, patch: {**at, "act": "patch", "patch": patch}, AT, OPERATIONS),
    st.builds(lambda at: {**at, "act": "delete"}, AT),
    st.builds(
        lambda body, slug: {"collection": "items", "act": "upsert", "by": "slug", "body": {**body, "slug": slug}},
        BODIES,
        SLUGS,
    ),
)
STEPS = st.tuples(st.sampled_from([0, 1, 2]), st.lists(WRITES, min_size=1, max_size=4))


class Pair:
    """Two servers: one is sent batches, and the other each write alone. `headers` are those of two users and of the
    administrator, on either."""

    def __init__(self, together: Api, alone: Api, headers: list[list[dict[str, str]]]) -> None:
        self.together = together
        self.alone = alone
        self.headers = headers

    async def empty(self) -> None:
        """Delete all items."""
        for api in (self.together, self.alone):
            for item in (await api("GET", "/v1/records/items", headers=api.admin)).json()["items"]:
                await api("DELETE", f"/v1/records/items/{item['id']}", headers=api.admin)

    async def step(self, caller: int, writes: Sequence[dict[str, Any]]) -> None:
        """A batch of a caller, and what it must be compared with."""
        before = await known(self.together)
        headers, single = self.headers[0][caller], self.headers[1][caller]
        batch = await self.together("POST", "/v1/batch", json={"writes": writes}, headers=headers)
        expected = []
        for write in writes if batch.status_code == 200 else ():
            expected.append(await self.send(write, single))
        if batch.status_code == 200:
            results = batch.json()["results"]
            assert [one["status"] for one in results] == [one.status_code for one in expected]
            assert await known(self.together) == await known(self.alone)
            return
        assert await known(self.together) == before
        found, index = batch.json(), batch.json()["details"]["index"]
        # Those before it are possible, and this one ends as it does alone after them; then all is as it was.
        tried = [await self.send(write, single) for write in writes[: index + 1]]
        assert [answer.is_success for answer in tried] == [True] * index + [False], [one.text for one in tried]
        assert (found["status"], found["code"]) == (tried[-1].status_code, tried[-1].json()["code"])
        await self.empty()

    async def send(self, write: dict[str, Any], headers: dict[str, str]) -> Any:
        """One write alone."""
        act, path = write["act"], f"/v1/records/items/{write.get('id', '')}"
        if "patch" in write:
            return await self.alone(
                "PATCH", path, json=write["patch"], headers={**headers, "Content-Type": "application/json-patch+json"}
            )
        if act == "delete":
            return await self.alone("DELETE", path, headers=headers)
        if act in ("patch", "replace"):
            return await self.alone("PATCH" if act == "patch" else "PUT", path, json=write["body"], headers=headers)
        query = f"?upsert={write['by']}" if act == "upsert" else ""
        given = {"id": write["id"]} if act == "create" else {}
        return await self.alone("POST", f"/v1/records/items{query}", json={**write["body"], **given}, headers=headers)


async def known(api: Api) -> list[dict[str, Any]]:
    """All items as the administrator sees them, without what differs between two servers."""
    items = (await api("GET", "/v1/records/items", headers=api.admin)).json()["items"]
    people = (await api("GET", "/v1/records/users", headers=api.admin)).json()["items"]
    names = {person["id"]: person["name"] for person in people}
    plain = [{name: names.get(value, value) if name == "owner" else value for name, value in item.items()}
             for item in items]  # fmt: skip
    plain = [{name: value for name, value in item.items() if name not in VARYING} for item in plain]
    return sorted(plain, key=lambda item: (str(item["slug"]), str(item)))


VARYING = {"created_at", "updated_at", "revision", "id"}


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_batch_is_its_writes_one_by_one(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Where each write alone would succeed, the batch does, with the same statuses and records; else it is refused as
    the first of them that would be, and nothing of it is written."""
    cluster = request.getfixturevalue("postgres_cluster") if database == "postgres" else None

    async def opened(stack: AsyncExitStack) -> Pair:
        apis, headers = [], []
        for number in range(2):
            dsn = stack.enter_context(cluster.database()) if cluster is not None else ""
            storage = PostgresStorage(dsn, connections=2) if dsn else SqliteStorage(tmp_path / str(number))
            apis.append(await stack.enter_async_context(serving(storage, collections=(users(), ITEMS))))
            people = [(await apis[-1].sign_up(name))["headers"] for name in ("ada", "ben")]
            headers.append([*people, apis[-1].admin])
        return Pair(apis[0], apis[1], headers)

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        pair = runner.run(opened(stack))
        try:

            @settings(max_examples=40 if database == "sqlite" else 15)
            @given(st.lists(STEPS, min_size=1, max_size=4))
            def agree(steps: list[tuple[int, list[dict[str, Any]]]]) -> None:
                async def compare() -> None:
                    await pair.empty()
                    for caller, writes in steps:
                        await pair.step(caller, writes)

                runner.run(compare())

            agree()
        finally:
            runner.run(stack.aclose())
