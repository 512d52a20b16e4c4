"""Who must sign in before the body is read."""

from __future__ import annotations

from typing import Any

import pytest

from hinterland.contract.expressions import auth_type
from hinterland.contract.fields import Boolean, Integer, List, Text
from hinterland.contract.records import Collection
from hinterland.server.data.admission import is_closed
from hinterland.server.data.rules import RuleBook
from tests.server.api import Api, problem

NOTES = Collection(
    name="notes", fields={"owner": Text(), "members": List(of=Text()), "open": Boolean(), "count": Integer()}
)
CLOSED = [
    "auth != null", "auth.id == record.owner", "auth.id in record.members", "record.open && auth.id == record.owner",
    "'staff' in auth.roles", "auth.id == record.owner || 'staff' in auth.roles", "!(auth.id == record.owner)",
    "has(auth.id)", "!has(auth.id)", "auth.roles[0] == 'a'", "auth.id.size() > 1", "auth.id == null",
    "auth.id == 'x' ? true : true",
    "record.members.exists(m, m == 'x') && auth != null", "auth.roles.exists(r, r == 'x') && auth.id == 'x'",
]  # fmt: skip
OPEN = [
    "true", "auth == null", "record.open || auth.id == record.owner", "record.count > 0",
    "auth == null || auth.id == 'x'", "auth != null ? auth.id == record.owner : record.open", "record.open",
    "record.members.all(m, m == auth.id)",
    "auth == null || !has(record.owner)",
]  # fmt: skip
RECORDS: list[dict[str, Any]] = [
    {},
    {"owner": "", "members": [], "open": True, "count": 1},
    {"owner": "x", "members": ["x"], "open": False, "count": 0},
]
BOOK = RuleBook(NOTES, auth_type(is_integer=False), auth_type(is_integer=False), "sqlite")


@pytest.mark.parametrize("text", CLOSED + OPEN)
def test_which_rules_are_closed(text: str) -> None:
    """A rule is closed to the signed-out only where it lets none of them through, whatever the record holds."""
    rule = BOOK.rule(text)
    assert rule is not None
    assert is_closed(rule) == (text in CLOSED)
    passes = [rule.allows(record, None) for record in RECORDS]
    assert any(passes) == (text in OPEN)


@pytest.mark.parametrize("path", ["/v1/records/notes", "/v1/records/closed"])
async def test_signed_out_callers_are_refused_before_their_body_is_read(api: Api, path: str) -> None:
    """Where nobody may be who is not signed in, a body is not even looked at; others learn what is wrong with it."""
    odd = {"content": b"{" * 1_000, "headers": {"Content-Type": "application/json"}}
    for method, place in (("POST", path), ("PUT", f"{path}/a"), ("PATCH", f"{path}/a")):
        answer = await api(method, place, **odd)
        problem(answer, 401, "unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
    ada = await api.sign_up("ada")
    problem(await api("POST", path, content=b"{", headers=ada["headers"]), 400, "invalid_body")
    problem(await api("POST", "/v1/records/things", **odd), 400, "invalid_body")
