"""What schemathesis knows of this server: who calls, and what JSON Schema can't say of a body.

`API`, `MEMBER`, `ADMIN` and `PASSWORD` come from `test_openapi`: the server's address, two access tokens, a password.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import urllib.error
import urllib.request
from typing import Any

import schemathesis
from hypothesis import strategies as st

from hinterland.contract.identity import is_record_id

_FILTERS = (
    "true",
    "record.id != null",
    "auth != null && record.revision > 1",
    "record.created_at < timestamp('2026-01-01T00:00:00Z')",
)

_BY_FILTER = re.compile(r"/admin/records/[^/]+/(update|delete)$").search


class Caller:
    """A member, the administrator for what is hers, and somebody new for each session that is ended."""

    def get(self, case: Any, context: Any) -> str:
        """The access token."""
        path = context.operation.path
        if path.endswith("logout"):
            return _signed_up()
        if "/admin/" in path:
            return os.environ["ADMIN"]
        if not _is_in_force(os.environ["MEMBER"]):  # where everybody writes users, a case may delete the member
            os.environ["MEMBER"] = _signed_up()
        return os.environ["MEMBER"]

    def set(self, case: Any, token: str, context: Any) -> None:
        """RFC 6750 §2.1."""
        case.headers["Authorization"] = f"Bearer {token}"


def _signed_up() -> str:
    form = {"name": "Bob", "email": f"bob-{secrets.token_hex(8)}@example.org", "password": os.environ["PASSWORD"]}
    url, headers = f"{os.environ['API']}/v1/auth/signup", {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(form).encode(), headers)) as answer:
        token: str = json.load(answer)["token"]
        return token


def _is_in_force(token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{os.environ['API']}/v1/auth/me", headers=headers)):
            return True
    except urllib.error.HTTPError:
        return False


schemathesis.auth(refresh_interval=None)(Caller)
schemathesis.openapi.format("cel", st.sampled_from(_FILTERS))
schemathesis.openapi.format("record-id", st.text('aé😀 .:-_"', min_size=1, max_size=32))
schemathesis.openapi.format("fields", st.sampled_from(["", "*"]))  # with others, required members are left out
schemathesis.openapi.format("expand", st.just(""))  # any other depends on the collection
schemathesis.openapi.format("cursor", st.just(""))  # any other is the server's to give


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """Integers beyond 64 bits are left out: a step of an Int64 can't be one, which its schema does not say."""
    return _is_within(body)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A whole number is sent without a fraction: to JSON Schema 1.0 is an integer too."""
    return _whole(body)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """What JSON Schema can't demand: a body that names its record names the one in the path, an upsert by id has one
    and by another field none, what becomes of existing records is for upserts, a change by filter says which records
    are meant, and a question about a rule which record, and which field where its rule is meant."""
    if isinstance(case.body, dict) and is_record_id(case.body.get("id")) and "id" in (case.path_parameters or {}):
        case.body.pop("id")
    if (case.query or {}).get("upsert") == "id":
        for row in case.body if isinstance(case.body, list) else [case.body]:
            if isinstance(row, dict):
                row.setdefault("id", secrets.token_hex(8))
    elif (case.query or {}).get("upsert"):
        for row in case.body if isinstance(case.body, list) else [case.body]:
            if isinstance(row, dict):
                row.pop("id", None)
    if case.query and "upsert" not in case.query:
        case.query.pop("existing", None)
    if isinstance(case.body, dict) and case.operation.path.endswith("/rules/explain"):
        case.body["id"] = case.body.get("id") or "x"
        case.body["field"] = "name" if case.body.get("action") == "read" else ""
    is_by_filter = isinstance(case.body, dict) and _BY_FILTER(case.operation.path)
    if is_by_filter and not case.body.get("filter") and not case.body.get("where"):
        case.body["filter"] = "false"


def _is_within(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(_is_within(item) for item in (value.values() if isinstance(value, dict) else value))
    return not isinstance(value, int | float) or -(2**63) <= value < 2**63


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
