"""Real files become records by the command, through a running server and without one; and administrators are made."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.command import hinterland, reported
from tests.support.data import data_file
from tests.support.server import ServerProcess

Serve = Callable[..., ServerProcess]
APP = """
from hinterland.contract import EVERYBODY, Boolean, Collection, Integer, Json, List, Number, Text, users
from hinterland.server import App

app = App(collections=[
    Collection(name="airports", fields={
        "iata": Text(unique=True), "name": Text(), "city": Text(), "state": Text(index=True), "country": Text(),
        "latitude": Number(), "longitude": Number(),
    }, rules=EVERYBODY),
    Collection(name="things", fields={
        "name": Text(required=True, max_length=500_000), "count": Integer(minimum=0), "tags": List(), "more": Json(),
        "is_new": Boolean(),
    }, rules=EVERYBODY, ids="integer"),
    Collection(name="parts", fields={"name": Text()}, rules=EVERYBODY, parent="things"),
])
"""
PASSWORD = "correct horse 7"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The app file."""
    file = tmp_path / "app.py"
    file.write_text(APP)
    return file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder."""
    return tmp_path / "data"


def rows_file(folder: Path, name: str, content: str) -> Path:
    """A file to import."""
    file = folder / name
    file.write_text(content)
    return file


def records(server: ServerProcess, path: str) -> list[dict[str, Any]]:
    """What the server lists."""
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        items: list[dict[str, Any]] = client.get(f"/v1/records/{path}").json()["items"]
        return items


def total(server: ServerProcess, name: str) -> int:
    """How many records the server has."""
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        return int(client.get(f"/v1/records/{name}?total=true&limit=1").json()["total"])


@pytest.mark.parametrize("is_running", [True, False])
def test_real_airports(server_process: Serve, app: Path, data: Path, is_running: bool) -> None:
    """3,376 airports of a real CSV file become records, through the server or directly; again, each is refused."""
    server = ServerProcess(app, data)
    if is_running:
        server = server_process(app, data)
    first = hinterland("import", "airports", data_file("airports.csv"), "--data", data, "--app", app)
    assert first.code == 0, first
    assert first.out == "Imported 3376 of 3376 rows into airports; refused 0.\n"
    assert "3,376 rows" in first.err
    again = hinterland("import", "airports", data_file("airports.csv"), "--data", data)
    assert again.code == 1
    assert again.out == "Imported 0 of 3376 rows into airports; refused 3376.\n"
    assert "line 2: iata is already in use" in again.err
    assert again.err.count("iata is already in use") == 4
    assert "… and 3,373 more: iata is already in use" in again.err
    if not is_running:
        server = server_process(app, data)
    assert total(server, "airports") == 3376
    (one,) = records(server, "airports?iata=SFO")
    assert (one["city"], round(one["latitude"], 2)) == ("San Francisco", 37.62)


def test_without_the_app_file(server_process: Serve, app: Path, data: Path, tmp_path: Path) -> None:
    """After the first start the data knows its collections: no app file is needed, and the server serves the rows."""
    server = server_process(app, data)
    server.terminate()
    file = rows_file(tmp_path, "things.jsonl", '{"id": 7, "name": "seven", "tags": ["a"]}\n{"name": "next"}\n')
    assert hinterland("import", "things", file, "--data", data).code == 0
    parts = rows_file(tmp_path, "parts.csv", "parent,name\nthings/7,wheel\nthings/9,none\n")
    ended = hinterland("import", "parts", parts, "--data", data)
    assert "line 3: there is no things/9 to hold a record of parts" in reported(ended)
    server.start()
    assert [(thing["id"], thing["name"]) for thing in records(server, "things?sort=id")] == [(7, "seven"), (8, "next")]
    assert [part["name"] for part in records(server, "things/7/parts")] == ["wheel"]


@pytest.mark.parametrize("is_running", [True, False])
def test_refused_rows_do_not_hold_up_others(
    server_process: Serve, app: Path, data: Path, tmp_path: Path, is_running: bool
) -> None:
    """Each refused row is reported with its place and every reason; the sound ones are made."""
    if is_running:
        server_process(app, data)
    lines = [
        '{"name": "good"}',
        '{"name": "", "count": -1}',
        '{"name": "x", "colour": "red"}',
        '{"name": "x", "name": "y"}',
        '{"name": "nul \\u0000"}',
        '{"name": "half \\ud800"}',
        "[1]",
        '{"name": "good too"}',
    ]
    file = rows_file(tmp_path, "things.jsonl", "\n".join(lines))
    ended = hinterland("import", "things", file, "--data", data, "--app", app)
    said = reported(ended)
    assert ended.out == "Imported 2 of 8 rows into things; refused 6.\n"
    for words in (
        "line 2: name is required; count must be between 0 and",
        "line 3: colour is not a field of things",
        "line 4: the name 'name' appears twice",
        "line 5: a text holds the character NUL",
        "line 6: the JSON is cut off",
        "line 7: a row must be an object",
    ):
        assert words in said, said


def test_text_takes_the_kind_of_its_field(server_process: Serve, app: Path, data: Path, tmp_path: Path) -> None:
    """CSV's texts become what their fields are; an empty cell is no value."""
    server = server_process(app, data)
    text = 'id,name,count,tags,more,is_new\n5,five,12,"[""a"",""b""]","{""a"": [1]}",true\n,x,,,,\n,x,many,a,,maybe\n'
    ended = hinterland("import", "things", rows_file(tmp_path, "a.csv", text), "--data", data)
    assert "line 4: count must be a whole number; tags must be a list; is_new must be true or false" in reported(ended)
    first, second = records(server, "things?sort=id")
    assert (first["id"], first["count"], first["tags"]) == (5, 12, ["a", "b"])
    assert (first["more"], first["is_new"]) == ({"a": [1]}, True)
    assert (second["id"], second["count"], second["tags"], second["is_new"]) == (6, None, None, None)


