"""One round of synchronisation: hand in what waits, then fetch what is new."""

from __future__ import annotations

from functools import partial

from hinterland.client.errors import BadRequest, Fork, Gap, HinterlandError, InvalidCursor, StatusError
from hinterland.client.local import pulls, pushes, results
from hinterland.client.local.connection import Connection, Scope
from hinterland.client.local.remote import Remote
from hinterland.client.local.store import Store
from hinterland.contract.errors import Problem
from hinterland.contract.identity import new_id
from hinterland.contract.sync import MAX_MUTATIONS, Pull, Push
from hinterland.kit.clock import Clock

_PATIENCE = 3  # answers in a row that name a gap; then the server and this device will never agree on the seqs
_UNREADABLE = ("invalid_body", "validation", "too_large")


class Rounds:
    """Pushes and pulls of a store."""

    def __init__(self, store: Store, remote: Remote, clock: Clock) -> None:
        self._store = store
        self._remote = remote
        self._clock = clock
        self._limit = MAX_MUTATIONS
        self._gaps = 0

    async def run(self, scope: Scope, subscription: str) -> None:
        """Push until nothing waits, then pull until nothing is left. Raises the client's errors; what is done stays."""
        if scope.account != "":
            while (step := await self._store.write(partial(_next, scope, self._limit))) is not None:
                await self._push(scope, *step)
        if subscription:
            while await self._pull(scope, subscription):
                pass

    # ------------------------------------------------------------ push

    async def _push(self, scope: Scope, push: Push, first_new: int) -> None:
        try:
            result = await self._remote.push(scope.account, push)
        except Fork:
            await self._fork(scope, push)
        except Gap as error:
            await self._gap(scope, error)
        except BadRequest as error:
            await self._unreadable(scope, push, error)
        except HinterlandError as error:
            if error.sent == "no":
                await self._store.write(lambda c: pushes.take_back(c, scope, first_new))
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

    async def _unreadable(self, scope: Scope, push: Push, error: StatusError) -> None:
        """The server could not read the push, and took nothing: find the mutation that it is about, and park it."""
        if error.code not in _UNREADABLE:
            raise error
        if len(push.mutations) > 1:
            self._limit = len(push.mutations) // 2
            return
        problem = Problem(
            title=error.message, status=error.status, code=error.code, message=error.message, errors=error.errors
        )
        await self._store.write(lambda c: results.poison(c, scope, push.mutations[0].seq, problem))
        self._limit = MAX_MUTATIONS

    def _new_device(self) -> str:
        return new_id(self._clock.now())

    # ------------------------------------------------------------ pull

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


def _next(scope: Scope, limit: int, connection: Connection) -> tuple[Push, int] | None:
    first_new = pushes.first_new(connection, scope)
    push = pushes.next_push(connection, scope, limit)
    return None if push is None else (push, first_new)


def _next_pull(scope: Scope, subscription: str, connection: Connection) -> Pull:
    [device] = connection.execute("SELECT device FROM spaces WHERE space = ?", (scope.space,)).fetchone()
    cursor = pulls.position(connection, scope, subscription).cursor
    return Pull(collections=subscription.split(","), cursor=cursor, device=device if scope.account != "" else "")
