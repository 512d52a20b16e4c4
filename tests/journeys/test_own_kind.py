"""A kind of field that an app adds in one file: everything takes it, and nothing else is changed for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hinterland.client.errors import StatusError
from hinterland.client.vault.memory import MemoryVault
from hinterland.contract.fields import Field, register
from hinterland.contract.imports import Import
from hinterland.contract.kinds.field import Check, Transform
from hinterland.contract.kinds.number import increment
from hinterland.contract.records import EVERYBODY, Collection
from hinterland.kit.cel.types import INT, Type
from hinterland.server.protocols.rest.openapi import document
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.testing.backend import TestBackend, running_backend

_WORDS = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,4})m)?")


@register
class Duration(Field, frozen=True, kw_only=True, omit_defaults=True, tag="duration"):
    """A time span of at most `longest` minutes: `90`, or the text `1h30m`."""

    longest: int = 10_000

    merges = ("newest", "server", "counter")

    @property
    def type(self) -> Type:
        """Minutes."""
        return INT

    def checker(self) -> Check:
        """Minutes, or a text of hours and minutes."""

        def check(value: Any) -> int:
            minutes = self.from_text(value) if isinstance(value, str) else value
            if type(minutes) is not int or not 0 <= minutes <= self.longest:
                raise ValueError(f"must be a duration such as 1h30m, of at most {self.longest} minutes")
            return minutes

        return check

    def json_schema(self) -> dict[str, Any]:
        """Both forms."""
        return {"type": "integer", "minimum": 0, "maximum": self.longest}

    def transforms(self) -> dict[str, Transform]:
        """`$increment`."""
        return {"$increment": Transform(increment, {"type": "integer"})}

    def from_text(self, text: str) -> Any:
        """`1h30m` as 90, as `90` is."""
        if text.isdigit():
            return int(text)
        found = _WORDS.fullmatch(text.strip())
        return int(found[1] or 0) * 60 + int(found[2] or 0) if text and found else text


FILMS = Collection(
    name="films", fields={"length": Duration(index=True, merge="counter", default="1h30m")}, rules=EVERYBODY
)
OTHER = Collection(name="rooms", fields={"free": Duration(unique=True)}, rules=EVERYBODY)


@pytest.fixture(params=["sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each database."""
    if request.param == "sqlite":
        return SqliteStorage(tmp_path / "data")
    return PostgresStorage(request.getfixturevalue("postgres_dsn"), connections=4)


async def lengths(repository: Any, **question: Any) -> list[int]:
    """The lengths that a list answers with."""
    return [film["length"] for film in (await repository.list(**question)).items]


async def import_rows(backend: TestBackend, *rows: dict[str, Any]) -> Any:
    """Rows of text, as `hinterland import` sends them."""
    assert backend.server.backend is not None
    return await backend.server.backend.importer.run("films", Import(rows=[*rows], is_text=True))


async def test_a_kind_in_one_file(storage: Storage, tmp_path: Path) -> None:
    """A registered kind is written, filtered, sorted, compared, incremented, imported and synced, with the same
    answers from server and device."""
    async with running_backend([FILMS, OTHER], storage=storage) as backend:
        client = await backend.client(store=tmp_path / "app.db", vault=MemoryVault(), collections=[FILMS, OTHER])
        await client.auth.sign_up(name="Ada", email="ada@example.org", password="a long walk outside")
        films, local = client.collection("films"), client.local.collection("films")
        first = await films.create({"length": "2h"})
        assert first["length"] == 120
        assert (await films.create({}))["length"] == 90
        result = await import_rows(backend, {"length": "45m"}, {"length": "long"})
        assert (result.created, [*result.refused[0].errors]) == (1, ["length"])
        await client.sync.now()
        for repository, small in (
            (films, 0),
            (local, 100),
            (local, -1),
        ):  # by reading, and by SQL
            client.local.scope.small = small
            assert await lengths(repository, sort=["-length"]) == [120, 90, 45]
            assert await lengths(repository, filter="record.length > 60", sort=["length"]) == [90, 120]
            assert await lengths(repository, length="1h30m") == [90]
            assert await lengths(repository, length=45) == [45]
        await local.update(first["id"], {"length": {"$increment": 5}})
        await films.update(first["id"], {"length": {"$increment": 1}})
        await client.sync.now()
        assert (await films.get(first["id"]))["length"] == (await local.get(first["id"]))["length"] == 126
        with pytest.raises(StatusError) as refused:
            await films.create({"length": "3 days"})
        assert "1h30m" in refused.value.errors["length"][0]


async def test_a_kind_is_kept_and_described(tmp_path: Path) -> None:
    """A database that was made with the kind opens again, and OpenAPI describes its values."""
    for _ in range(2):
        async with running_backend([FILMS, OTHER], folder=tmp_path) as backend:
            client = await backend.client(vault=MemoryVault())
            await client.collection("films").create({"length": "1m"})
            page = await client.collection("films").list()
    assert len(page.items) == 2
    schemas = document("tests", [FILMS])["components"]["schemas"]
    kind = {"type": ["integer", "null"], "minimum": 0, "maximum": 10_000}
    assert schemas["films_body"]["properties"]["length"] == kind
    assert kind in schemas["films_patch"]["properties"]["length"]["anyOf"]
    assert len(schemas["films_patch"]["properties"]["length"]["anyOf"]) == 2
