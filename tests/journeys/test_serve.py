"""A server that ends, and one that can't begin or go on: each says so, and nothing that it acknowledged is lost."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.support.command import hinterland, reported
from tests.support.marks import APP, calling, marks, marks_app
from tests.support.ports import free_port
from tests.support.postgres import PostgresCluster
from tests.support.server import ServerProcess
from tests.support.waiting import until

Serve = Callable[..., ServerProcess]
WITHIN = 20.0  # seconds
BIG = "x" * 9_000


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app file with a collection that everybody writes."""
    return marks_app(tmp_path)


def is_listening(port: int) -> bool:
    """Whether new connections are taken."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ---------------------------------------------------------------- the end


def test_requests_in_flight_finish(server_process: Serve, app: Path, tmp_path: Path) -> None:
    """SIGTERM: a request that is half sent is still taken and answered, the exit code is 0, and the log is folded."""
    server = server_process(app)
    body = b'{"mark": "in flight"}'
    with socket.create_connection(("127.0.0.1", server.port), WITHIN) as line:
        head = f"POST /v1/records/marks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        line.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode() + body[:5])
        assert line.recv(100).startswith(b"HTTP/1.1 100")  # the handler waits for the rest
        server.process.terminate()
        until(lambda: not is_listening(server.port), "the server still takes connections")
        line.sendall(body[5:])
        answer = line.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert server.wait() == 0
    assert "Traceback" not in server.log
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == [".gitignore", "data.db", "lock"]
    server.start()
    with calling(server.url) as client:
        assert marks(client) == {"in flight"}


def test_the_terminal_is_closed(server_process: Serve, app: Path) -> None:
    """SIGHUP, as a closed terminal sends it, ends a server as SIGTERM does."""
    server = server_process(app)
    with calling(server.url) as client, client.stream("GET", "/v1/events?collection=marks") as stream:
        assert stream.status_code == 200
        server.process.send_signal(signal.SIGHUP)
        stream.read()
    assert server.wait() == 0
    assert "Traceback" not in server.log


@pytest.mark.slow
def test_half_a_request_is_cut_off(server_process: Serve, app: Path) -> None:
    """SIGTERM: a body whose rest never comes is waited for no longer than the others, and ends without a trace."""
    server = server_process(app)
    with socket.create_connection(("127.0.0.1", server.port), WITHIN) as line:
        head = (
            "POST /v1/records/marks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
        )
        line.sendall(head.encode() + b'{"mark"')
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        server.process.terminate()
        assert server.wait() == 0
    assert "Traceback" not in server.log
    assert server.log.count("closed connections whose requests did not finish in time: 1") == 1
    assert "ERROR" not in server.log


def test_what_the_greeting_tells_can_be_typed(server_process: Serve, app: Path, tmp_path: Path) -> None:
    """The greeting's commands do their work as they are printed, in a shell that finds no program of ours by a name."""
    server = server_process(app, data=tmp_path / "my data")
    reported_of = dict(re.findall(r"^  (graphql|try|administer) +(.+)$", server.log, re.MULTILINE))
    assert reported_of["try"] == f"curl {server.url}/openapi.json"
    assert httpx2.get(reported_of["graphql"], headers={"accept": "text/html"}).status_code == 200  # GraphiQL
    env = {"PATH": "/usr/bin:/bin", "HINTERLAND_ADMIN_PASSWORD": "a long one to remember"}
    done = subprocess.run(
        ["/bin/sh", "-c", reported_of["administer"]], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with calling(server.url) as client:
        admin = {"email": "you@example.org", "password": env["HINTERLAND_ADMIN_PASSWORD"]}
        assert client.post("/v1/admin/login", json=admin).status_code == 200


def test_a_foreign_host(server_process: Serve, app: Path) -> None:
    """While it listens on loopback only, the server answers for loopback's names and for those of `allowed_hosts`."""
    server = server_process(app, env={"HINTERLAND_ALLOWED_HOSTS": "shop.example"})
    with calling(server.url) as client:
        found = {
            host: client.get("/v1/records/marks", headers={"Host": host}).status_code
            for host in ("evil.example", "evil.example:8000", "localhost", "shop.example")
        }
    assert found == {"evil.example": 421, "evil.example:8000": 421, "localhost": 200, "shop.example": 200}


def test_a_line_for_each_request(server_process: Serve, app: Path) -> None:
    """With --log-requests each request is a line with its id and without its query; without, there is none."""
    server = server_process(app, arguments=["--log-requests"])
    with calling(server.url) as client:
        answer = client.get("/v1/records/marks?filter=planted", headers={"X-Request-Id": "mine-1"})
        client.get("/x%0aINFO forged")
    assert server.terminate() == 0
    assert re.search(rf"GET /v1/records/marks {answer.status_code} \d+\.\d ms mine-1\n", server.log), server.log
    assert "planted" not in server.log
    assert "\nINFO forged" not in server.log


def test_streams_are_closed(server_process: Serve, app: Path) -> None:
    """SIGTERM ends open streams at once: they don't keep the server from its clean end."""
    server = server_process(app)
    with calling(server.url) as client, client.stream("GET", "/v1/events?collection=marks") as stream:
        assert stream.status_code == 200
        pieces = stream.iter_bytes()
        next(pieces)
        server.process.terminate()
        rest = b"".join(pieces)
    assert server.wait() == 0
    assert "did not finish in time" not in server.log  # after the ten seconds of grace
    assert b"event: commit" not in rest
    assert "Traceback" not in server.log


# ---------------------------------------------------------------- a start that can't be


def refused(app: Path | None, data: Path, *, port: int = 0, env: dict[str, str] | None = None) -> str:
    """What a server says that can't begin; its exit code is not 0, and it shows no trace."""
    arguments = [] if app is None else [app]
    return reported(hinterland("serve", *arguments, "--data", data, "--port", port or free_port(), env=env))


def test_a_second_server_names_who_holds_the_folder(server_process: Serve, app: Path, tmp_path: Path) -> None:
    """One process owns a folder; the second one hears its process id and address, and disturbs nothing."""
    server = server_process(app)
    said = refused(app, tmp_path / "data")
    assert f"in use by process {server.pid} at {server.url}" in said
    assert "--data" in said
    with calling(server.url) as client:
        assert client.post("/v1/records/marks", json={"mark": "a"}).status_code == 201


def test_the_control_token_is_the_owners(server_process: Serve, app: Path, tmp_path: Path) -> None:
    """What lets a command act as administrator is readable by the owner alone, whatever the folder allows."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "lock").touch(mode=0o644)
    server_process(app)
    assert (tmp_path / "data" / "lock").stat().st_mode & 0o077 == 0


def test_a_port_in_use(app: Path, tmp_path: Path) -> None:
    """A port that somebody has, and an address that this machine hasn't, are named with the option to change."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(app, tmp_path / "data", port=port)
    assert f"cannot bind 127.0.0.1:{port}: " in said
    assert "--port" in said
    said = reported(hinterland("serve", app, "--data", tmp_path / "data", "--host", "192.0.2.1"))
    assert "cannot bind 192.0.2.1:8000: " in said
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_can_not_be_used(app: Path, tmp_path: Path) -> None:
    """A folder below a file, one that can't be made, a file in its place, and no file in it: each is said."""
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(app, tmp_path / "file")
    assert "file/data: Not a directory" in refused(app, tmp_path / "file" / "data")
    assert "cannot use the data folder /proc/data" in refused(app, Path("/proc/data"))
    (tmp_path / "odd" / "data.db").mkdir(parents=True)
    assert str(tmp_path / "odd" / "data.db") in refused(app, tmp_path / "odd")


@pytest.mark.parametrize("content", [b"garbage " * 1_000, b"SQLite format 3\0" + os.urandom(5_000)])
def test_a_database_of_garbage(app: Path, tmp_path: Path, content: bytes) -> None:
    """A file that is no database is named and left as it is."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "data.db"
    file.write_bytes(content)
    said = refused(app, tmp_path / "data")
    assert "cannot open" in said
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = (", "line 1: SyntaxError: '(' was never closed"),
        ("\n1 / 0", "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)", "line 2: SystemExit"),
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "add `app = App(...)`"),
        ("app = 1", "add `app = App(...)`"),
        (APP.replace("EVERYBODY)", "Rules(lsit='true'))").replace("EVERYBODY", "Rules"), "lsit"),
        (APP.replace("rules=EVERYBODY", "rules={}"), "collection 'marks': its rules must be Rules(...)"),
        (APP.replace("Text(required=True)", "str"), "marks.mark: a field must be Text(...)"),
        (APP.replace('name="marks"', 'name="Marks"'), "collection names have up to 63 of a–z"),
        (APP.replace("Text(required=True)", 'Text(default=5)'), "its default must be text"),
        (APP.replace("app = App(collections=[", "app = App(collections=2 * ["), "declared twice"),
        (APP.replace('name="marks"', 'name="marks", parent="posts"'), "its parent 'posts' is not declared"),
    ],
)  # fmt: skip
def test_a_broken_app_file(tmp_path: Path, text: str, words: str) -> None:
    """What is wrong with an app file is one message with the place; no folder is made for it."""
    file = tmp_path / "app.py"
    file.write_text(text)
    said = refused(file, tmp_path / "data")
    assert words in said
    assert not (tmp_path / "data").exists()


def test_a_bad_rule(tmp_path: Path) -> None:
    """A rule that can't be used is shown with a caret under the place, and what to try."""
    file = tmp_path / "app.py"
    file.write_text(
        APP.replace("EVERYBODY", "Rules").replace("rules=Rules", "rules=Rules(list='record.mrak == auth.id')")
    )
    said = refused(file, tmp_path / "data")
    assert "collection 'marks', rule list" in said
    assert re.search(r"^    record\.mrak == auth\.id\n    \^+$", said, re.MULTILINE), said
    assert 'did you mean "mark"?' in said


def test_a_missing_app_file(tmp_path: Path) -> None:
    """An app file that isn't there is named, with what starts without one."""
    said = refused(tmp_path / "none.py", tmp_path / "data")
    assert f"there is no app file {tmp_path / 'none.py'}" in said


def test_an_app_file_of_several(server_process: Serve, tmp_path: Path) -> None:
    """An app file imports the modules beside it, from wherever the command is run."""
    (tmp_path / "beside_the_app.py").write_text("NAME = 'marks'")
    (tmp_path / "app.py").write_text(APP.replace('name="marks"', "name=NAME") + "\n")
    text = (tmp_path / "app.py").read_text()
    (tmp_path / "app.py").write_text("from beside_the_app import NAME\n" + text)
    with calling(server_process(tmp_path / "app.py").url) as client:
        assert marks(client) == set()


def test_a_bad_setting(app: Path, tmp_path: Path) -> None:
    """A setting that can't be used names its variable."""
    said = refused(app, tmp_path / "data", env={"HINTERLAND_LOG_DAYS": "many"})
    assert "HINTERLAND_LOG_DAYS='many'" in said


# ---------------------------------------------------------------- a disk without room


def test_no_room_at_the_start(app: Path, tmp_path: Path) -> None:
    """A disk without room at the start is one clear message, and the next start with room is a good one."""
    command = [sys.executable, "-m", "hinterland", "serve", str(app), "--data", str(tmp_path / "data")]
    command += ["--port", str(free_port())]
    env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # it writes files
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=env,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert str(tmp_path / "data") in done.stderr
    with ServerProcess(app, tmp_path / "data") as server, calling(server.url) as client:
        assert client.post("/v1/records/marks", json={"mark": "a"}).status_code == 201


# ---------------------------------------------------------------- PostgreSQL that goes away


def test_postgresql_away_at_the_start(app: Path, tmp_path: Path, postgres_dsn: str) -> None:
    """A database that can't be reached, or isn't there, is one message that names the setting."""
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    missing = postgres_dsn.replace("/test_", "/no_test_")
    for dsn in (away, missing):
        said = refused(app, tmp_path, env={"HINTERLAND_DATABASE_URL": dsn})
        assert "cannot reach PostgreSQL" in said
        assert "HINTERLAND_DATABASE_URL" in said


def test_a_database_of_another_kind(app: Path, tmp_path: Path) -> None:
    """A database that is not supported is one message that names the setting, and which are."""
    for dsn in ("postgres//", "mysql://u:planted@x/y", "sqlite:///data.db"):
        said = refused(app, tmp_path, env={"HINTERLAND_DATABASE_URL": dsn})
        assert "HINTERLAND_DATABASE_URL" in said
        assert "give a PostgreSQL database as postgresql://" in said
        assert "cannot reach" not in said
        assert "planted" not in said


def test_postgresql_away_during_requests(
    server_process: Serve, app: Path, postgres_cluster: PostgresCluster, postgres_dsn: str
) -> None:
    """While the database is away writes and reads are answered 503 and are not kept; when it is back all goes on."""
    name = postgres_dsn.partition("@/")[2].partition("?")[0]
    server = server_process(app, env={"HINTERLAND_DATABASE_URL": postgres_dsn})
    with calling(server.url) as client:
        assert client.post("/v1/records/marks", json={"mark": "before"}).status_code == 201
        postgres_cluster.execute(
            f"alter database {name} with allow_connections false; "
            f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{name}'",
            database="postgres",
        )
        try:
            for _ in range(3):
                answers = [
                    client.post("/v1/records/marks", json={"mark": "during"}),
                    client.get("/v1/records/marks"),
                    client.get("/readyz"),
                ]
                assert [answer.status_code for answer in answers] == [503, 503, 503]
                assert {answer.json()["code"] for answer in answers} == {"unavailable"}
                assert answers[0].headers["retry-after"] == "1"
            assert client.get("/health").status_code == 200
        finally:
            postgres_cluster.execute(f"alter database {name} with allow_connections true", database="postgres")
        until(server.is_ready, "the server does not come back")
        assert client.post("/v1/records/marks", json={"mark": "after"}).status_code == 201
        assert marks(client) == {"before", "after"}
    assert server.terminate() == 0
