"""The one write path: concurrent requests share a transaction, each is answered only after it is durable.

Whoever writes calls `Writer.submit`. Requests that arrive while a commit waits for the disk form the next group; a
lone one is committed at once. A refusal ends its own request only. Where the database itself refuses the group (a race
between processes, a full disk), each request is tried again alone, so that one's error never fails another's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TypeGuard

from hinterland.contract import values
from hinterland.contract.errors import Refusal
from hinterland.contract.sync import Settled
from hinterland.contract.temporary import StandIns
from hinterland.kit.clock import Clock
from hinterland.server.data import devices
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.decided import Decided, assigned, finished, kept, numbered, outcome_of, replayed
from hinterland.server.data.new_ids import NewIds
from hinterland.server.data.plan import Plan
from hinterland.server.data.requests import TransactionHook, WriteRequest, WriteResult
from hinterland.server.data.state import Deferred, RecordKey, State
from hinterland.server.settings import MAX_RECORD_BYTES
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown
from hinterland.server.storage.protocol import Storage, StoredRecord, Transaction
from hinterland.server.storage.system import Expect, Invalidation, PreconditionFailed, RowAct

log = logging.getLogger("hinterland.writer")
MAX_GROUP = 256  # requests that share a transaction, as long as their writes are not many more
_GROUP_WRITES = 1_000  # others wait as long as these take: some tenths of a second
_GROUP_BYTES = 32 * 1024 * 1024  # of the records that a group keeps in memory until it is written
_ALONE_TRIES = 5

Waiting = tuple[WriteRequest, "asyncio.Future[WriteResult]"]


class _Trouble(Exception):
    """One request of a group could not be decided, by a mistake or by the database: each is tried alone."""


class _Rehearsed(Exception):
    """Ends the transaction of a rehearsal, so that nothing of it stays."""


class Writer:
    """The single writer of this process. `wake` is called after each durable group, and `signal` with the subject of
    each `Invalidation` in it, before the requests are answered.

    `transaction_hooks` say, by collection, which system rows change in the transaction that changes a record.
    """

    def __init__(
        self,
        storage: Storage,
        catalogue: Catalogue,
        clock: Clock,
        transaction_hooks: Mapping[str, TransactionHook] = MappingProxyType({}),
        *,
        max_record_bytes: int = MAX_RECORD_BYTES,
    ) -> None:
        self.storage = storage
        self.catalogue = catalogue
        self.clock = clock
        self.transaction_hooks = transaction_hooks
        self.max_record_bytes = max_record_bytes
        self.wake: Callable[[], None] = lambda: None
        self.signal: Callable[[str], None] = lambda subject: None
        self._new_ids = NewIds(catalogue)
        self._has_other_writers = storage.has_other_writers
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._running_keys: set[tuple[str, str]] = set()

    async def submit(self, request: WriteRequest) -> WriteResult:
        """Write `request`; returns when it is durable. Raises the `Refusal` that ended it, or `PreconditionFailed`."""
        if request.key is None:
            return await self._enqueue(request)
        name = (request.key.caller, request.key.key)
        if name in self._running_keys:
            raise Refusal(
                "in_progress", "a request with this idempotency key is still running: ask again", retry_after=1
            )
        self._running_keys.add(name)
        answer = self._enqueue(request)
        answer.add_done_callback(lambda answer: self._running_keys.discard(name))
        # Whoever gives up waiting does not end the write: until it is settled its key is taken.
        return await asyncio.shield(answer)

    def submit_all(self, requests: Sequence[WriteRequest]) -> list[asyncio.Future[WriteResult]]:
        """Queue several requests in order; each settles on its own."""
        return [self._enqueue(request) for request in requests]

    async def rehearse(self, requests: Sequence[WriteRequest]) -> list[Refusal | None]:
        """How each of `requests` would end after those before it; None: written. Nothing is kept."""
        errors: list[Refusal | None] = []
        with suppress(_Rehearsed):
            async with self.storage.transaction() as transaction:
                for request in requests:
                    errors.append(await self._rehearse(request, transaction))
                raise _Rehearsed
        return errors

    async def _rehearse(self, request: WriteRequest, transaction: Transaction) -> Refusal | None:
        now = self.clock.now()
        waiting = (request, asyncio.get_running_loop().create_future())
        decided, refused, _ = await self._decide(
            [waiting], State(transaction, self.transaction_hooks, self._new_ids), now
        )
        for _, error in refused:
            if not isinstance(error, Refusal) or error.status >= 500:
                raise error
            return error
        await self._write(transaction, decided, now)
        return None

    def _enqueue(self, request: WriteRequest) -> asyncio.Future[WriteResult]:
        answer: asyncio.Future[WriteResult] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return answer

    async def drain(self) -> None:
        """Wait until everything that was submitted is settled."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            group = self._next_group()
            try:
                if group:
                    await self._write_group(group)
            except Exception as error:  # whatever it was, nobody may wait for ever
                log.exception("a group of writes failed")
                for _, answer in group:
                    _fail(answer, error if len(group) == 1 else Refusal("internal"))

    def _next_group(self) -> list[Waiting]:
        """The first of those that wait, without those whose callers are gone; none where no others are left."""
        waiting, count, writes = [item for item in self._waiting if not item[1].done()], 0, 0
        while count < min(len(waiting), MAX_GROUP) and (count == 0 or writes < _GROUP_WRITES):
            writes += len(waiting[count][0].writes)
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    async def _write_group(self, group: list[Waiting]) -> None:
        try:
            decided = await self._try(group)
        except (Refusal, PreconditionFailed, Deadlock, _Trouble) as error:
            if isinstance(error, OutcomeUnknown):  # to try again would be to write twice
                for _, answer in group:
                    _fail(answer, error)
            elif len(group) == 1:
                await self._retry_alone(group[0], error)
            else:
                for waiting in group:
                    await self._write_group([waiting])
            return
        if any(item.changes for item in decided):
            self.wake()

    async def _retry_alone(self, waiting: Waiting, error: Exception) -> None:
        """Try again what another process got in the way of; a repetition then finds the answer that the other gave.

        What a device's writes are refused with every time is their outcome, so that they hold up no others.
        """
        for _ in range(_ALONE_TRIES):
            if not _may_retry(waiting[0], error):
                break
            try:
                await self._try([waiting])
            except (Refusal, PreconditionFailed, Deadlock) as again:
                error = again
            else:
                self.wake()
                return
        if waiting[0].step is not None and _is_refusal(error):
            try:
                await self._try([waiting], error)
            except (Refusal, PreconditionFailed, Deadlock) as again:
                error = again
            else:
                return
        _fail(waiting[1], Refusal("unavailable", retry_after=1) if isinstance(error, Deadlock) else error)

    async def _try(self, group: list[Waiting], ending: Refusal | None = None) -> list[Decided]:
        """Decide and write the group in one transaction; a request's own refusal is set on its future.

        `ending`: what the database has refused the writes of a device with, again and again; it is their outcome.
        """
        now = self.clock.now()
        async with self.storage.transaction() as transaction:
            decided, refused, deferred = await self._decide(
                group, State(transaction, self.transaction_hooks, self._new_ids), now, ending
            )
            outcomes = await self._write(transaction, decided, now)
        for subject in [act.subject for item in decided for act in item.acts if isinstance(act, Invalidation)]:
            self.signal(subject)
        for item, outcome in zip(decided, outcomes, strict=True):
            if not item.answer.done():
                item.answer.set_result(outcome)
        for answer, error in refused:
            _fail(answer, error)
        self._waiting[:0] = deferred
        return decided

    async def _decide(
        self, group: list[Waiting], state: State, now: float, ending: Refusal | None = None
    ) -> tuple[list[Decided], list[tuple[asyncio.Future[WriteResult], Exception]], list[Waiting]]:
        decided: list[Decided] = []
        refused: list[tuple[asyncio.Future[WriteResult], Exception]] = []
        instant = values.instant(now)
        size = 0
        for index, (request, answer) in enumerate(group):
            try:
                item = await self._decide_one(request, answer, state, now, instant, ending)
            except Deferred:
                if index > 0:
                    return decided, refused, group[index:]
                # There is nothing that it could wait for: the next group would begin with it again, and so on.
                refused.append((answer, RuntimeError("a write was deferred that nothing was written before")))
            except (Deadlock, PreconditionFailed):
                raise
            except Exception as error:
                if len(group) > 1 and getattr(error, "status", 500) >= 500:
                    raise _Trouble from error
                refused.append((answer, error))
            else:
                decided.append(item)
                if index == len(group) - 1:
                    break  # nobody looks at the state any more
                step = item.request.step if item.plan is not None else None
                records = item.plan.records if item.plan is not None else {}
                holders = item.plan.holders if item.plan is not None else {}
                # Its acts come last, as they are written: they may drop what is taken, with the account.
                acts = [*(devices.taken(step) if step is not None else ()), *item.acts]
                state.stage(records, item.changes, acts, holders)
                size += item.plan.size if item.plan is not None else 0
                if size > _GROUP_BYTES:
                    return decided, refused, group[index + 1 :]
        return decided, refused, []

    async def _decide_one(
        self,
        request: WriteRequest,
        answer: asyncio.Future[WriteResult],
        state: State,
        now: float,
        instant: str,
        ending: Refusal | None,
    ) -> Decided:
        is_repeatable = request.key is not None or request.step is not None
        known = await self._known(request, state) if is_repeatable else None
        if known is not None:
            return Decided(request, answer, [], [], None, known)
        given = StandIns()
        if request.step is not None:
            given = await state.given_ids.of(request.step, request.writes, self.catalogue)
            request = devices.with_known_ids(request, request.step, given, self.catalogue)
        heard = await devices.heard(request.step, state) if request.step is not None else None
        if heard is not None and request.step is not None:
            guards: list[RowAct] = [devices.guard(request.step)] if self._has_other_writers else []
            acts = [*devices.settle(request.step, heard, now), *kept(request, heard.ids, given)]
            return Decided(request, answer, [], acts, None, WriteResult(settled=heard), guards)
        try:
            if ending is not None:
                raise ending
            plan = await Plan(request, state, self.catalogue, now, instant, self.max_record_bytes, given).run()
        except Refusal as error:
            if request.step is None or error.status >= 500:  # the server's own trouble is nobody's outcome
                raise
            settled = Settled(seq=request.step.seq, status="refused", problem=error.problem())
            acts = devices.settle(request.step, settled, now)
            guards = await self._guards(request, state)
            return Decided(request, answer, [], acts, None, WriteResult(settled=settled), guards)
        named = kept(request, plan.ids, given)
        acts = [*named, *(assigned(act, plan.written) for act in request.acts), *plan.acts]
        guards = await self._guards(request, state) if is_repeatable else []
        return Decided(request, answer, plan.changes, acts, plan, None, guards)

    async def _guards(self, request: WriteRequest, state: State) -> list[RowAct]:
        """What must still hold when a keyed request or a device's step is written, lest two processes do it twice."""
        guards: list[RowAct] = []
        if not self._has_other_writers:
            return guards
        if request.key is not None:
            guards.append(Expect("_answers", {"caller": request.key.caller, "key": request.key.key}, None))
        if request.step is not None:
            guards += [devices.guard(request.step), *await devices.unheard(request.step, state)]
        return guards

    async def _known(self, request: WriteRequest, state: State) -> WriteResult | None:
        """The answer that was given before, where the request is a repetition."""
        if request.key is not None:
            caller, key, fingerprint = request.key
            row = await state.row("_answers", {"caller": caller, "key": key})
            if row is not None:
                return replayed(row, fingerprint)
        settled = await devices.known(request.step, state) if request.step is not None else None
        return WriteResult(settled=settled, replayed=True) if settled is not None else None

    async def _write(self, transaction: Transaction, decided: list[Decided], now: float) -> list[WriteResult]:
        count = sum(len(item.changes) for item in decided)
        revision = await transaction.reserve(count) - 1 if count else 0
        latest: dict[RecordKey, StoredRecord] = {}
        outcomes: list[WriteResult] = []
        for item in decided:
            changes = numbered(item.changes, revision, latest)
            revision += len(changes)
            if changes:
                await transaction.write(changes, revision, random.getrandbits(53), now)
            outcome = item.outcome or outcome_of(item, changes, revision)
            outcome, acts = finished(item, outcome, now)
            if acts or item.guards:
                await transaction.act([*item.guards, *acts])
            outcomes.append(outcome)
        return outcomes


def _may_retry(request: WriteRequest, error: Exception) -> bool:
    is_repeatable = request.key is not None or request.step is not None
    is_raced = isinstance(error, PreconditionFailed) or (request.step is not None and _is_refusal(error))
    return isinstance(error, Deadlock) or (is_raced and is_repeatable)


def _is_refusal(error: Exception) -> TypeGuard[Refusal]:
    """Whether the database refused the writes for what they are, such as a value that must be unique: another process
    may have been faster, which the next look shows."""
    return isinstance(error, Refusal) and error.status < 500


def _fail(answer: asyncio.Future[WriteResult], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