def test_rows_larger_than_the_server_takes(server_process: Serve, app: Path, data: Path, tmp_path: Path) -> None:
    """Chunks that are too large for the server's setting are sent in smaller ones; a row that is, is refused."""
    server = server_process(app, data, env={"HINTERLAND_MAX_BODY_BYTES": "20000"})
    sizes = [9_000] * 6 + [40_000] + [9_000]
    text = "\n".join(json.dumps({"name": f"{n} {'x' * size}"}) for n, size in enumerate(sizes))
    ended = hinterland("import", "things", rows_file(tmp_path, "big.jsonl", text), "--data", data)
    said = reported(ended)
    assert "line 7: this row alone is larger than the server accepts" in said
    assert "max_body_bytes" in said
    assert ended.out == "Imported 7 of 8 rows into things; refused 1.\n"
    assert total(server, "things") == 7


@pytest.mark.parametrize("is_running", [True, False])
def test_files_and_names_that_do_not_fit(
    server_process: Serve, app: Path, data: Path, tmp_path: Path, is_running: bool
) -> None:
    """An unknown collection, a wrong or missing file and a wrong folder are each one clear message."""
    file = rows_file(tmp_path, "a.json", "[{}]")
    if is_running:
        server_process(app, data)
    said = reported(hinterland("import", "thingz", file, "--data", data, "--app", app))
    assert said.startswith("error: there is no collection 'thingz'; declared are users, airports, things, parts")
    said = reported(hinterland("import", "things", tmp_path / "none.json", "--data", data))
    assert f"cannot read {tmp_path / 'none.json'}: no such file" in said
    assert "Errno" not in said
    assert "the name must end in" in reported(hinterland("import", "things", app, "--data", data))
    assert "no database in" in reported(hinterland("import", "things", file, "--data", tmp_path / "typo"))
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("name", ["things?x=1", "things#x", "../admins", "..", "th\nings"])
def test_the_name_of_a_collection_is_no_path(
    server_process: Serve, app: Path, data: Path, tmp_path: Path, is_running: bool, name: str
) -> None:
    """What is given as a collection's name is one and nothing else: it neither ends nor climbs out of the path of the
    request to a running server, and nothing is imported."""
    file = rows_file(tmp_path, "a.json", '[{"name": "a"}]')
    server = server_process(app, data)
    if not is_running:
        server.terminate()
    said = reported(hinterland("import", name, file, "--data", data, "--app", app))
    assert said.startswith(f"error: there is no collection {name!r}; declared are")


def test_a_file_that_breaks_off(app: Path, data: Path, tmp_path: Path) -> None:
    """Where a file cannot be read further the command reports the line, and what is there already."""
    file = tmp_path / "a.csv"
    file.write_bytes(b"name\n" + b"x\n" * 450 + b"\xff\n")
    said = reported(hinterland("import", "things", file, "--data", data, "--app", app))
    assert "line 452 is not UTF-8; save the file as UTF-8, or give its encoding" in said
    assert "imported 400 of the rows up to line 401 of" in said
    file.write_bytes(b"\xff\n")
    said = reported(hinterland("import", "things", file, "--data", data))
    assert "no row was confirmed as imported" in said
    assert "importing" not in said  # no progress stands above what was wrong from the first row


