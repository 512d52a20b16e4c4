"""Answers that something on the way to the server gives in its place."""

from __future__ import annotations

import pytest

from hinterland.client.exchange import Response
from hinterland.client.transports.scripted import ScriptStep

PAGE = b"<!doctype html><title>Sign in to the network</title>"
# A gateway's own JSON, which even uses a code of ours.
GATEWAY = b'{"code": "unauthorized", "error": "invalid_grant", "message": "no"}'
STATUSES = (401, 403, 404, 409, 410, 413, 500)
FOREIGN = [
    pytest.param(status, content, id=f"{status} {kind}")
    for status in STATUSES
    for kind, content in (("page", PAGE), ("json", GATEWAY))
]
NOT_REPEATED = [case for case in FOREIGN if case.values[0] != 500]  # by the retry layer


def answer(step: ScriptStep, status: int, content: bytes) -> ScriptStep:
    """The step answered by something on the way."""
    return step.answer(status, content=content, headers={"www-authenticate": "Basic"})


def response(status: int, content: bytes = PAGE) -> Response:
    """Such an answer."""
    return Response(status=status, content=content)
