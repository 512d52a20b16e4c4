"""A built page served by a real server, over sockets: what every browser may have, and what nobody may."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.page.driver import PASSED, require_browser, run_scenario
from tests.journeys.page.host import ROOT, WEB
from tests.support.built_page import CODE, INDEX, NAVIGATION, SCRIPT, SECRET, built_page
from tests.support.command import hinterland, reported
from tests.support.marks import calling, marks, marks_app
from tests.support.npm import install
from tests.support.ports import free_port
from tests.support.server import ServerProcess

SHOP = ROOT / "examples" / "shop"
Serve = Callable[..., ServerProcess]
BIG = 32 * 1024 * 1024


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The folder of a built page."""
    return built_page(tmp_path / "built")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a page that no test changes."""
    folder = tmp_path_factory.mktemp("shared")
    arguments = ["--static", str(built_page(folder / "built"))]
    with ServerProcess(marks_app(folder), folder / "data", arguments=arguments) as server:
        yield server


def raw(server: ServerProcess, target: bytes, host: str = "localhost") -> bytes:
    """The whole response to a navigation to a target that is sent as it is."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as line:
        line.sendall(
            b"GET %b HTTP/1.1\r\nHost: %b\r\nAccept: text/html\r\nConnection: close\r\n\r\n" % (target, host.encode())
        )
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_the_page_and_its_api(shared: ServerProcess) -> None:
    """One address has the page and the API that it calls; the greeting has the page's address."""
    with calling(shared.url) as client:
        assert client.get("/", headers=NAVIGATION).text == INDEX
        assert client.get("/marks/of/a/route", headers=NAVIGATION).text == INDEX
        script = client.get(f"/{SCRIPT}")
        assert (script.text, script.headers["content-encoding"]) == (CODE, "gzip")
        made = client.post("/v1/records/marks", json={"mark": "from the page"}, headers={"Origin": shared.url})
        assert made.status_code == 201
        assert marks(client) == {"from the page"}
        assert client.get("/marks", headers=NAVIGATION).json()[0]["mark"] == "from the page"
        assert client.get("/").json()["openapi"] == "openapi.json"
    assert f"page         {shared.url}/ (files of " in shared.log


@pytest.mark.parametrize(
    "target",
    [
        b"/../outside/secret.txt", b"/%2e%2e/outside/secret.txt", b"/..%2foutside%2fsecret.txt",
        b"/%2e%2e%2foutside/secret.txt", b"/assets/../../outside/secret.txt",
        b"/assets/%2e%2e/%2E%2E/outside/secret.txt", b"/..\\outside\\secret.txt", b"/..%5coutside%5csecret.txt",
        b"/%252e%252e/outside/secret.txt", b"/%c0%ae%c0%ae/outside/secret.txt", b"/..;/outside/secret.txt",
        b"/..../outside/secret.txt", b"/../built-beside/secret.txt", b"/..%00/outside/secret.txt",
        b"//outside/secret.txt", b"/./../outside/secret.txt", b"/linked/secret.txt", b"/link.txt", b"/hidden.txt",
        b"/beside.txt",
        b"/loop.txt", b"/linked%2fsecret.txt", b"/.env", b"/%2eenv", b"/.env/", b"/.git/config", b"/.git/",
        b"/assets/.secret", b"/.well-known/../.env", b"/.well-known/%2e%2e/.env", b"/.env%00.html", b"/index.html%00",
        b"/con.html", b"/nul.js", b"/c:/secret.txt", b"/C:%5csecret.txt", b"/.env::$DATA", b"/.env.", b"/.env%20",
        b"/.ENV", b"//127.0.0.1/.env", b"/%2fetc%2fpasswd.txt", b"///etc/passwd.txt",
        b"http://localhost/../outside/secret.txt", b"http://localhost/.env", b"/.env?x=/index.html",
        b"/.env#/index.html", b"/data/data.db", b"/../data/data.db", b"/../app.py",
        b"/\xe2\x80\xa5/outside/secret.txt",
    ],
)  # fmt: skip
def test_tricks_of_paths(shared: ServerProcess, target: bytes) -> None:
    """Nothing outside the folder, nothing hidden and nothing special is served, however its path is written."""
    answer = raw(shared, target)
    assert answer[9:12] in (b"400", b"404"), answer[:300]
    for secret in (SECRET.encode(), b"root:", b"SQLite format", b"hinterland.contract"):
        assert secret not in answer
    assert b"application/problem+json" in answer


