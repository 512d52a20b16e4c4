"""A transport that follows a script: which requests are expected, in which order, and what is answered to each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, Final, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from hinterland.client.errors import HinterlandError
from hinterland.client.exchange import Request, Response
from hinterland.contract.errors import Refusal

_ANYTHING: Any = object()
SILENCE: Final = b""  # in a stream: nothing more comes, and the connection stays


class ScriptError(AssertionError):
    """The client did other than the script says; the message says what differed."""


class ScriptStep:
    """One expected request and what is done with it: `answer`, `refuse`, `fail` or `stream`."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str | None] | None = None,
        json: Any = _ANYTHING,
        times: int = 1,
    ) -> None:
        self.method = method
        self.path = path
        self.left = times
        self._query = None if query is None else sorted(query.items() if isinstance(query, Mapping) else query)
        self._headers = dict(headers or {})
        self._json = json
        self._status = 200
        self._answer_headers: dict[str, str] = {}
        self._content = b""
        self._pieces: list[bytes | HinterlandError] | None = None
        self._error: HinterlandError | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def answer(
        self, status: int = 200, *, json: Any = None, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Self:
        """Answer with this status and body (`json` is encoded). Header names in lower case."""
        self._status = status
        self._content = msgspec.json.encode(json) if json is not None else content
        self._answer_headers = dict(headers or {})
        return self

    def refuse(self, code: str, message: str = "") -> Self:
        """Answer as the server does where it refuses: with a problem of the contract's table."""
        problem = Refusal(code, message).problem()
        return self.answer(problem.status, json=problem, headers={"content-type": "application/problem+json"})

    def fail(self, error: HinterlandError) -> Self:
        """Raise this instead of answering, as the network would."""
        self._error = error
        return self

    def stream(self, pieces: Iterable[bytes | HinterlandError], *, headers: Mapping[str, str] | None = None) -> Self:
        """Answer with a stream of these pieces; an error among them is raised in its place, at SILENCE
        nothing more comes."""
        self._pieces = list(pieces)
        self._answer_headers = {"content-type": "text/event-stream", **(headers or {})}
        return self

    def differences(self, request: Request) -> list[str]:
        """How a request differs from what is expected; empty: not at all."""
        parts = urlsplit(request.url)
        found = [_differs("method", self.method, request.method), _differs("path", self.path, parts.path)]
        if self._query is not None:
            found.append(_differs("query", self._query, sorted(parse_qsl(parts.query, keep_blank_values=True))))
        found += [_differs(f"header {name}", value, request.headers.get(name)) for name, value in self._headers.items()]
        if self._json is not _ANYTHING:
            sent = msgspec.json.decode(request.content) if request.content else None
            found.append(_differs("body", self._json, sent))
        return [text for text in found if text]

    def play(self) -> Response:
        """The answer, or the failure."""
        self.left -= 1
        if self._error is not None:
            raise copy(self._error)
        response = Response(status=self._status, headers=dict(self._answer_headers), content=self._content)
        if self._pieces is not None:
            response.stream = _played(self._pieces)
        return response


class Scripted:
    """Answers requests in the order of its steps, and keeps them in `requests`.

    `expect` adds a step: what is not named is not compared; a header expected as None must be missing. `finish` fails
    where steps are left.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._steps: list[ScriptStep] = []

    def expect(self, method: str, path: str, **named: Any) -> ScriptStep:
        """The next step: `method`, `path` and, where given, `query`, `headers`, `json`; `times` it is repeated."""
        step = ScriptStep(method, path, **named)
        self._steps.append(step)
        return step

    async def __call__(self, request: Request) -> Response:
        """Play the next step. Raises ScriptError where the request is not the expected one."""
        self.requests.append(request)
        step = next((step for step in self._steps if step.left), None)
        if step is None:
            raise ScriptError(f"unexpected {request.method} {request.url}: the script is over")
        if differences := step.differences(request):
            raise ScriptError(f"request {len(self.requests)} is not {step}:\n  " + "\n  ".join(differences))
        return step.play()

    async def close(self) -> None:
        """Nothing is held."""

    def finish(self) -> None:
        """Raises ScriptError where an expected request did not come."""
        missing = [f"{step} ({step.left}×)" for step in self._steps if step.left]
        if missing:
            raise ScriptError("these requests did not come: " + ", ".join(missing))


def _differs(what: str, expected: Any, found: Any) -> str:
    return "" if expected == found else f"{what}: expected {expected!r}, found {found!r}"


async def _played(pieces: Iterable[bytes | HinterlandError]) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, HinterlandError):
            raise piece
        if piece == SILENCE:
            await asyncio.get_running_loop().create_future()
        yield piece
