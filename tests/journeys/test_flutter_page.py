"""What docs/flutter.md shows: its Dart is parsed, its names are looked up in the contract, and its requests are sent to
a real server, as the code there sends them."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import typing
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import httpx2
import msgspec
import pytest

import hinterland.contract
from hinterland.contract.errors import CODES
from hinterland.contract.identity import is_made_id
from hinterland.contract.operations import OPERATIONS, Operation
from hinterland.contract.query import WORDS
from hinterland.kit.clock import SystemClock
from hinterland.kit.event_stream import EventStreamParser
from hinterland.server.security import totp
from tests.support.dart import DartRequest, compared, dart_blocks, members, mistakes, parse, requests
from tests.support.pages import ROOT, blocks
from tests.support.server import ServerProcess

PAGE = "docs/flutter.md"
TEXT = (ROOT / PAGE).read_text()
LONGEST = 30.0  # seconds
FIELDS = {"id", "revision", "title", "author", "name", "email", "password"}  # of the README's notes and users
HEADERS = {"authorization", "content-type", "idempotency-key", "if-match", "last-event-id"}
LISTS = {"items", "next"}
OWN_CODES = {"network", "invalid_response"}
OWN_STATES = {"pending"}
STREAM_WORDS = {"id", "event", "data", "end"}  # of the lines of a stream, and its last event
EVENTS = {"ready", "commit", "resync"}


def structs() -> list[type[msgspec.Struct]]:
    """All messages of the contract."""
    names = [each.name for each in pkgutil.iter_modules(hinterland.contract.__path__, "hinterland.contract.")]
    found = [value for name in names for value in vars(importlib.import_module(name)).values()]
    return [each for each in found if isinstance(each, type) and issubclass(each, msgspec.Struct)]


def fields() -> set[str]:
    """The members of all messages."""
    return {name for each in structs() for name in each.__struct_fields__}


def choices(hint: Any) -> set[str]:
    """The words that a type allows."""
    if typing.get_origin(hint) is Literal:
        return set(typing.get_args(hint))
    return {word for each in typing.get_args(hint) for word in choices(each)}


def words() -> set[str]:
    """All words that messages of the contract may have as values."""
    return {word for each in structs() for hint in typing.get_type_hints(each).values() for word in choices(hint)}


def operation_of(request: DartRequest) -> Operation | None:
    """The operation of the table that a request calls."""
    path = request.path.replace("/v1/records/notes", "/v1/records/{collection}").replace("{}", "{id}")
    return next((each for each in OPERATIONS.values() if (each.method, each.path) == (request.method, path)), None)


@pytest.mark.parametrize("number", range(len(dart_blocks(PAGE))))
def test_the_syntax(number: int) -> None:
    """A block with an error of syntax fails."""
    assert mistakes(dart_blocks(PAGE)[number]) == []


def test_mistakes_are_found() -> None:
    """The parser finds what is wrong, and what is missing."""
    assert mistakes("class A {\n  void f() { print('a') }\n}") == ["line 2: ; is missing"]
    assert mistakes("class A { void f( { int x = ; } }") != []
    assert mistakes("void f() { print('a');") != []


def test_every_block_is_closed_and_read() -> None:
    """Each fence has an end, each block of Dart is one that is parsed, and the page says how it is tested."""
    fences = re.findall(r"^ *```(\w*)", TEXT, re.MULTILINE)
    assert [bool(opening) for opening in fences] == [True, False] * (len(fences) // 2)
    assert fences.count("dart") == len(dart_blocks(PAGE)) == TEXT.count("```dart") > 5
    assert "The Dart code is checked for syntax, not run" in TEXT


def test_every_request_is_of_an_operation() -> None:
    """Each path and method is in the table, and each body has members of its message, and those that it needs."""
    sent = [each for code in dart_blocks(PAGE) for each in requests(parse(code))]
    assert len(sent) > 10
    for request in sent:
        operation = operation_of(request)
        assert operation is not None, request
        if isinstance(operation.input, type) and issubclass(operation.input, msgspec.Struct) and request.body:
            infos = msgspec.structs.fields(operation.input)
            assert {each.encode_name for each in infos if each.required} <= request.body, request
            assert request.body <= {each.encode_name for each in infos}, request
        else:
            assert request.body <= FIELDS


def test_every_name_is_of_the_contract() -> None:
    """Each member is one of a message, of a record, of a list's query or of the page's own tables; each word that the
    code compares with is a code, a value of the contract, or the page's own."""
    tables = re.findall(r"CREATE TABLE \w+ \((.*?)\)'''", TEXT, re.DOTALL)
    columns = {name for table in tables for name in re.findall(r"(?:^|,)\s*(\w+) ", table)}
    known = fields() | FIELDS | HEADERS | LISTS | columns | set(WORDS)
    for code in dart_blocks(PAGE):
        root = parse(code)
        assert members(root) - known == set()
        own = OWN_CODES | OWN_STATES | STREAM_WORDS | EVENTS
        assert compared(root) - own - set(CODES) - words() == {*(["another_server"] if "invalid_grant" in code else [])}
    assert "nonsense" not in known | words()
    assert {"applied", "refused", "withdrawn", "left", "patch"} <= words()


