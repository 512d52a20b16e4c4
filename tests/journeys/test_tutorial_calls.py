"""The tutorial contract: calls that people copy out of tutorials, against a real server process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.server import ServerProcess

EXAMPLES = Path(__file__).parents[2] / "examples"
PERSON = {"name": "Ada", "email": "ada@example.org", "password": "engine"}


@pytest.fixture(scope="module", params=["tutorial", "shop"])
def example(request: pytest.FixtureRequest) -> str:
    """The app that is served."""
    return str(request.param)


@pytest.fixture(scope="module")
def server(example: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The example's backend, as a process."""
    environment = {"HINTERLAND_AUTH_REFUSE_COMMON_PASSWORDS": "false", "HINTERLAND_CORS_ORIGINS": "http://page.example"}
    process = ServerProcess(EXAMPLES / example / "app.py", tmp_path_factory.mktemp(example) / "data", env=environment)
    with process:
        yield process


@pytest.fixture(scope="module")
def http(server: ServerProcess) -> Iterator[httpx2.Client]:
    """A plain HTTP client."""
    with httpx2.Client(base_url=server.url) as client:
        yield client


TALKS = """
from hinterland.contract import EVERYBODY, Collection, Instant
from hinterland.server import App

app = App(collections=[Collection(name="talks", fields={"starts": Instant()}, rules=EVERYBODY)])
"""
_count = iter(range(1, 1_000))


@pytest.fixture
def person() -> dict[str, str]:
    """Somebody who has not signed up yet."""
    number = next(_count)
    return {**PERSON, "name": f"Ada {number}", "email": f"ada{number}@example.org"}


@pytest.fixture
def session(http: httpx2.Client, person: dict[str, str]) -> dict[str, Any]:
    """What a sign-up answered."""
    answer = http.post("/auth/register", json=person)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


def bearer(session: dict[str, Any]) -> dict[str, str]:
    """The header that signs a request."""
    return {"Authorization": f"Bearer {session['token']}"}


@pytest.mark.parametrize("path", ["/api/signup", "/auth/register"])
def test_signing_up(http: httpx2.Client, path: str, person: dict[str, str]) -> None:
    """`POST /api/signup`, `POST /auth/register` → 201 with message, user and tokens, never a password or hash; log-in
    works at once."""
    answer = http.post(path, json=person)
    body = answer.json()
    assert answer.status_code == 201
    assert body["message"] == "User registered successfully"
    assert body["user"]["name"] == person["name"]
    assert body["user"]["email"] == person["email"]
    assert body["user"]["id"]
    assert {"token", "access_token", "refresh_token", "token_type", "expires_in"} <= body.keys()
    assert person["password"] not in answer.text
    assert "argon2" not in answer.text
    assert http.post("/auth/login", json=person).status_code == 200


