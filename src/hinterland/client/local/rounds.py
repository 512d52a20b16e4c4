"""One round of synchronisation: push local writes, then fetch what is new."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from hinterland.client.errors import (
    Fork,
    Gap,
    HinterlandError,
    InvalidCursor,
    InvalidResponse,
    StatusError,
    UnknownCollection,
)
from hinterland.client.local import pulls, pushes, reasons, results
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import StoreFull
from hinterland.client.local.posting import Posting, SendDocument
from hinterland.client.local.remote import Remote
from hinterland.client.local.store import Store, StoreAct
from hinterland.contract.identity import new_id
from hinterland.contract.sync import MAX_MUTATIONS, Pull, Push, PushResult
from hinterland.kit.clock import Clock

T = TypeVar("T")
_PATIENCE = 3  # answers in a row that name a gap; then the server and this device will never agree on the seqs
_log = logging.getLogger("hinterland.client")


class Rounds:
    """Pushes and pulls of a store. `unknown` has what the server said of the collections that it does not have."""

    def __init__(self, store: Store, remote: Remote, clock: Clock, send: SendDocument | None = None) -> None:
        self._posting = Posting(store, clock, send, self._check_way)
        self._store = store
        self._remote = remote
        self._clock = clock
        self._limit = MAX_MUTATIONS
        self._gaps = 0
        self._is_in_doubt = False  # whether the server's history is the one that the store knows
        self.unknown: dict[str, UnknownCollection] = {}

    async def run(self, scope: Scope, what: Callable[[], str], *, is_live: bool = False) -> bool:
        """Push until nothing waits, then pull until nothing is left of the subscription that `what` gives, which is to
        leave out the `unknown`. Where a stream `is_live` and nothing was missed, its events bring what is new, the
        pushed writes too, and nothing is pulled; whether it was. Raises the client's errors; what is done stays."""
        await self._push_all(scope)
        if is_live and not self._is_in_doubt and await self._store.write(lambda c: pulls.is_followed(c, scope, what())):
            return False
        await self._pull_all(scope, what)
        self._is_in_doubt = False
        if await self._store.read(partial(pushes.has_unanswered, scope=scope)):  # what a restored server has forgotten
            await self._push_all(scope)
            await self._pull_all(scope, what)
        return True

    async def _push_all(self, scope: Scope) -> None:
        while scope.account != "":
            step = await self._next_push(scope)
            if step is not None:
                await self._push(scope, *step)
            elif not await self._posting.post(scope):
                return

    async def _pull_all(self, scope: Scope, what: Callable[[], str]) -> None:
        while subscription := what():
            try:
                while await self._pull(scope, subscription):
                    pass
                return
            except UnknownCollection as error:
                self._set_aside(subscription, error)

    # ------------------------------------------------------------ push

    async def _next_push(self, scope: Scope) -> tuple[Push, int] | None:
        try:
            return await self._write(partial(_next, scope, self._limit))
        except StoreFull:
            if self._limit == 1:
                raise
            self._limit = 1
            return await self._write(partial(_next, scope, 1))

    async def _write(self, act: StoreAct[T]) -> T:
        """A write by which the outbox is emptied."""
        return await self._store.write(act, is_urgent=True)

    async def _push(self, scope: Scope, push: Push, first_new: int) -> None:
        try:
            result = await self._remote.push(scope.account, push)
        except (Fork, Gap) as error:
            await self._part(scope, push, error)
        except HinterlandError as error:
            if reasons.is_untaken(error):
                await self._take_back(scope, first_new)
            if error.sent == "no" or reasons.is_unable(error):
                raise
            if await self._is_hopeless(scope, push, first_new, error):
                await self._withdraw(scope, push)
        else:
            await self._settle(scope, push, result)

    async def _settle(self, scope: Scope, push: Push, result: PushResult) -> None:
        settled = {each.seq for each in result.results if each.seq <= result.settled}
        if push.mutations and push.mutations[0].seq not in settled:  # to push the same again at once would not end
            raise InvalidResponse("the server took a push of local edits and has no result of the first of them")
        await self._write(lambda c: results.settle(c, scope, push, result))
        self._limit = min(MAX_MUTATIONS, self._limit * 2)
        self._gaps = 0

    async def _part(self, scope: Scope, push: Push, error: Fork | Gap) -> None:
        self._is_in_doubt = True
        if isinstance(error, Gap):
            await self._gap(scope, error)
        else:
            await self._fork(scope, push, error)

    async def _fork(self, scope: Scope, push: Push, error: Fork) -> None:
        """Another store has used our seqs. What the two share is known to the server, so first find where they part.
        Or the server was restored from a backup: what it acknowledged since is not among what it has settled."""
        if len(push.mutations) > 1:
            self._limit = 1
            return
        settled = error.details.get("settled")
        lost_from = settled + 1 if isinstance(settled, int) else None
        await self._write(lambda c: results.fork(c, scope, self._new_device(), lost_from))
        self._limit = MAX_MUTATIONS

    async def _gap(self, scope: Scope, error: Gap) -> None:
        self._gaps += 1
        expected = error.details.get("expected")
        if not isinstance(expected, int) or self._gaps > _PATIENCE:
            self._gaps = 0
            await self._write(lambda c: results.fork(c, scope, self._new_device()))
        else:
            await self._write(lambda c: results.gap(c, scope, expected, self._new_device()))

    async def _is_hopeless(self, scope: Scope, push: Push, first_new: int, error: HinterlandError) -> bool:
        """Whether a push that failed is of a single mutation, and would fail again; a larger one is cut in halves.

        Raises the error where the server does not answer other pushes either, and as long as it may pass.
        """
        is_about_content = isinstance(error, StatusError) and reasons.is_about_content(error)
        if not is_about_content:
            await self._check_way(scope)
        if len(push.mutations) > 1:
            if isinstance(error, StatusError) and is_about_content and not error.is_in_doubt:
                await self._take_back(scope, first_new)
            self._limit = len(push.mutations) // 2
            return False
        [mutation] = push.mutations
        failures = await self._write(lambda c: pushes.failed(c, mutation.id, reasons.reason(error)))
        if failures < reasons.MOST_FAILURES and not is_about_content:
            raise error
        return True

    async def _check_way(self, scope: Scope) -> None:
        """Raises where the server does not answer a push without mutations."""
        empty = await self._store.read(lambda c: pushes.empty_push(c, scope))
        with suppress(Fork):  # an answer too: the next push meets it, with the mutations that it is about
            await self._remote.push(scope.account, empty)

    async def _withdraw(self, scope: Scope, push: Push) -> None:
        """Have the server settle mutations without their content: it answers an outcome that it has, and never applies
        what has none, however late an earlier attempt arrives."""
        withdrawals = [replace(mutation, writes=[], base=[]) for mutation in push.mutations]
        try:
            result = await self._remote.push(scope.account, replace(push, mutations=withdrawals))
        except (Fork, Gap) as error:
            await self._part(scope, push, error)
        else:
            await self._settle(scope, push, result)

    async def _take_back(self, scope: Scope, seq: int) -> None:
        await self._write(lambda c: pushes.take_back(c, scope, seq))

    def _new_device(self) -> str:
        return new_id(self._clock.now())

    # ------------------------------------------------------------ pull

    def _set_aside(self, subscription: str, error: UnknownCollection) -> None:
        """A collection that the server does not have must not keep the others from being fetched."""
        name = error.details.get("collection")
        if name not in subscription.split(","):
            raise error
        _log.warning("the collection %s is not synchronised: %s", name, error)
        self.unknown[name] = error

    async def _pull(self, scope: Scope, subscription: str) -> bool:
        """Fetch once; whether there is more to fetch."""
        pull = await self._store.read(partial(_next_pull, scope, subscription))
        try:
            result = await self._remote.pull(scope.account, pull)
        except InvalidCursor:
            if not pull.cursor:
                raise
            await self._store.write(lambda c: pulls.start_again(c, scope))
            return True
        is_taken = await self._store.write(lambda c: pulls.take_pull(c, scope, subscription, pull.cursor, result))
        return result.more or not is_taken


def _next(scope: Scope, limit: int, connection: StoreConnection) -> tuple[Push, int] | None:
    first_new = pushes.first_new(connection, scope)
    push = pushes.next_push(connection, scope, limit)
    return None if push is None else (push, first_new)


def _next_pull(scope: Scope, subscription: str, connection: StoreConnection) -> Pull:
    [device] = connection.execute("SELECT device FROM spaces WHERE space = ?", (scope.space,)).fetchone()
    cursor = pulls.position(connection, scope, subscription).cursor
    return Pull(collections=subscription.split(","), cursor=cursor, device=device if scope.account != "" else "")