def test_stopped_by_a_person(server_process: Serve, app: Path, data: Path, tmp_path: Path) -> None:
    """Ctrl+C ends an import with how far it came; what it counted is there, in whole chunks."""
    server = server_process(app, data)
    file = tmp_path / "many.jsonl"
    file.write_text("".join(f'{{"name": "thing {n}"}}\n' for n in range(200_000)))
    command = [sys.executable, "-m", "hinterland", "import", "things", str(file), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while total(server, "things") <= 200:  # the second chunk is sent when the first is confirmed
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 130, err
    assert "Traceback" not in err
    found = re.search(r"imported ([\d,]+) of the rows up to line (\d+) of", err)
    assert found is not None, err
    made = int(found[1].replace(",", ""))
    assert made == int(found[2])
    assert total(server, "things") - made in (0, 200)


def test_a_server_that_dies_meanwhile(server_process: Serve, app: Path, data: Path, tmp_path: Path) -> None:
    """When the server is killed the import says so and how far it came; no row that it counted is lost."""
    server = server_process(app, data)
    file = tmp_path / "many.csv"
    file.write_text("name\n" + "".join(f"thing {n}\n" for n in range(200_000)))
    command = [sys.executable, "-m", "hinterland", "import", "things", str(file), "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while total(server, "things") == 0:
            assert process.poll() is None
        server.kill()
        err = process.communicate(timeout=60)[1]
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert f"the server at {server.url} no longer responds" in err
    found = re.search(r"imported ([\d,]+) of the rows up to line (\d+) of", err)
    made = int(found[1].replace(",", "")) if found else 0
    server.start()
    assert total(server, "things") - made in (0, 200)


# ---------------------------------------------------------------- what others write

EXCEL = """sep=;
Full name;Count;More;
Zoë;1.000,0;{};
Ana;2,0;[1];
"""


@pytest.mark.parametrize("is_running", [True, False])
def test_a_spreadsheet(server_process: Serve, app: Path, data: Path, tmp_path: Path, is_running: bool) -> None:
    """A spreadsheet's export in another encoding, with semicolons, decimal commas and headings of its own, is shown by
    --dry-run, which keeps nothing, and then imported."""
    server = ServerProcess(app, data)
    if is_running:
        server = server_process(app, data)
    file = tmp_path / "export.csv"
    file.write_bytes(EXCEL.encode("windows-1252"))
    command = ["import", "things", file, "--data", data, "--app", app, "--encoding", "windows-1252",
               "--map", "Full name=name", "--map", "Count=count", "--map", "More=more", "--decimal-comma"]  # fmt: skip
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(EXCEL.replace("1.000,0", "1.000").encode("windows-1252"))
    refused = reported(hinterland(*[wrong if part == file else part for part in command], "--dry-run"))
    assert "count has a point where the import has decimal commas" in refused
    shown = hinterland(*command, "--dry-run")
    assert (shown.code, shown.out.splitlines()) == (
        0,
        [
            f"{file} is CSV in WINDOWS-1252, separated by semicolon.",
            '  {"name":"Zoë","count":1000,"more":{}}',
            '  {"name":"Ana","count":2,"more":[1]}',
            "Would import 2 of 2 rows into things; refused 0.",
        ],
    )
    assert "checking" in shown.err
    assert hinterland(*command).out == "Imported 2 of 2 rows into things; refused 0.\n"
    if not is_running:
        server = server_process(app, data)
    assert [(row["name"], row["count"]) for row in records(server, "things?sort=count")] == [("Ana", 2), ("Zoë", 1000)]


def test_times_in_a_timezone(app: Path, data: Path, tmp_path: Path) -> None:
    """Times without an offset are refused with both ways out; in a named timezone they are read, and the summary says
    how many."""
    file = rows_file(tmp_path, "a.csv", "name,created_at\nx,2026-01-31 12:00:00\ny,2026-01-31T12:00:00Z\n")
    command = ["import", "things", file, "--data", data, "--app", app]
    said = reported(hinterland(*command, "--dry-run"))
    assert "line 2: created_at" in said
    assert "--timezone" in said
    ended = hinterland(*command, "--timezone", "Europe/Rome")
    assert ended.out.endswith("Read 1 times without an offset as Europe/Rome.\n")
    assert "unknown timezone 'Rome'" in reported(hinterland(*command, "--timezone", "Rome"))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--map", "name"), "--map 'name' has no '='"),
        (("--map", "=name"), "--map '=name' names no column; write"),
        (("--separator", "::"), "unknown separator '::'; use one character, or comma, semicolon, tab"),
        (("--encoding", "klingon"), "unknown encoding 'klingon'"),
        (("--map", "Nom=name"), "no column 'Nom' to map"),
    ],
)
def test_options_that_do_not_fit(app: Path, data: Path, tmp_path: Path, option: tuple[str, str], words: str) -> None:
    """An option that can't be used ends the command with what would do."""
    file = rows_file(tmp_path, "a.csv", "name\nx\n")
    assert words in reported(hinterland("import", "things", file, "--data", data, "--app", app, *option))