@pytest.mark.parametrize("field", ["name", "email", "password"])
@pytest.mark.parametrize("value", [None, "", "missing"])
def test_a_missing_null_or_empty_field(
    http: httpx2.Client, person: dict[str, str], field: str, value: str | None
) -> None:
    """A missing, null or empty field → 400 with `message` exactly "All fields are required" and `errors` by field."""
    body: dict[str, Any] = {**person, field: value}
    if value == "missing":
        del body[field]
    answer = http.post("/api/signup", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"] == "All fields are required"
    assert field in answer.json()["errors"]


def test_a_taken_email(http: httpx2.Client, person: dict[str, str], session: dict[str, Any]) -> None:
    """A taken e-mail → 409 with `message` and `errors.email`, however it is written."""
    for email in (person["email"], person["email"].upper()):
        answer = http.post("/api/signup", json={**person, "email": email})
        assert answer.status_code == 409
        assert answer.json()["message"]
        assert answer.json()["errors"]["email"]


def test_a_short_password(http: httpx2.Client, person: dict[str, str]) -> None:
    """A password under the server's minimum (6) → 400 `errors.password`."""
    answer = http.post("/auth/register", json={**person, "password": "short"})
    assert answer.status_code == 400
    assert answer.json()["errors"]["password"]


@pytest.mark.parametrize("path", ["/api/login", "/auth/login"])
def test_logging_in(http: httpx2.Client, path: str, person: dict[str, str], session: dict[str, Any]) -> None:
    """`POST /api/login`, `POST /auth/login` → 200 `{token, access_token, refresh_token, token_type, expires_in, user}`
    (`token` repeats `access_token`); wrong → 401."""
    answer = http.post(path, json={"email": person["email"], "password": person["password"]})
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() >= {"token", "access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert body["token"] == body["access_token"]
    assert body["user"]["email"] == person["email"]
    wrong = http.post(path, json={"email": person["email"], "password": "wrong one"})
    assert wrong.status_code == 401
    assert wrong.json()["message"]


def test_refreshing(http: httpx2.Client, session: dict[str, Any]) -> None:
    """`POST /auth/refresh` → 200, the same fields as log-in, a new pair."""
    answer = http.post("/auth/refresh", json={"refresh_token": session["refresh_token"]})
    body = answer.json()
    assert answer.status_code == 200
    assert body.keys() >= {"token", "access_token", "refresh_token", "token_type", "expires_in", "user"}
    assert body["refresh_token"] != session["refresh_token"]
    assert http.get("/api/user", headers=bearer(body)).status_code == 200


@pytest.mark.parametrize("token", ["nonsense", ""])
def test_a_dead_refresh_token(http: httpx2.Client, token: str) -> None:
    """A dead or foreign refresh token → 400 `invalid_grant`, never 401."""
    answer = http.post("/auth/refresh", json={"refresh_token": token})
    assert answer.status_code == 400
    if token:
        assert answer.json()["code"] == "invalid_grant"


def test_an_ended_refresh_token(http: httpx2.Client, session: dict[str, Any]) -> None:
    """A refresh token of a session that was logged out → 400 `invalid_grant`."""
    assert http.post("/auth/logout", headers=bearer(session)).status_code in (200, 204)
    answer = http.post("/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_grant"


def test_an_expired_bearer_token_where_none_is_needed(
    http: httpx2.Client, person: dict[str, str], session: dict[str, Any]
) -> None:
    """Log-in, register and refresh with an expired bearer token in the headers: the header is ignored."""
    stale = {"Authorization": "Bearer stale.old.token"}
    login = http.post("/auth/login", json=person, headers=stale)
    other = {**person, "email": f"b{person['email']}"}
    assert login.status_code == 200
    assert http.post("/auth/register", json=other, headers=stale).status_code == 201
    renewed = http.post("/auth/refresh", json={"refresh_token": session["refresh_token"]}, headers=stale)
    assert renewed.status_code == 200


def test_logging_out(http: httpx2.Client, session: dict[str, Any]) -> None:
    """`POST /auth/logout` with a bearer token → 200 or 204; the session ends."""
    answer = http.post("/auth/logout", headers={**bearer(session), "Content-Type": "application/json"})
    assert answer.status_code in (200, 204)
    assert http.get("/api/user", headers=bearer(session)).status_code == 401


def test_who_am_i(http: httpx2.Client, person: dict[str, str], session: dict[str, Any]) -> None:
    """`GET /api/user` → 200, the profile; no token → 401; a bad token → 401 (never 403); a token without the word
    Bearer is read as one."""
    answer = http.get("/api/user", headers=bearer(session))
    assert answer.status_code == 200
    assert answer.json()["email"] == person["email"]
    assert http.get("/api/user").status_code == 401
    assert http.get("/api/user", headers={"Authorization": "Bearer bad"}).status_code == 401
    assert http.get("/api/user", headers={"Authorization": session["token"]}).status_code == 200


def test_bare_lists(http: httpx2.Client, example: str, session: dict[str, Any]) -> None:
    """`GET /users`, `GET /posts` → 200, a bare JSON array, with `X-Total-Count`; users have a name and an e-mail,
    posts `title` and `body`."""
    made = http.post("/posts", json={"title": "First", "body": "Text"}, headers=bearer(session))
    assert made.status_code == 201, made.text
    for path in ("/users", "/posts"):
        answer = http.get(path, headers=bearer(session))
        assert answer.status_code == 200
        assert isinstance(answer.json(), list)
        assert int(answer.headers["x-total-count"]) == len(answer.json()) > 0
    users = http.get("/users", headers=bearer(session)).json()
    assert all(user["name"] for user in users)
    assert all("@" in user["email"] for user in users)
    assert all({"title", "body"} <= post.keys() for post in http.get("/posts").json())
    assert (len(users) > 1) is (example == "tutorial")  # the shop shows everybody their own record alone


def test_a_capped_list_says_where_it_goes_on(http: httpx2.Client, session: dict[str, Any]) -> None:
    """A list that ends before its collection does has a `Link` to the next page (RFC 8288)."""
    for number in range(3):
        http.post("/posts", json={"title": f"Post {number}"}, headers=bearer(session))
    answer = http.get("/posts", params={"limit": 2})
    assert 'rel="next"' in answer.headers["link"]
    following = answer.url.join(answer.links["next"]["url"])
    assert http.get(following).json()["data"][0]["id"] not in [post["id"] for post in answer.json()["data"]]


def test_parameters_of_json_server(http: httpx2.Client, session: dict[str, Any]) -> None:
    """`_page, _limit, _start, _end, _sort, _order, q`, repeated `id`, `_gte, _lte, _ne, _like` mean what they mean
    there; a trailing slash is no error."""
    made = [http.post("/posts/", json={"title": f"Made {n}"}, headers=bearer(session)).json()["id"] for n in range(4)]
    mine = {"q": "MADE", "id": made}

    def titles(**parameters: Any) -> list[str]:
        answer = http.get("/posts/", params={**mine, **parameters}, headers=bearer(session))
        assert answer.status_code == 200, answer.text
        assert int(answer.headers["x-total-count"]) >= len(answer.json())
        return [post["title"][-1] for post in answer.json()]

    assert titles(_sort="title", _order="desc") == ["3", "2", "1", "0"]
    assert titles(_sort="title", _page=2, _limit=3) == ["3"]
    assert titles(_sort="title", _start=1, _end=3) == ["1", "2"]
    assert titles(_sort="title", title_gte="Made 1", title_lte="Made 2") == ["1", "2"]
    assert titles(_sort="title", id_ne=made[0], title_like="made") == ["1", "2", "3"]
    page = http.get("/posts", params={**mine, "_page": 1, "_per_page": 3}).json()
    assert (page["pages"], page["items"], page["next"], len(page["data"])) == (2, 4, 2, 3)


def test_sign_up_with_a_form(http: httpx2.Client, person: dict[str, str]) -> None:
    """Sign-up takes form-encoded and multipart bodies and ignores a `confirmPassword` that equals the password."""
    given = {**person, "confirmPassword": person["password"]}
    assert http.post("/auth/register", data=given).status_code == 201
    again = {**given, "email": f"c{person['email']}"}
    assert http.post("/api/signup", files={name: (None, value) for name, value in again.items()}).status_code == 201
    differing = http.post("/api/signup", data={**given, "confirmPassword": "other one"})
    assert (differing.status_code, [*differing.json()["errors"]]) == (400, ["confirmPassword"])


@pytest.mark.parametrize("parameters", [{"page": 1, "limit": 20}, {"page": 1}, {"limit": 20}])
def test_paged_lists(http: httpx2.Client, parameters: dict[str, int], session: dict[str, Any]) -> None:
    """`GET /users?page=1&limit=20` (either parameter present) → 200 `{data: [...], page, limit, total}`."""
    answer = http.get("/users", params=parameters, headers=bearer(session))
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"data", "page", "limit", "total"}
    assert body["page"] == 1
    assert body["limit"] == 20
    assert body["total"] >= 1


def test_one_user(http: httpx2.Client, session: dict[str, Any]) -> None:
    """`GET /users/{id}` → 200, the record; unknown → 404."""
    id = session["user"]["id"]
    answer = http.get(f"/users/{id}", headers=bearer(session))
    assert answer.status_code == 200
    assert answer.json()["id"] == id
    assert http.get("/users/999999", headers=bearer(session)).status_code == 404


def test_profiles_without_credentials(http: httpx2.Client, example: str, person: dict[str, str]) -> None:
    """`POST /users {name, username, email}` → 201, the whole record with its id, which never signs in; the same e-mail
    again → 409 with a message. The shop's rules do not allow it."""
    body = {"name": "Bob", "email": person["email"]}
    if example == "shop":
        assert http.post("/users", json=body).status_code == 401
        return
    answer = http.post("/users", json={**body, "username": "bob"})
    assert answer.status_code == 201
    assert isinstance(answer.json()["id"], int)
    assert answer.json()["username"] == "bob"
    again = http.post("/users", json=body)
    assert again.status_code == 409
    assert again.json()["message"]
    assert http.post("/auth/login", json={"email": person["email"], "password": ""}).status_code in (400, 401)
    assert http.post("/auth/login", json={"email": person["email"], "password": "engine"}).status_code == 401


def test_changing_and_deleting(http: httpx2.Client, example: str, person: dict[str, str]) -> None:
    """`PUT`, `PATCH` and `DELETE /users/{id}` → 200 with the whole record; 200; 200. The shop's rules refuse
    strangers."""
    session = http.post("/auth/register", json=person).json()
    path, signed = f"/users/{session['user']['id']}", bearer(session)
    put = http.put(path, json={"name": "Countess", "email": person["email"]}, headers=signed)
    assert put.status_code == 200
    assert put.json()["name"] == "Countess"
    assert put.json().keys() == session["user"].keys()
    patch = http.patch(path, json={"email": f"new{person['email']}"}, headers=signed)
    assert patch.status_code == 200
    assert patch.json()["email"] == f"new{person['email']}"
    assert patch.json()["name"] == "Countess"
    deleted = http.delete(path, headers={**signed, "Content-Type": "application/json"})
    assert deleted.status_code == (200 if example == "tutorial" else 403)
    if example == "tutorial":
        assert http.get(path).status_code == 404


def test_an_empty_body_with_a_json_type(http: httpx2.Client, session: dict[str, Any]) -> None:
    """Any of them with `Content-Type: application/json` and an empty body where none is needed → no error."""
    signed = {**bearer(session), "Content-Type": "application/json"}
    for path in ("/posts", "/users", "/api/user", f"/users/{session['user']['id']}"):
        assert http.request("GET", path, headers=signed, content=b"").status_code == 200
    assert http.post("/auth/logout", headers=signed, content=b"").status_code in (200, 204)


def test_a_page_on_another_origin(http: httpx2.Client) -> None:
    """Any of them from a page on another origin that the settings list: the browser lets it through, preflight
    included."""
    page = {"Origin": "http://page.example"}
    wanted = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization,content-type"}
    preflight = http.options("/users/1", headers={**page, **wanted})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "http://page.example"
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = http.get("/posts", headers=page)
    assert answer.headers["access-control-allow-origin"] == "http://page.example"


def test_answers_and_errors_name_their_charset(http: httpx2.Client, session: dict[str, Any]) -> None:
    """Answers and errors say `charset=utf-8`; `created_at`, `updated_at` are ISO 8601 UTC."""
    assert "charset=utf-8" in http.get("/posts").headers["content-type"]
    assert "charset=utf-8" in http.get("/posts/none").headers["content-type"]
    assert session["user"]["created_at"].endswith("Z")
    assert session["user"]["updated_at"].endswith("Z")


def test_integer_ids(http: httpx2.Client, example: str, session: dict[str, Any]) -> None:
    """The tutorial app has integer ids, the shop string ids."""
    kind = int if example == "tutorial" else str
    post = http.post("/posts", json={"title": "Ids"}, headers=bearer(session)).json()
    assert isinstance(session["user"]["id"], kind)
    assert isinstance(post["id"], kind)


def test_an_instant_without_a_zone(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """An instant without a zone is accepted as UTC on a tutorial path."""
    app = tmp_path / "app.py"
    app.write_text(TALKS)
    server = server_process(app)
    answer = httpx2.post(f"{server.url}/talks", json={"starts": "2026-01-02T03:04:05"})
    assert answer.status_code == 201
    assert answer.json()["starts"] == "2026-01-02T03:04:05.000000Z"
