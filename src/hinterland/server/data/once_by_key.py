"""Exactly once by an idempotency key: the answer of the first request is kept for its repetitions.

A request of several parts, each written by itself, keeps an answer for each part, and a row of its own that the first
part writes: a repetition goes on with the part at which the request broke off.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Self

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.temporary import StandIns
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.given_ids import GivenIds
from hinterland.server.data.requests import Answer, KeptOutcome, WriteResult
from hinterland.server.data.state import State
from hinterland.server.security.sessions import key_owner
from hinterland.server.storage.system import Insert, Row, RowAct


class OnceByKey:
    """An idempotency `key` of a `caller`, a digest of the request that it names, and the function that makes the
    `answer`: pure and short, since it runs in the writer. Without a key ("") the answer is made there too, so that its
    refusal ends the request, and not kept. `part_key`: the key of this part of the request; "" where it has one part.
    """

    def __init__(
        self, caller: str, key: str, fingerprint: str, answer: Callable[[WriteResult], Answer], part_key: str = ""
    ) -> None:
        self.caller = caller
        self.key = key
        self.fingerprint = fingerprint
        self.answer = answer
        self.part_key = part_key
        self._is_first_part = False

    @classmethod
    def of(
        cls,
        caller: Principal,
        key: str,
        fingerprint: str,
        answer: Callable[[WriteResult], Answer],
        part_key: str = "",
    ) -> Self:
        """That of a caller's request."""
        return cls(key_owner(caller.id, is_admin=caller.is_admin), key, fingerprint, answer, part_key)

    @property
    def keeps_refusals(self) -> bool:
        """A refused request may be tried again with its key."""
        return False

    @property
    def name(self) -> Hashable | None:
        """Requests with one key of one caller don't run at the same time."""
        return (self.caller, self.key) if self.key else None

    def reads(self) -> Sequence[tuple[str, Row]]:
        """The row of the key, and that of the part."""
        keys = [self.key, self.part_key] if self.part_key else [self.key] if self.key else []
        return [("_answers", {"caller": self.caller, "key": key}) for key in keys]

    async def known(self, state: State, catalogue: Catalogue, now: float) -> KeptOutcome | None:
        """The answer that is kept. Raises `key_reused` for another request."""
        found = [await state.row(*each) for each in self.reads()]
        self._is_first_part = bool(self.part_key) and found[0] is None
        for row in found:
            if row is not None and row["fingerprint"] != self.fingerprint:
                raise Refusal("key_reused", "this idempotency key was used for another request; use a new key")
        row = found[-1] if found else None
        if row is None:
            return None
        answer = Answer(row["status"], bytes(row["body"]))
        return KeptOutcome(WriteResult(revision=row["revision"], answer=answer, replayed=True))

    async def look_up(self, given: GivenIds, catalogue: Catalogue) -> StandIns:
        """Only devices have some that were given ids before."""
        return StandIns()

    def stand_ins(self) -> StandIns:
        """None that were given before."""
        return StandIns()

    async def guards(self, state: State) -> Sequence[RowAct]:
        """None: the row that keeps the answer must not be there yet."""
        return ()

    def naming(self, ids: Mapping[int, RecordId]) -> Sequence[RowAct]:
        """No later request names the records by stand-ins."""
        return ()

    def claims(self) -> Sequence[RowAct]:
        """No other request of the group has the key."""
        return ()

    def keep(self, result: WriteResult, now: float) -> KeptOutcome:
        """The result with its answer, and the rows that keep the answer."""
        answer = self.answer(result)
        if not self.key:
            return KeptOutcome(result._replace(answer=answer))
        kept = [self._row(self.part_key or self.key, answer, result.revision, now)]
        if self._is_first_part:
            kept.append(self._row(self.key, Answer(0, b""), result.revision, now))
        return KeptOutcome(result._replace(answer=answer), kept)

    def _row(self, key: str, answer: Answer, revision: int, now: float) -> Insert:
        row = {"caller": self.caller, "key": key, "fingerprint": self.fingerprint, **answer._asdict()}
        return Insert("_answers", {**row, "revision": revision, "at": now})

    def keep_refusal(self, refusal: Refusal, now: float) -> KeptOutcome:
        """Raises the refusal, which is not kept."""
        raise refusal