def test_ids_are_known_as_made_on_a_device() -> None:
    """The letters of the page's ids are those by which the server knows temporary ids in the bodies of writes."""
    [letters] = re.findall(r"const letters = '(\w+)';", TEXT)
    assert (len(letters), len(set(letters))) == (32, 32)
    assert is_made_id(letters[:26])
    assert is_made_id(letters[-26:])


class Phone:
    """Sends what the page's code sends, and notes which of its requests it has sent."""

    def __init__(self, http: httpx2.Client) -> None:
        self.http = http
        self.sent: set[tuple[str, str]] = set()
        self.session: dict[str, Any] = {}

    def send(self, method: str, path: str, body: object = None, **headers: str) -> httpx2.Response:
        """A request as `Api.call` makes it."""
        self.sent.add((method, re.sub(r"(?<=/notes/)[^/]+", "{}", path.partition("?")[0])))
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.session:
            head["authorization"] = f"Bearer {self.session['access_token']}"
        if body is not None:
            head["content-type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        return self.http.request(method, path, content=content, headers=head)

    def given(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON of a response that is no error."""
        response = self.send(method, path, body, **headers)
        assert response.status_code < 300, response.text
        return {} if response.status_code == 204 else response.json()

    def refused(self, code: str, method: str, path: str, body: object = None, **headers: str) -> dict[str, Any]:
        """The server's error, in the form by which the page's code knows it."""
        response = self.send(method, path, body, **headers)
        assert response.headers["content-type"].startswith("application/problem+json")
        problem: dict[str, Any] = response.json()
        assert (problem["code"], problem["status"]) == (code, response.status_code)
        assert isinstance(problem["message"], str)
        return problem

    def events(self, cursor: str, count: int) -> Generator[tuple[str, Any, str]]:
        """The first events of a stream: kind, data and cursor."""
        self.sent.add(("GET", "/v1/events"))
        head = {"authorization": f"Bearer {self.session['access_token']}", "last-event-id": cursor}
        head = {name: value for name, value in head.items() if value}
        parser = EventStreamParser()
        with self.http.stream("GET", "/v1/events", params={"collection": ["notes"]}, headers=head) as response:
            assert response.status_code == 200
            for piece in response.iter_bytes():
                for message in parser.feed(piece):
                    yield message.event, json.loads(message.data), message.id
                    count -= 1
                    if not count:
                        return


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The README's notes, for an emulator too."""
    folder = tmp_path_factory.mktemp("flutter")
    app = folder / "app.py"
    app.write_text(blocks("README.md", "python")[0].text)
    with ServerProcess(app, folder / "data", env={"HINTERLAND_ALLOWED_HOSTS": "10.0.2.2"}) as server:
        yield server


def test_the_page_in_one_journey(notes: ServerProcess) -> None:
    """An app signs up, renews its session, reads, writes, follows and synchronises with the page's requests, each of
    which is sent at least once."""
    with httpx2.Client(base_url=notes.url, timeout=LONGEST) as http:
        phone = Phone(http)
        accounts(phone)
        checks(phone)
        records(phone)
        live(phone)
        offline(phone)
        phone.given("POST", "/v1/auth/logout")
        phone.refused("unauthorized", "GET", "/v1/records/notes")
        shown = {each[:2] for code in dart_blocks(PAGE) for each in requests(parse(code))}
        assert shown <= phone.sent


def accounts(phone: Phone) -> None:
    """Sign up, log in, renew; what is refused."""
    ada = {"name": "Ada", "email": "ada@example.org", "password": "7 lean oysters"}
    first, again = (phone.given("POST", "/v1/auth/signup", ada, idempotency_key="k" * 26) for _ in range(2))
    assert first["user"]["id"] == again["user"]["id"]
    assert "email" in phone.refused("conflict", "POST", "/v1/auth/signup", ada)["errors"]
    short = {**ada, "email": "b@example.org", "password": "7 lean"}
    assert "password" in phone.refused("validation", "POST", "/v1/auth/signup", short)["errors"]
    assert "email" in phone.refused("validation", "POST", "/v1/auth/signup", {**short, "email": "b"})["errors"]
    form = {"email": ada["email"], "password": "wrong"}
    assert "errors" not in phone.refused("invalid_credentials", "POST", "/v1/auth/login", form)
    phone.session = {"access_token": "expired"}  # which a log-in ignores
    phone.session = phone.given("POST", "/v1/auth/login", {**form, "password": ada["password"]})
    old = {"refresh_token": phone.session["refresh_token"]}
    kept, phone.session = phone.session, {"access_token": "expired"}
    phone.refused("unauthorized", "GET", "/v1/records/notes?limit=1")
    lost, phone.session = (phone.given("POST", "/v1/auth/refresh", old) for _ in range(2))
    assert lost["refresh_token"] == phone.session["refresh_token"] != kept["refresh_token"]
    assert phone.session["user"]["id"] == kept["user"]["id"]
    second_factor(phone, {"email": ada["email"], "password": ada["password"]})
    phone.session = phone.given("POST", "/v1/auth/refresh", {"refresh_token": phone.session["refresh_token"]})
    other = Phone(phone.http)  # the response to a refresh with an old token is never a 401
    assert other.refused("invalid_grant", "POST", "/v1/auth/refresh", {"refresh_token": "x"})["status"] == 400


def second_factor(phone: Phone, form: dict[str, str]) -> None:
    """With a second factor the log-in is a challenge, which the page's code answers."""
    secret = phone.given("POST", "/v1/auth/totp", {"password": form["password"]})["secret"]
    code = totp.code_at(secret, SystemClock().now())
    recovery = phone.given("POST", "/v1/auth/totp/confirm", {"code": code})["recovery_codes"]
    details = phone.refused("challenge_required", "POST", "/v1/auth/login", form)["details"]
    answer = {"challenge": details["challenge"], "code": recovery[0]}
    assert phone.given("POST", "/v1/auth/challenge", answer)["access_token"]


def checks(phone: Phone) -> None:
    """The description has what the page's checks read."""
    schema = phone.given("GET", "/v1/schema")
    [title] = [each["fields"]["title"] for each in schema["collections"] if each["name"] == "notes"]
    assert (schema["password_min_length"], title["required"], title["max_length"]) == (8, True, 10_000)
    assert title["min_length"] == 0


def records(phone: Phone) -> None:
    """A lost response creates no second note; pages end with an empty cursor; an outdated change is refused."""
    path = "/v1/records/notes"
    note, same = (phone.given("POST", path, {"title": "First"}, idempotency_key="a" * 26) for _ in range(2))
    assert note == same
    phone.refused("key_reused", "POST", path, {"title": "Other"}, idempotency_key="a" * 26)
    assert "title" in phone.refused("validation", "POST", path, {"title": ""}, idempotency_key="c" * 26)["errors"]
    phone.given("POST", path, {"title": "Second"}, idempotency_key="b" * 26)
    page = phone.given("GET", f"{path}?sort=-created_at&limit=1")
    rest = phone.given("GET", f"{path}?sort=-created_at&limit=1&cursor={page['next']}")
    assert [each["title"] for each in page["items"] + rest["items"]] == ["Second", "First"]
    assert rest["next"] == ""
    for key, code in (("d" * 26, ""), ("e" * 26, "stale")):
        change: dict[str, Any] = {"body": {"title": "Changed"}, "idempotency_key": key}
        headers = {"if_match": f'"{note["revision"]}"'}
        if code:
            phone.refused(code, "PATCH", f"{path}/{note['id']}", **change, **headers)
        else:
            assert phone.given("PATCH", f"{path}/{note['id']}", **change, **headers)["title"] == "Changed"
    assert phone.given("DELETE", f"{path}/{note['id']}", idempotency_key="f" * 26) == {}


def live(phone: Phone) -> None:
    """A stream continues after the event that arrived last, with what was missed."""
    stream = phone.events("", 2)
    assert next(stream)[0] == "ready"
    seen = phone.given("POST", "/v1/records/notes", {"title": "Seen"}, idempotency_key="g" * 26)
    kind, data, cursor = next(stream)
    assert (kind, [(each["kind"], each["record"]) for each in data["changes"]]) == ("commit", [("create", seen)])
    stream.close()
    missed = phone.given("POST", "/v1/records/notes", {"title": "Missed"}, idempotency_key="h" * 26)
    phone.given("DELETE", f"/v1/records/notes/{seen['id']}", idempotency_key="i" * 26)
    changes: list[dict[str, Any]] = []
    for kind, data, _ in phone.events(cursor, 3):
        changes += data["changes"] if kind == "commit" else []
    assert [(each["kind"], each["id"]) for each in changes] == [("create", missed["id"]), ("delete", seen["id"])]
    assert "record" not in changes[1]


def mutation(seq: int, id: str, *writes: Mapping[str, object]) -> dict[str, object]:
    """A mutation as `NotesStore` makes it, of one write or, to withdraw it, none."""
    return {"seq": seq, "id": id, "timestamp": 1.7e9, "base": [0 for _ in writes], "writes": list(writes)}


def offline(phone: Phone) -> None:
    """Writes are decided once, in order, whatever is lost; a pull says what it contains, and begins as a whole."""
    create = {"act": "create", "collection": "notes", "id": "n1", "body": {"title": "Afar"}}
    pushed = [
        mutation(1, "m1", create),
        mutation(2, "m2", {**create, "id": "n2", "body": {"title": ""}}),
        mutation(3, "m3"),
        mutation(4, "m4", {"act": "patch", "collection": "notes", "id": "n1", "body": {"title": "Near"}}),
        mutation(5, "m5", {"act": "delete", "collection": "notes", "id": "n1", "body": {}}),
    ]
    push = {"device": "d" * 26, "acknowledged": 0, "mutations": pushed}
    first, again = (phone.given("POST", "/v1/sync/push", push) for _ in range(2))
    assert first == again
    assert [each["status"] for each in first["results"]] == ["applied", "refused", "withdrawn", "applied", "applied"]
    assert [each["seq"] for each in first["results"]] == [1, 2, 3, 4, 5]
    problem = first["results"][1]["problem"]
    assert (problem["code"], problem["status"], list(problem["errors"])) == ("validation", 400, ["title"])
    pull = {"collections": ["notes"], "cursor": "", "device": "d" * 26}
    pulled = phone.given("POST", "/v1/sync/pull", pull)
    assert {each["record"]["title"] for each in pulled["changes"]} == {"Second", "Missed"}
    assert (pulled["complete"], pulled["settled"], pulled.get("more", False)) == (["notes"], 5, False)
    more = {"device": "d" * 26, "acknowledged": 5, "mutations": [mutation(6, "m6", {**create, "id": "n3"})]}
    phone.given("POST", "/v1/sync/push", more)
    pulled = phone.given("POST", "/v1/sync/pull", {**pull, "cursor": pulled["cursor"]})
    assert [(each["id"], each["revision"]) for each in pulled["changes"]] == [("n3", pulled["changes"][0]["revision"])]
    assert pulled["settled"] == 6
    assert not pulled.keys() & {"restart", "complete", "more"}
    apart(phone, create)


def apart(phone: Phone, create: Mapping[str, object]) -> None:
    """A device whose history the server does not know continues as another one; nothing is applied twice."""
    sixth = mutation(6, "m6", {**create, "id": "n3"})
    phone.refused("gap", "POST", "/v1/sync/push", {"device": "d" * 26, "mutations": [mutation(9, "m9", create)]})
    other = {"device": "d" * 26, "mutations": [mutation(6, "m7", {**create, "id": "n4"})]}
    phone.refused("fork", "POST", "/v1/sync/push", other)
    renumbered = {"device": "e" * 26, "acknowledged": 0, "mutations": [{**sixth, "seq": 1}]}
    [result] = phone.given("POST", "/v1/sync/push", renumbered)["results"]
    assert result["status"] == "applied"
    pull = {"collections": ["notes"], "cursor": "none", "device": "e" * 26}
    phone.refused("invalid_cursor", "POST", "/v1/sync/pull", pull)
    unreadable = {"device": "e" * 26, "mutations": [mutation(2, "m8", {**create, "body": 5})]}
    phone.refused("invalid_body", "POST", "/v1/sync/push", unreadable)
    withdrawal = {"device": "e" * 26, "mutations": [mutation(2, "m8")]}
    assert phone.given("POST", "/v1/sync/push", withdrawal)["results"][0]["status"] == "withdrawn"


def test_an_emulator_needs_the_setting(notes: ServerProcess, tmp_path: Path) -> None:
    """A server on loopback responds to the emulator's name for it if the setting lists that name, and to others with
    the code that the page names."""
    with httpx2.Client(base_url=notes.url, timeout=LONGEST) as http:
        assert http.get("/health", headers={"host": f"10.0.2.2:{notes.port}"}).status_code == 200
        other = http.get("/health", headers={"host": f"192.168.1.20:{notes.port}"})
    assert (other.status_code, other.json()["code"]) == (421, "misdirected")
    phones = ServerProcess(notes.app, tmp_path / "data", arguments=["--host", "0.0.0.0"])
    with phones, httpx2.Client(base_url=phones.url, timeout=LONGEST) as http:
        assert http.get("/health", headers={"host": f"192.168.1.20:{phones.port}"}).status_code == 200
