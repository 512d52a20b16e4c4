"""A changed app file, from the refused start to the migrated data, as a person goes through it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.command import hinterland, reported
from tests.support.ports import free_port
from tests.support.server import ServerProcess

HEAD = """
from hinterland.contract import EVERYBODY, Collection, Integer, List, Text
from hinterland.server import App
"""
OLD = f"""{HEAD}
app = App(collections=[
    Collection(name="books", fields={{"title": Text(), "year": Text(index=True), "shelf": Text()}}, rules=EVERYBODY),
    Collection(name="drafts", fields={{"title": Text()}}, rules=EVERYBODY),
])
"""
ADDED = OLD.replace('"shelf": Text()', '"shelf": Text(), "notes": Text(index=True)')
NEW = f"""{HEAD}
app = App(collections=[
    Collection(name="books", fields={{
        "title": Text(required=True), "year": Integer(index=True), "stars": Integer(default=3),
    }}, rules=EVERYBODY),
])
"""
IDS = OLD.replace('Collection(name="drafts",', 'Collection(name="drafts", ids="integer",')
BOOKS = [{"id": f"b{n}", "title": f"Book {n}", "year": str(2000 + n), "shelf": "A"} for n in range(3)]
Serve = Callable[..., ServerProcess]

KILL = """
import asyncio, json, os, signal, sys
from pathlib import Path
from hinterland.cli.migrating import migrate
from hinterland.cli.reaching import app_of
from hinterland.server.app import storage_for
from hinterland.server.storage.sqlite import SqliteTransaction
from hinterland.server.storage.postgres_reading import PostgresReads, PostgresTransaction

app, data = Path(sys.argv[1]), Path(sys.argv[2])

async def state():
    storage = storage_for(app_of(app).settings, data)
    await storage.open()
    try:
        tables = {}
        for name in ("books", "drafts", "_collections", "_log"):
            try:
                tables[name] = [list(map(str, row)) for row in await storage.fetch(f'SELECT * FROM "{name}"')]
            except Exception:
                tables[name] = None
        return json.dumps(tables, sort_keys=True)
    finally:
        await storage.close()

def killing(owner, name, left):
    do = getattr(owner, name)
    async def counted(self, *arguments):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return await do(self, *arguments)
    setattr(owner, name, counted)

def child(number):
    left = [number]
    killing(SqliteTransaction, "execute", left)
    killing(SqliteTransaction, "fetch", left)
    killing(PostgresTransaction, "execute", left)
    killing(PostgresReads, "fetch", left)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    asyncio.run(migrate(app, data, is_agreed=True))
    os._exit(0)

before, states, number = asyncio.run(state()), [], 0
while True:
    pid = os.fork()
    if pid == 0:
        child(number)
    status = os.waitpid(pid, 0)[1]
    states.append("old" if asyncio.run(state()) == before else "changed")
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    number += 1
print(json.dumps(states))
"""


def written(folder: Path, text: str) -> Path:
    """The app file with this text."""
    file = folder / "app.py"
    file.write_text(text)
    return file


def books(url: str) -> list[dict[str, Any]]:
    """The served books, without what the server adds."""
    with httpx2.Client(base_url=url, timeout=30) as client:
        items = client.get("/v1/records/books?sort=id").json()["items"]
    return [
        {name: book[name] for name in book if name not in ("created_at", "updated_at", "revision")} for book in items
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with three books and a draft, made with the old app file."""
    folder = tmp_path / "data"
    rows = tmp_path / "books.json"
    rows.write_text(json.dumps(BOOKS))
    assert hinterland("import", "books", rows, "--data", folder, "--app", written(tmp_path, OLD)).code == 0
    rows.write_text('[{"title": "a draft"}]')
    assert hinterland("import", "drafts", rows, "--data", folder).code == 0
    return folder


