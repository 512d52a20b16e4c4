"""Exactly once by an idempotency key: the answer of the first request is kept for its repetitions."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, Self

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.temporary import StandIns
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.given_ids import GivenIds
from hinterland.server.data.requests import Answer, KeptOutcome, WriteResult
from hinterland.server.data.state import State
from hinterland.server.security.sessions import key_owner
from hinterland.server.storage.system import Insert, Row, RowAct


class OnceByKey(NamedTuple):
    """An idempotency `key` of a `caller`, a digest of the request that it names, and the function that makes the
    `answer`: pure and short, since it runs in the writer. Without a key ("") the answer is made there too, so that its
    refusal ends the request, and not kept."""

    caller: str
    key: str
    fingerprint: str
    answer: Callable[[WriteResult], Answer]

    @classmethod
    def of(cls, caller: Principal, key: str, fingerprint: str, answer: Callable[[WriteResult], Answer]) -> Self:
        """That of a caller's request."""
        return cls(key_owner(caller.id, is_admin=caller.is_admin), key, fingerprint, answer)

    @property
    def keeps_refusals(self) -> bool:
        """A refused request may be tried again with its key."""
        return False

    @property
    def name(self) -> Hashable | None:
        """Requests with one key of one caller don't run at the same time."""
        return (self.caller, self.key) if self.key else None

    def reads(self) -> Sequence[tuple[str, Row]]:
        """The row of the key."""
        return [("_answers", {"caller": self.caller, "key": self.key})] if self.key else ()

    async def known(self, state: State, catalogue: Catalogue, now: float) -> KeptOutcome | None:
        """The answer that is kept. Raises `key_reused` for another request."""
        row = await state.row(*self.reads()[0]) if self.key else None
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            raise Refusal("key_reused", "this idempotency key was used for another request; use a new key")
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
        """The result with its answer, and the row that keeps the answer."""
        answer = self.answer(result)
        if not self.key:
            return KeptOutcome(result._replace(answer=answer))
        row = {"caller": self.caller, "key": self.key, "fingerprint": self.fingerprint, **answer._asdict()}
        kept = Insert("_answers", {**row, "revision": result.revision, "at": now})
        return KeptOutcome(result._replace(answer=answer), [kept])

    def keep_refusal(self, refusal: Refusal, now: float) -> KeptOutcome:
        """Raises the refusal, which is not kept."""
        raise refusal
