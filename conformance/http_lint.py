"""httplint over every operation of a running server: an answer passes that has no note of the levels BAD and WARN.

Each row of the table of operations is asked once with what it takes, and again in the ways that change an answer's
headers: HEAD, a known tag, another page's preflight, and requests that are refused; and the files of a built page.
"""

from __future__ import annotations

import http.client
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from httplint import HttpRequestLinter, HttpResponseLinter

from conformance.tally import Tally
from hinterland.contract.operations import OPERATIONS
from tests.support.built_page import SCRIPT, built_page
from tests.support.marks import marks_app
from tests.support.server import ServerProcess

_AGENT = {"User-Agent": "conformance", "Accept": "*/*"}
_JSON = {"Content-Type": "application/json"}
_PERSON = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
_EXCUSED = {
    "STATUS_BAD_REQUEST": "the request is wrong on purpose, which its status says",
    "STORE_PUBLIC_UNNECESSARY": "a file of a page is the same for callers that send Authorization",
    "REQUEST_HDR_IN_RESPONSE": "RFC 9110 §12.5.3 has Accept-Encoding in a 415 for a content coding",
}
"""Notes that are no fault of the answer, each with the reason."""
_PAGE = {"Origin": "http://localhost:3000"}


class Exchange(NamedTuple):
    """A request and its answer."""

    operation: str
    method: str
    path: str
    sent: dict[str, str]
    body: bytes
    status: int
    reason: str
    headers: list[tuple[str, str]]
    content: bytes


class Caller:
    """Asks one server, and keeps what was exchanged."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.exchanges: list[Exchange] = []

    def __call__(self, operation: str, path: str = "", body: object = None, method: str = "", **headers: str) -> Any:
        """The answer's body decoded, or None where it is no JSON. A stream is read no further than its head."""
        row = OPERATIONS.get(operation)
        method = method or (row.method if row else "GET")
        path = path or (row.path if row else "/")
        data = b"" if body is None else json.dumps(body).encode()
        sent = {**_AGENT, **({} if body is None else _JSON)}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, data or None, sent)
        answer = connection.getresponse()
        is_stream = answer.headers.get_content_type() == "text/event-stream"
        content = b"" if is_stream else answer.read()
        head = (answer.status, answer.reason, answer.getheaders())
        connection.close()
        self.exchanges.append(Exchange(operation, method, path, sent, data, *head, content))
        return json.loads(content) if content and "json" in answer.headers.get_content_type() else None


def run() -> list[Tally]:
    """Every exchange with a server that is started for it."""
    with tempfile.TemporaryDirectory(prefix="hinterland-conformance-") as folder:
        place = Path(folder)
        with ServerProcess(marks_app(place), place / "data") as server:
            caller = Caller(server.port)
            _ask_everything(caller)
        arguments = ["--static", str(built_page(place / "built"))]
        with ServerProcess(None, place / "others", arguments=arguments) as server:
            page = Caller(server.port)
            _ask_page(page)
    tally = Tally("httplint")
    for exchange in [*caller.exchanges, *page.exchanges]:
        _judge(tally, exchange)
    for missing in sorted(OPERATIONS.keys() - {exchange.operation for exchange in caller.exchanges}):
        tally.fails(f"{missing}: it was not asked")
    return [tally]


def _judge(tally: Tally, exchange: Exchange) -> None:
    notes = {type(note).__name__: note.level.name for note in _notes(exchange)}
    wrong = [f"{level} {name}" for name, level in notes.items() if name not in _EXCUSED]
    if wrong:
        tally.fails(f"{exchange.method} {exchange.path} ({exchange.status}): {', '.join(wrong)}")
    elif notes:
        tally.refuses("; ".join(_EXCUSED[name] for name in notes))
    else:
        tally.passes()