def test_additions_are_made_at_the_start(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """An app file that only adds is served at once, with the records as they were."""
    server = server_process(written(tmp_path, ADDED), data)
    assert [book["title"] for book in books(server.url)] == ["Book 0", "Book 1", "Book 2"]
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        assert client.patch("/v1/records/books/b0", json={"notes": "mine"}).json()["notes"] == "mine"


def test_a_value_that_no_index_holds(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """Where a stored value is too long for an index that is added, `migrate` and the start say so in the same words."""
    server = server_process(written(tmp_path, OLD), data)
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        assert client.patch("/v1/records/books/b0", json={"title": "x" * 2_001}).status_code == 200
    assert server.terminate() == 0
    app = written(tmp_path, OLD.replace('"title": Text()', '"title": Text(index=True)', 1))
    words = "books.title: 1 stored value has more than 2,000 bytes; shorten it, or leave it out"
    for command in (("migrate",), ("serve", "--port", free_port())):
        assert words in reported(hinterland(*command, app, "--data", data))


def test_from_a_refused_start_to_served_records(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """Other changes refuse the start with the command to run; that command tells, does it, and the server serves it."""
    app = written(tmp_path, NEW)
    said = reported(hinterland("serve", app, "--data", data, "--port", free_port()))
    assert "books.shelf is gone" in said
    assert f"hinterland migrate {app} --data {data}\nif this is a different app, give it a folder of its own" in said
    asked = hinterland("migrate", app, "--data", data)
    assert "add --yes" in reported(asked)
    assert "drop the collection drafts with its 1 record" in asked.out
    done = hinterland("migrate", app, "--data", data, "--yes")
    assert (done.code, done.err) == (0, "")
    assert "Nothing to migrate" in hinterland("migrate", app, "--data", data, "--yes").out
    server = server_process(app, data)
    assert books(server.url) == [{"id": f"b{n}", "title": f"Book {n}", "year": 2000 + n, "stars": 3} for n in range(3)]


def test_a_mistyped_folder(tmp_path: Path) -> None:
    """Without a database in the folder there is nothing to bring anywhere: that is said, and none is made."""
    said = reported(hinterland("migrate", written(tmp_path, NEW), "--data", tmp_path / "typo", "--yes"))
    assert f"no database in {tmp_path / 'typo'}; give its folder with --data" in said
    assert not (tmp_path / "typo").exists()


def test_a_person_is_asked(tmp_path: Path, data: Path) -> None:
    """At a terminal the command asks; no leaves everything, yes does it."""
    app = written(tmp_path, NEW)
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        leader, follower = pty.openpty()
        command = [sys.executable, "-m", "hinterland", "migrate", str(app), "--data", str(data)]
        with subprocess.Popen(command, stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            os.write(leader, answer)
            said = process.communicate(timeout=60)[0].decode()
        os.close(leader)
        os.close(follower)
        assert process.returncode == code, said
        assert "drop books.shelf" in said


def test_what_does_not_fit_is_listed(tmp_path: Path, data: Path) -> None:
    """Records that don't fit are named, nothing is changed, and the old app file still opens the data."""
    rows = tmp_path / "rows.json"
    rows.write_text('[{"id": "odd", "title": "Odd", "year": "long ago"}]')
    assert hinterland("import", "books", rows, "--data", data).code == 0
    said = reported(hinterland("migrate", written(tmp_path, NEW), "--data", data, "--yes"))
    assert 'books/odd: year is "long ago", and must be a whole number' in said
    assert "nothing was changed" in said
    rows.write_text('[{"title": "more"}]')
    assert hinterland("import", "books", rows, "--data", data, "--app", written(tmp_path, OLD)).code == 0


def test_a_renamed_field(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """The plan of a drop and an addition names `--rename`, which keeps the values; what is none is refused."""
    app = written(tmp_path, OLD.replace('"shelf"', '"place"'))
    asked = hinterland("migrate", app, "--data", data)
    advice = "drop books.shelf, which has a value in 3 records (if it has another name now, --rename keeps its values)"
    assert advice in asked.out
    wrong = reported(hinterland("migrate", app, "--data", data, "--rename", "shelf=place"))
    assert "'shelf=place' is not a rename; write collection.old=new" in wrong
    twice = [word for new in ("place", "title") for word in ("--rename", f"books.shelf={new}")]
    assert "--rename books.shelf is given twice" in reported(hinterland("migrate", app, "--data", data, *twice))
    done = hinterland("migrate", app, "--data", data, "--rename", "books.shelf=place", "--yes")
    assert "rename books.shelf to place" in done.out
    assert [book["place"] for book in books(server_process(app, data).url)] == ["A"] * 3


def test_ids_stay_what_they_are(tmp_path: Path, data: Path) -> None:
    """Other ids are refused with the way round, at the start as well, which offers no migration that can't be."""
    app = written(tmp_path, IDS)
    for command in (("serve", app, "--port", free_port()), ("migrate", app, "--yes")):
        said = reported(hinterland(*command, "--data", data))
        assert "drafts has integer ids, had string ids\n" in said
        assert "add another collection with the new ones, and import the records into that" in said
        assert "hinterland migrate" not in said


def test_a_running_server_is_in_the_way(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """The command doesn't touch data that a server uses, and says which one."""
    server = server_process(written(tmp_path, OLD), data)
    said = reported(hinterland("migrate", written(tmp_path, NEW), "--data", data, "--yes"))
    assert f"the server at {server.url} has {data} open; stop it before you migrate" in said


def test_a_forgotten_app_file(data: Path) -> None:
    """Serving data of an app without its file says that the file is missing."""
    said = reported(hinterland("serve", "--data", data, "--port", free_port()))
    assert "the collection 'books' is gone" in said
    assert f"hinterland serve APP.py --data {data}" in said


def pulled(client: httpx2.Client, cursor: str) -> dict[str, Any]:
    """What a device is sent of the books since `cursor`."""
    answer = client.post("/v1/sync/pull", json={"device": "d1", "collections": ["books"], "cursor": cursor})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_devices_learn_of_it(server_process: Serve, tmp_path: Path, data: Path) -> None:
    """A device that had everything before is sent the migrated records at its next pull, each once."""
    server = server_process(written(tmp_path, OLD), data)
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        form = {"name": "Ada", "email": "ada@example.org", "password": "correct horse 7"}
        token = client.post("/v1/auth/signup", json=form).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        first = pulled(client, "")
        assert len(first["changes"]) == 3
        server.terminate()
        assert hinterland("migrate", written(tmp_path, NEW), "--data", data, "--yes").code == 0
        server.start()
        second = pulled(client, first["cursor"])
    assert second["restart"] == ["books"]
    records = [change["record"] for change in second["changes"]]
    assert [(record["id"], record["year"], record["stars"]) for record in records] == [
        ("b0", 2000, 3), ("b1", 2001, 3), ("b2", 2002, 3),
    ]  # fmt: skip
    assert all("shelf" not in record for record in records)


def kill_everywhere(tmp_path: Path, data: Path, env: dict[str, str]) -> list[str]:
    """Kill a migration at each statement in turn; what the database was after each."""
    command = [sys.executable, "-c", KILL, str(written(tmp_path, NEW)), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **env})
    assert done.returncode == 0, done.stderr
    states: list[str] = json.loads(done.stdout.splitlines()[-1])
    return states


def test_killed_at_any_statement_on_sqlite(tmp_path: Path, data: Path) -> None:
    """kill -9 at any statement of a migration leaves the old records and declaration; only the end brings the new."""
    states = kill_everywhere(tmp_path, data, {})
    assert len(states) > 30
    assert states == ["old"] * (len(states) - 1) + ["changed"]


def test_killed_at_any_statement_on_postgresql(tmp_path: Path, postgres_dsn: str) -> None:
    """The same on PostgreSQL, which undoes what a lost connection began."""
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    rows = tmp_path / "books.json"
    rows.write_text(json.dumps(BOOKS))
    imported = hinterland("import", "books", rows, "--app", written(tmp_path, OLD), env=env)
    assert imported.code == 0, imported
    states = kill_everywhere(tmp_path, tmp_path, env)
    assert len(states) > 30
    assert states == ["old"] * (len(states) - 1) + ["changed"]