def test_names_and_texts_reach_no_terminal(app: Path, data: Path, tmp_path: Path) -> None:
    """Control characters of a file and its name are printed escaped; a name that is not UTF-8 is no hindrance."""
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff\x1b[2J.csv"))
    file.write_text('name,"co\x1b[31mlour"\nx,y\n')
    ended = hinterland("import", "things", file, "--data", data, "--app", app)
    assert "line 2: co\\x1b[31mlour is not a field of things" in reported(ended)
    assert "\x1b" not in ended.out + ended.err
    missing = hinterland("import", "things", file.with_suffix(".json"), "--data", data, "--app", app)
    assert "odd\\udcff\\x1b[2J.json: no such file" in reported(missing)


def test_a_data_folder_that_is_not_utf8(app: Path, tmp_path: Path) -> None:
    """A data folder whose name is not UTF-8, which SQLite can't open, is refused in one message by every command."""
    data = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xff"))
    file = rows_file(tmp_path, "a.csv", "name\nx\n")
    for command in (("import", "things", file), ("serve", app), ("migrate", app), ("admin", "create", "a@example.org")):
        said = reported(hinterland(*command, "--data", data, env={"HINTERLAND_ADMIN_PASSWORD": PASSWORD}))
        assert "the name of the data folder" in said
        assert "is not UTF-8; rename it or choose another with --data" in said


# ---------------------------------------------------------------- administrators


@pytest.mark.parametrize("is_running", [True, False])
def test_administrators(server_process: Serve, app: Path, data: Path, is_running: bool) -> None:
    """An administrator is made with or without a running server, logs in, and passes every rule."""
    server = server_process(app, data)
    if not is_running:
        server.terminate()
    made = hinterland("admin", "create", "Ada@example.org", "--data", data, "--password", PASSWORD)
    assert (made.code, made.out) == (
        0, "Created administrator Ada@example.org. Log in with POST /v1/admin/login.\n",
    )  # fmt: skip
    taken = hinterland("admin", "create", "ada@EXAMPLE.org", "--data", data, "--password", PASSWORD)
    assert "email is already in use" in reported(taken)
    for email, password, words in (
        ("nobody", PASSWORD, "email must be an e-mail address"),
        ("me", PASSWORD, "email must be an e-mail address such as ada@example.org"),
        ("", PASSWORD, "email is required"),
        ("b@example.org", "short", "password"),
        ("b@example.org", "password1", "password"),
    ):
        assert words in reported(hinterland("admin", "create", email, "--data", data, "--password", password))
    handed = hinterland("admin", "create", "c@example.org", "--data", data, env={"HINTERLAND_ADMIN_PASSWORD": PASSWORD})
    assert handed.code == 0, handed
    if not is_running:
        server.start()
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        answer = client.post("/v1/admin/login", json={"email": "ada@example.org", "password": PASSWORD})
        token = answer.json()["access_token"]
        users = client.get("/v1/records/users", headers={"authorization": f"Bearer {token}"})
        assert users.status_code == 200


def test_a_password_is_asked_for(data: Path, app: Path) -> None:
    """Without a password one is asked for, twice; where nobody can answer it is said how else to give it."""
    arguments = ["admin", "create", "a@example.org", "--data", str(data), "--app", str(app)]
    assert "set HINTERLAND_ADMIN_PASSWORD" in reported(hinterland(*arguments))
    assert not data.exists()
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "hinterland", *arguments]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as asking:
        os.close(theirs)
        shown = b""
        for question in (b"Password: ", b"Repeat for confirmation: "):
            while not shown.endswith(question):
                shown += os.read(mine, 1_000)
            os.write(mine, PASSWORD.encode() + b"\n")
        while b"Created administrator" not in shown:
            shown += os.read(mine, 1_000)
        assert asking.wait(30) == 0
    os.close(mine)
    assert PASSWORD.encode() not in shown