def _notes(exchange: Exchange) -> Iterator[Any]:
    """What is wrong with the answer."""
    request = HttpRequestLinter()
    uri = f"http://127.0.0.1{exchange.path}".encode()
    request.process_request_topline(exchange.method.encode(), uri, b"HTTP/1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in exchange.sent.items()])
    request.feed_content(exchange.body)
    request.finish_content(True)
    answer = HttpResponseLinter(no_content=exchange.method == "HEAD")
    answer.request = request
    answer.process_response_topline(b"HTTP/1.1", str(exchange.status).encode(), exchange.reason.encode())
    answer.process_headers([(name.encode(), value.encode()) for name, value in exchange.headers])
    answer.feed_content(exchange.content)
    answer.finish_content(True)
    return (note for note in answer.notes if note.level.name in ("BAD", "WARN"))


def _ask_everything(ask: Caller) -> None:
    _ask_accounts(ask)
    _ask_records(ask)
    _ask_refusals(ask)
    _ask_the_rest(ask)


def _ask_accounts(ask: Caller) -> None:
    session = ask("auth.signup", body=_PERSON)
    bearer = f"Bearer {session['token']}"
    for path in ("/auth/register", "/api/signup"):
        ask("auth.signup", path, _PERSON | {"email": f"{len(path)}@example.org"})
    ask("auth.login", body=_PERSON)
    ask("auth.me", Authorization=bearer)
    ask("auth.refresh", body={"refresh_token": session["refresh_token"]})
    ask("events.ticket", Authorization=bearer)
    ask("sync.push", body={"device": "phone", "mutations": []}, Authorization=bearer)
    ask("auth.logout", Authorization=bearer)


def _ask_records(ask: Caller) -> None:
    path = OPERATIONS["records.list"].path.format(collection="marks")
    for place in (path, "/marks"):
        id = ask("records.create", place, {"mark": "a"}, Idempotency_Key=place)["id"]
        ask("records.create", place, {"mark": "a"}, Idempotency_Key=place)
        ask("records.list", place)
        ask("records.list", f"{place}?limit=1")
        ask("records.view", f"{place}/{id}")
        ask("records.view", f"{place}/{id}", method="HEAD")
        ask("records.view", f"{place}/{id}", Sec_Fetch_Mode="cors")
        ask("records.view", f"{place}/{id}", If_None_Match="*")
        ask("records.replace", f"{place}/{id}", {"mark": "b"})
        ask("records.patch", f"{place}/{id}", {"mark": "c"}, **_PAGE)
        ask("records.delete", f"{place}/{id}")
    ask("events.stream", f"{OPERATIONS['events.stream'].path}?collection=marks")
    ask("sync.pull", body={"collections": ["marks"]})


def _ask_refusals(ask: Caller) -> None:
    ask("", "/nowhere")
    ask("", "/marks/nobody")
    ask("", "/marks?what=1")
    ask("", "/marks", method="DELETE")
    ask("", "/marks", {"mark": "a"}, method="POST", Origin="https://evil.example")
    ask("", "/marks", {"mark": "a"}, method="POST", Content_Encoding="gzip")
    ask("", "/marks", {"what": "a"}, method="POST")
    ask("", "/marks", method="OPTIONS")
    ask("", "/marks", method="OPTIONS", Access_Control_Request_Method="POST", **_PAGE)
    ask("", "/health", Host="evil.example")


def _ask_page(ask: Caller) -> None:
    for path in ("/", "/cart", f"/{SCRIPT}", "/config.js", "/about", "/docs/", "/docs", "/none.js", "/.env"):
        ask("", path, Accept="text/html")
        ask("", path, Accept="text/html", method="HEAD")
        ask("", path, Accept_Encoding="gzip, br")
        ask("", path, Accept="text/html", If_None_Match="*")
    ask("", f"/{SCRIPT}", Range="bytes=0-9")
    ask("", f"/{SCRIPT}", Range="bytes=99999-")
    ask("", f"/{SCRIPT}", If_Match='"other"')
    ask("", f"/{SCRIPT}", {}, method="POST")


def _ask_the_rest(ask: Caller) -> None:
    """Every operation that was not asked yet, without anything that it takes: its refusal is an answer too."""
    ask("home", Accept="text/html")
    asked = {exchange.operation for exchange in ask.exchanges}
    for name, operation in OPERATIONS.items():
        if name not in asked or name == "home":
            ask(name, re.sub(r"\{\w+\}", "marks", operation.path), None if operation.method == "GET" else {})
