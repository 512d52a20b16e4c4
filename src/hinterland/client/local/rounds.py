"""One round of synchronisation: hand in what waits, then fetch what is new."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from hinterland.client.errors import Fork, Gap, HinterlandError, InvalidCursor, StatusError, UnknownCollection
from hinterland.client.local import pulls, pushes, results
from hinterland.client.local.connection import Connection, Scope
from hinterland.client.local.remote import Remote
from hinterland.client.local.store import Store
from hinterland.contract.errors import Problem, Refusal
from hinterland.contract.identity import new_id
from hinterland.contract.sync import MAX_MUTATIONS, Pull, Push
from hinterland.kit.clock import Clock

_PATIENCE = 3  # answers in a row that name a gap; then the server and this device will never agree on the seqs
# What the server says before it takes anything: of a push that it can't read, and of whoever sends it.
_UNREADABLE = ("invalid_body", "validation", "too_large")
_NOT_NOW = ("unauthorized", "rate_limited")
_log = logging.getLogger("hinterland.client")


class Rounds:
    """Pushes and pulls of a store. `unknown` has what the server said of the collections that it does not have."""

    def __init__(self, store: Store, remote: Remote, clock: Clock) -> None:
        self._store = store
        self._remote = remote
        self._clock = clock
        self._limit = MAX_MUTATIONS
        self._gaps = 0
        self.unknown: dict[str, UnknownCollection] = {}

    async def run(self, scope: Scope, what: Callable[[], str]) -> None:
        """Push until nothing waits, then pull until nothing is left of the subscription that `what` gives, which is to
        leave out the `unknown`. Raises the client's errors; what is done stays."""
        if scope.account != "":
            while (step := await self._store.write(partial(_next, scope, self._limit))) is not None:
                await self._push(scope, *step)
        while subscription := what():
            try:
                while await self._pull(scope, subscription):
                    pass
                return
            except UnknownCollection as error:
                self._set_aside(subscription, error)

    # ------------------------------------------------------------ push

    async def _push(self, scope: Scope, push: Push, first_new: int) -> None:
        try:
            result = await self._remote.push(scope.account, push)
        except Fork:
            await self._fork(scope, push)
        except Gap as error:
            await self._gap(scope, error)
        except HinterlandError as error:
            if isinstance(error, StatusError) and _is_about_content(error):
                await self._unreadable(scope, push, first_new, error)
                return
            if _is_untaken(error):
                await self._take_back(scope, first_new)
            raise
        else:
            await self._store.write(lambda c: results.settle(c, scope, push, result))
            self._limit = min(MAX_MUTATIONS, self._limit * 2)
            self._gaps = 0

    async def _fork(self, scope: Scope, push: Push) -> None:
        """Another store has used our seqs. What the two share is known to the server, so first find where they part."""
        if len(push.mutations) > 1:
            self._limit = 1
            return
        await self._store.write(lambda c: results.fork(c, scope, self._new_device()))
        self._limit = MAX_MUTATIONS

    async def _gap(self, scope: Scope, error: Gap) -> None:
        self._gaps += 1
        expected = error.details.get("expected")
        if not isinstance(expected, int) or self._gaps > _PATIENCE:
            self._gaps = 0
            await self._store.write(lambda c: results.fork(c, scope, self._new_device()))
        else:
            await self._store.write(lambda c: results.gap(c, scope, expected, self._new_device()))

    async def _unreadable(self, scope: Scope, push: Push, first_new: int, error: StatusError) -> None:
        """Nothing of the push was taken: find the mutation that it is about, or a size that gets through, and park a
        mutation that never will. Raises the error where an earlier attempt, of which it says nothing, is in doubt."""
        if len(push.mutations) > 1:
            if not error.is_in_doubt:
                await self._take_back(scope, first_new)
            self._limit = len(push.mutations) // 2
        elif error.is_in_doubt or push.mutations[0].seq < first_new:
            await self._ask(scope, push)
            raise error
        else:
            await self._store.write(lambda c: results.poison(c, scope, push.mutations[0], _reason(error)))
            self._limit = MAX_MUTATIONS

    async def _ask(self, scope: Scope, push: Push) -> None:
        """Ask how far the server is. What it has decided keeps its seq, and is sent again for its fate; what it has not
        waits as if never sent."""
        try:
            known = await self._remote.push(scope.account, replace(push, mutations=[]))
        except Fork:
            await self._fork(scope, push)
            return
        if known.settled < push.mutations[0].seq:
            await self._take_back(scope, push.mutations[0].seq)

    async def _take_back(self, scope: Scope, seq: int) -> None:
        await self._store.write(lambda c: pushes.take_back(c, scope, seq))

    def _new_device(self) -> str:
        return new_id(self._clock.now())

    # ------------------------------------------------------------ pull

    def _set_aside(self, subscription: str, error: UnknownCollection) -> None:
        """A collection that the server does not have must not keep the others from being fetched."""
        name = error.details.get("collection")
        if name not in subscription.split(","):
            raise error
        _log.warning("the collection %s is not kept in step: %s", name, error)
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


def _is_about_content(error: StatusError) -> bool:
    """Whether a push is refused for what is in it: by the server's own word, or for its size by anything on the way."""
    return error.status == 413 or (error.is_from_server and error.code in _UNREADABLE)


def _is_untaken(error: HinterlandError) -> bool:
    """Whether certainly nothing of a push was taken, in none of its attempts."""
    if isinstance(error, StatusError) and error.is_from_server and error.code in _NOT_NOW:
        return not error.is_in_doubt
    return error.sent == "no"


def _reason(error: StatusError) -> Problem:
    if not error.is_from_server:
        return Refusal("too_large", "something on the way to the server takes no requests of this size").problem()
    return Problem(
        title=error.message, status=error.status, code=error.code, message=error.message, errors=error.errors
    )


def _next(scope: Scope, limit: int, connection: Connection) -> tuple[Push, int] | None:
    first_new = pushes.first_new(connection, scope)
    push = pushes.next_push(connection, scope, limit)
    return None if push is None else (push, first_new)


def _next_pull(scope: Scope, subscription: str, connection: Connection) -> Pull:
    [device] = connection.execute("SELECT device FROM spaces WHERE space = ?", (scope.space,)).fetchone()
    cursor = pulls.position(connection, scope, subscription).cursor
    return Pull(collections=subscription.split(","), cursor=cursor, device=device if scope.account != "" else "")
