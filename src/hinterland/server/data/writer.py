"""The one write path: concurrent requests share a transaction, each is answered only after it is durable.

All writes go through `Writer.submit`. Requests that arrive while a commit waits for the disk form the next group; a
lone one is committed at once. A refusal ends its own request only. Where the database itself refuses the group (a race
between processes, a full disk), each request is tried again alone, so that one's error never fails another's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from types import MappingProxyType
from typing import TypeGuard

from hinterland.contract import values
from hinterland.contract.errors import Refusal
from hinterland.kit.clock import Clock
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.decided import Decided, changes_of, finished, numbered, planned, stage
from hinterland.server.data.new_ids import NewIds
from hinterland.server.data.plan import Plan
from hinterland.server.data.requests import CallerLeft, HooksOutdated, KeptOutcome, Once, WriteRequest, WriteResult
from hinterland.server.data.state import Deferred, RecordKey, State, TransactionHook
from hinterland.server.settings import MAX_RECORD_BYTES
from hinterland.server.storage.failures import Deadlock, OutcomeUnknown, SchemaOutdated
from hinterland.server.storage.protocol import Change, CommitChanges, Storage, StoredRecord, Transaction
from hinterland.server.storage.system import Invalidation, PreconditionFailed, RowAct

log = logging.getLogger("hinterland.writer")
MAX_GROUP = 256  # requests that share a transaction, as long as their writes are not many more
_GROUP_WRITES = 1_000  # others wait as long as these take: some tenths of a second
_GROUP_BYTES = 32 * 1024 * 1024  # of the records that a group keeps in memory until it is written
_PART = 1_000  # changes that are numbered at once
_ALONE_TRIES = 5

WriteAnswer = asyncio.Future[WriteResult]
Waiting = tuple[WriteRequest, WriteAnswer]


class _Undecided(Exception):
    """One request of a group could not be decided, by a mistake or by the database: each is tried alone."""


class _Rehearsed(Exception):
    """Ends the transaction of a rehearsal, so that nothing of it stays."""


class Writer:
    """The single writer of this process. `wake` is called after each durable group, and `signal` with the subject of
    each `Invalidation` in it, before the requests are answered.

    `transaction_hooks` decide, by collection, which system rows change in the transaction that changes a record.
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
        self.renew: Callable[[], Awaitable[None]] = _unchanged
        """Takes over what other processes declared; called between two groups."""
        self.wake: Callable[[], None] = lambda: None
        self.signal: Callable[[str], None] = lambda subject: None
        self._new_ids = NewIds(catalogue)
        self._has_other_writers = storage.has_other_writers
        self._turn = asyncio.Lock()
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._running: set[Hashable] = set()  # the names of requests that happen once

    async def submit(self, request: WriteRequest) -> WriteResult:
        """Write `request`; returns when it is durable. Raises the `Refusal` that ended it, `PreconditionFailed`, or
        `HooksOutdated`."""
        name = request.once.name if request.once is not None else None
        if name is None:
            return await self._enqueue(request)
        if name in self._running:
            message = "a request with this idempotency key is still running; retry shortly"
            raise Refusal("in_progress", message, retry_after=1)
        self._running.add(name)
        answer = self._enqueue(request)
        answer.add_done_callback(lambda answer: self._running.discard(name))
        # A caller who gives up waiting does not end the write: until it is settled its name is taken.
        return await asyncio.shield(answer)

    def submit_all(self, requests: Sequence[WriteRequest]) -> list[WriteAnswer]:
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
        decided, refused, _ = await self._decide([waiting], self._state(transaction), now)
        for _, error in refused:
            if not isinstance(error, Refusal) or error.status >= 500:
                raise error
            return error
        await self._write(transaction, [item for _, item in decided], now)
        return None

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Between two groups: nothing is written in the block."""
        async with self._turn:
            yield

    def _enqueue(self, request: WriteRequest) -> WriteAnswer:
        loop = asyncio.get_running_loop()
        answer: WriteAnswer = loop.create_future()
        self._waiting.append((request, answer))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._work())
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
                    async with self._turn:
                        await self._write_group(group)
            except Exception as error:  # whatever it was, no caller may wait for ever
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
        except (Refusal, PreconditionFailed, Deadlock, _Undecided) as error:
            if isinstance(error, SchemaOutdated):
                await self._renew_and_write(group, error)
            elif isinstance(error, OutcomeUnknown):  # to try again would be to write twice
                for _, answer in group:
                    _fail(answer, error)
            elif len(group) == 1:
                await self._retry_alone(group[0], error)
            else:
                for waiting in group:
                    await self._write_group([waiting])
            return
        if any(changes_of(item) for item in decided):
            self.wake()

    async def _renew_and_write(self, group: list[Waiting], error: SchemaOutdated) -> None:
        try:
            await self.renew()
        except Exception:
            log.exception("cannot take over the collections that another process declared; update and restart this one")
            for _, answer in group:
                _fail(answer, error)
        else:
            await self._write_group(group)

    async def _retry_alone(self, waiting: Waiting, error: Exception) -> None:
        """Try again where another process interfered; a repetition then finds the answer that the other gave.

        A refusal by the database that comes back with every try is an outcome of a request that keeps refusals, so
        that it holds up no others.
        """
        request, answer = waiting
        for _ in range(_ALONE_TRIES):
            if not _may_retry(request, error):
                break
            try:
                await self._try([waiting])
            except (Refusal, PreconditionFailed, Deadlock) as again:
                error = again
            else:
                self.wake()
                return
        if request.once is not None and request.once.keeps_refusals and _is_refusal(error):
            try:
                await self._try([(request._replace(refusal=error), answer)])
            except (Refusal, PreconditionFailed, Deadlock) as again:
                error = again
            else:
                return
        _fail(answer, Refusal("unavailable", retry_after=1) if isinstance(error, Deadlock) else error)

    async def _try(self, group: list[Waiting]) -> list[Decided]:
        """Decide and write the group in one transaction; a request's own refusal is set on its future."""
        now = self.clock.now()
        async with self.storage.transaction() as transaction:
            state = self._state(transaction)
            answered, refused, deferred = await self._decide(group, state, now)
            decided = [item for _, item in answered]
            outcomes = await self._write(transaction, decided, now)
        for subject in [act.subject for item in outcomes for act in item.acts if isinstance(act, Invalidation)]:
            self.signal(subject)
        for (answer, _), outcome in zip(answered, outcomes, strict=True):
            if not answer.done():
                answer.set_result(outcome.result)
        for answer, error in refused:
            _fail(answer, error)
        self._waiting[:0] = deferred
        return decided

    def _state(self, transaction: Transaction) -> State:
        return State(transaction, self.transaction_hooks, self._new_ids, self.catalogue.asked)

    async def _decide(
        self, group: list[Waiting], state: State, now: float
    ) -> tuple[list[tuple[WriteAnswer, Decided]], list[tuple[WriteAnswer, Exception]], list[Waiting]]:
        """The requests that will be written, those that are refused, and those that go into the next group."""
        decided: list[tuple[WriteAnswer, Decided]] = []
        refused: list[tuple[WriteAnswer, Exception]] = []
        instant = values.instant(now)
        size = 0
        if len(group) > 1:
            await state.load(key for request, _ in group if request.once is not None for key in request.once.reads())
        for index, (request, answer) in enumerate(group):
            try:
                item = await self._decide_one(request, answer, state, now, instant)
            except Deferred:
                if index > 0:
                    return decided, refused, group[index:]
                # There is nothing that it could wait for: the next group would begin with it again, and so on.
                refused.append((answer, RuntimeError("a write was deferred that nothing was written before")))
            except (Deadlock, PreconditionFailed):
                raise
            except (HooksOutdated, CallerLeft) as error:
                refused.append((answer, error))
            except Exception as error:
                if len(group) > 1 and error is not request.refusal and getattr(error, "status", 500) >= 500:
                    raise _Undecided from error
                refused.append((answer, error))
            else:
                decided.append((answer, item))
                if index == len(group) - 1:
                    break  # no later request needs the state
                size += stage(item, state)
                if size > _GROUP_BYTES:
                    return decided, refused, group[index + 1 :]
        return decided, refused, []

    async def _decide_one(
        self, request: WriteRequest, answer: WriteAnswer, state: State, now: float, instant: str
    ) -> Decided:
        once = request.once
        known = await once.known(state, self.catalogue, now) if once is not None else None
        if known is not None:
            return known if self._has_other_writers else known._replace(guards=())
        try:
            if request.refusal is not None:
                raise request.refusal
            plan = Plan(request, state, self.catalogue, now, instant, self.max_record_bytes, answer.cancelled)
            await plan.run()
        except Refusal as error:
            # An error of the server itself is not an outcome.
            if once is None or not once.keeps_refusals or error.status >= 500:
                raise
            return once.keep_refusal(error, now)._replace(guards=await self._guards(once, state))
        return planned(request, plan, () if once is None else await self._guards(once, state))

    async def _guards(self, once: Once, state: State) -> Sequence[RowAct]:
        """What must still hold when the request is written, so that two processes don't do it twice."""
        return await once.guards(state) if self._has_other_writers else ()

    async def _write(self, transaction: Transaction, decided: list[Decided], now: float) -> list[KeptOutcome]:
        planned_changes = [changes_of(item) for item in decided]
        count = sum(map(len, planned_changes))
        revision = await transaction.reserve(count) - 1 if count else 0
        latest: dict[RecordKey, StoredRecord] = {}
        outcomes: list[KeptOutcome] = []
        commits: list[CommitChanges] = []
        for item, unnumbered in zip(decided, planned_changes, strict=True):
            changes = await _in_parts(unnumbered, revision, latest)
            revision += len(changes)
            if changes:
                commits.append(CommitChanges(changes, revision, random.getrandbits(53)))
            outcomes.append(finished(item, changes, revision, now))
            if len(changes) > _PART:
                await asyncio.sleep(0)
        if commits:
            await transaction.write(commits, now)
        acts = [act for outcome in outcomes for act in (*outcome.guards, *outcome.acts)]
        if acts:
            await transaction.act(acts)
        return outcomes


async def _in_parts(unnumbered: Sequence[Change], revision: int, latest: dict[RecordKey, StoredRecord]) -> list[Change]:
    """The changes with their revisions, those of a large request in parts, between which others get their turn."""
    changes = numbered(unnumbered[:_PART], revision, latest)
    for start in range(_PART, len(unnumbered), _PART):
        await asyncio.sleep(0)
        changes += numbered(unnumbered[start : start + _PART], revision + start, latest)
    return changes


async def _unchanged() -> None:
    """No other process declares collections."""


def _may_retry(request: WriteRequest, error: Exception) -> bool:
    if isinstance(error, Deadlock):
        return True
    once, is_raced = request.once, isinstance(error, PreconditionFailed)
    if (request.forms or request.on_refusal == "skip") and getattr(error, "code", "") == "conflict":
        return True  # what another process created meanwhile is there to be found
    return once is not None and (is_raced or (once.keeps_refusals and _is_refusal(error)))


def _is_refusal(error: Exception) -> TypeGuard[Refusal]:
    """Whether the database refused the writes for what they are, such as a value that must be unique: another process
    may have been faster, which the next look shows."""
    return isinstance(error, Refusal) and error.status < 500


def _fail(answer: WriteAnswer, error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