def test_a_foreign_host_and_page(shared: ServerProcess) -> None:
    """The page is subject to the rules for hosts; another origin's page can't read it."""
    assert raw(shared, b"/", "evil.example").startswith(b"HTTP/1.1 421")
    with calling(shared.url) as client:
        answer = client.get("/config.js", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in answer.headers
        problem = client.post("/", headers={"Origin": "https://evil.example"})
        assert problem.status_code == 403


def test_behind_a_proxy(built: Path, server_process: Serve, tmp_path: Path) -> None:
    """Behind a trusted proxy that forwards the public name, a folder's address stays one of that name and scheme."""
    env = {
        "HINTERLAND_ALLOWED_HOSTS": "shop.example",
        "HINTERLAND_TRUSTED_PROXIES": "127.0.0.1",
        "HINTERLAND_STATIC": str(built),
    }
    server = server_process(marks_app(tmp_path), env=env)
    headers = {"Host": "shop.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.9", **NAVIGATION}
    with calling(server.url) as client:
        assert client.get("/", headers=headers).text == INDEX
        assert client.get("/docs", headers=headers).headers["location"] == "./docs/"
        made = client.post(
            "/v1/records/marks", json={"mark": "a"}, headers={**headers, "Origin": "https://shop.example"}
        )
        assert made.status_code == 201


def test_rebuilds_under_load(built: Path, server_process: Serve, tmp_path: Path) -> None:
    """While the page is built again and again in place, each response is a whole version or none at all."""
    server = server_process(marks_app(tmp_path), arguments=["--static", str(built)])
    versions = [letter * 200_000 for letter in "abcdefgh"]
    (built / "app.js").write_text(versions[0])
    seen: list[str] = []

    def ask() -> None:
        with calling(server.url) as client:
            while not is_over.is_set():
                answer = client.get("/app.js")
                if answer.status_code == 200:
                    seen.append(answer.text)

    is_over = threading.Event()
    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    for text in versions:
        with (built / "app.js").open("w") as file:
            for at in range(0, len(text), 1_000):
                file.write(text[at : at + 1_000])
                file.flush()
    while versions[-1] not in seen and readers[0].is_alive():
        is_over.wait(0.05)
    is_over.set()
    for reader in readers:
        reader.join()
    assert set(seen) <= set(versions)
    assert versions[-1] in seen


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_large_file_that_changes(built: Path, server_process: Serve, tmp_path: Path, is_replaced: bool) -> None:
    """A large file that is replaced while it is sent arrives whole in its old version; one that is changed in place
    breaks off, and never has parts of two versions."""
    server = server_process(marks_app(tmp_path), arguments=["--static", str(built)])
    file = built / "film.mp4"
    file.write_bytes(b"a" * BIG)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/film.mp4")
    answer = connection.getresponse()
    read = answer.read(1_000)
    (built / "new").write_bytes(b"b" * BIG)
    if is_replaced:
        (built / "new").replace(file)
        assert read + answer.read() == b"a" * BIG
    else:
        with file.open("r+b") as target:
            target.write(b"b" * BIG)
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
        assert set(broken.value.partial) == {ord("a")}
    connection.close()


def refused(app: Path, data: Path, *arguments: object) -> str:
    """What the command says that can't start. The port is free, whatever else is served on this machine."""
    return reported(hinterland("serve", app, "--data", data, "--port", free_port(), *arguments))


def test_a_start_without_a_page(built: Path, tmp_path: Path) -> None:
    """A folder that can't be served is one message with what to do, and nothing is made for it."""
    app, data = marks_app(tmp_path), tmp_path / "data"
    assert "does not exist; build the web page first" in refused(app, data, "--static", tmp_path / "none")
    assert "has no readable index.html" in refused(app, data, "--static", tmp_path / "outside")
    assert "is not a folder" in refused(app, data, "--static", built / "index.html")
    assert "--static is empty" in refused(app, data, "--static", "")
    assert not data.exists()
    assert "everybody could read it" in refused(app, built / "data", "--static", built)
    (tmp_path / "index.html").write_text(INDEX)
    assert f"contains '{app}'" in refused(app, tmp_path.parent / "elsewhere", "--static", tmp_path)


@pytest.mark.slow
def test_a_browser_on_one_origin(server_process: Serve, tmp_path: Path) -> None:
    """The shop's page, served by the shop's own server, does all that it does from another origin."""
    require_browser()
    install(WEB)
    built = shutil.copytree(SHOP / "page", tmp_path / "page")
    (built / "config.js").write_text("window.SHOP_CONFIG = { apiUrl: location.origin };")
    server = server_process(SHOP / "app.py", arguments=["--static", str(built)])
    filled = hinterland("import", "products", SHOP / "products.json", "--data", server.data, "--app", SHOP / "app.py")
    assert filled.code == 0, filled
    outcomes = run_scenario("happyWay", page=server.url, api=server.url, screenshots=tmp_path)
    assert len(outcomes) > 10
    assert set(outcomes.values()) == {PASSED}, outcomes
    assert "cors_origins" not in server.log
