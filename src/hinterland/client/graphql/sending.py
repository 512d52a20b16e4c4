"""Sending queries and mutations: documents by their SHA-256 where the server knows it (automatic persisted queries)."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from hinterland.client.calls import Calls
from hinterland.client.graphql.asking import AskedDocument
from hinterland.client.payloads import GRAPHQL_ACCEPT, OPERATION, GraphQLPayload, payload_in

LONG = 1_024  # characters from which a document is named by its digest, if nothing else is said
_UNKNOWN, _UNSUPPORTED = "PERSISTED_QUERY_NOT_FOUND", "PERSISTED_QUERY_NOT_SUPPORTED"


class DocumentSender:
    """Sends documents. `persisted`: by their digests, and by their texts where the server asks for these; None: those
    that are long."""

    def __init__(self, calls: Calls) -> None:
        self.persisted: bool | None = None
        self._calls = calls

    async def send(self, asked: AskedDocument, key: str, deadline: float | None) -> tuple[GraphQLPayload, str]:
        """The response, and the request's id. `key` is the idempotency key of a mutation, `deadline` in seconds."""
        until = None if deadline is None else self._calls.until(deadline)
        extensions: dict[str, Any] = {}
        if self._is_persisted(asked.document.text):
            extensions = {"persistedQuery": {"version": 1, "sha256Hash": digest_of(asked.document.text)}}
            named = {name: value for name, value in asked.body(extensions=extensions).items() if name != "query"}
            payload, request_id = await self._post(asked, named, key, until)
            wanted = _wanted(payload)
            if not wanted:
                return payload, request_id
            if wanted == _UNSUPPORTED:
                self.persisted, extensions = False, {}
        body = asked.body(extensions=extensions) if extensions else asked.body()
        return await self._post(asked, body, key, until)

    def _is_persisted(self, text: str) -> bool:
        return len(text) >= LONG if self.persisted is None else self.persisted

    async def _post(
        self, asked: AskedDocument, body: dict[str, Any], key: str, until: float | None
    ) -> tuple[GraphQLPayload, str]:
        is_mutation = asked.operation.kind == "mutation"
        keyed = {"idempotency-key": key} if key and is_mutation else {}
        request = self._calls.request(OPERATION, body=body, headers={"accept": GRAPHQL_ACCEPT, **keyed})
        request = request.replaced(is_repeatable=bool(keyed) or not is_mutation)
        response = await self._calls.send(request if until is None else request.replaced(deadline=until))
        return payload_in(response), response.headers.get("x-request-id", "")


@lru_cache(maxsize=512)
def digest_of(text: str) -> str:
    """The SHA-256 of a document's text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _wanted(payload: GraphQLPayload) -> str:
    """The code by which a server asks for the text of a document; "": it does not."""
    codes = {error.code for error in payload.typed_errors}
    return next((code for code in (_UNKNOWN, _UNSUPPORTED) if code in codes), "")
