"""What a device did while it was away, applied exactly once and in order, however often and late it is pushed."""

from __future__ import annotations

from collections.abc import Sequence

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import DEVICE_HINT, Principal, is_device_id
from hinterland.contract.sync import MAX_MUTATIONS, MAX_PUSH_WRITES, MAX_WRITES, Mutation, Push, PushResult, Settled
from hinterland.server.data.commands import Commands
from hinterland.server.data.devices import Device
from hinterland.server.data.once_by_step import OnceByStep
from hinterland.server.data.requests import WriteRequest, WriteResult
from hinterland.server.data.steps import DeviceStep, step_of
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.system import PreconditionFailed

_TRIES = 3


class Pusher:
    """Takes pushes."""

    def __init__(self, storage: Storage, commands: Commands) -> None:
        self._storage = storage
        self._commands = commands

    async def push(self, caller: Principal, push: Push) -> PushResult:
        """Settle the push's mutations. Raises `unauthorized`, `invalid_body`, `too_large`, `gap`, `fork` and
        `unacknowledged`: then nothing of it was settled; and what the database refuses for a while: then the same
        push can be retried."""
        if not caller.is_signed_in:
            raise Refusal("unauthorized", "sign in to sync", headers=(("WWW-Authenticate", "Bearer"),))
        mutations = _in_order(push)
        account = str(caller.id)
        steps = [step_of(account, push.device, mutation) for mutation in mutations]
        async with self._storage.snapshot() as snapshot:
            device = await Device.read(snapshot, account, push.device, steps)
        device.check(steps, push.acknowledged)
        requests = [
            request_of(caller, step, mutation)
            for step, mutation in zip(steps, mutations, strict=True)
            if step.seq > push.acknowledged
        ]
        forgetting = WriteRequest((), acts=device.forgetting(push.acknowledged))
        results = await self._settle(requests, forgetting)
        return PushResult(results=results, settled=max(device.settled, results[-1].seq if results else 0))

    async def _settle(self, requests: Sequence[WriteRequest], forgetting: WriteRequest) -> list[Settled]:
        """The outcomes, in order. A request that another process's write made fail is tried again with those after
        it."""
        results: list[Settled] = []
        for _ in range(_TRIES):
            # Ids are forgotten last, so that the push that acknowledges them may still name records by stand-ins.
            group = [*requests[len(results) :], *([forgetting] if forgetting.acts else ())]
            answers = await self._commands.submit_all(group)
            error = _take(answers, results)
            if error is None:
                return results
            if not isinstance(error, PreconditionFailed):
                raise error
        message = "other writes keep getting ahead of this push; send it again"
        raise Refusal("unavailable", message, retry_after=1)


def _take(answers: Sequence[WriteResult | BaseException], results: list[Settled]) -> BaseException | None:
    """Add the outcomes before the first error to `results`; returns that error, if there is one."""
    for answer in answers:
        if isinstance(answer, BaseException):
            return answer
        if answer.settled is not None:
            results.append(answer.settled)
    return None


def request_of(caller: Principal, step: DeviceStep, mutation: Mutation) -> WriteRequest:
    """A device's mutation as the writer takes it."""
    timestamp = mutation.timestamp or None
    once, origin = OnceByStep.of(step, mutation), f"{step.account}/{step.device}"
    return WriteRequest(mutation.writes, caller, once=once, origin=origin, base=mutation.base, timestamp=timestamp)


def _in_order(push: Push) -> list[Mutation]:
    """The mutations by seq, each once. Raises `invalid_body` and `too_large`, naming the mutation."""
    if not is_device_id(push.device):
        raise Refusal("invalid_body", f"device: {DEVICE_HINT}")
    if len(push.mutations) > MAX_MUTATIONS:
        raise Refusal("too_large", f"a push takes at most {MAX_MUTATIONS} mutations, this has {len(push.mutations)}")
    by_seq: dict[int, Mutation] = {}
    for mutation in push.mutations:
        _check(mutation)
        if by_seq.setdefault(mutation.seq, mutation) != mutation:
            raise Refusal("fork", f"mutation {mutation.seq} is there twice, with different content")
    count = sum(len(mutation.writes) for mutation in push.mutations)
    if count > MAX_PUSH_WRITES:
        raise Refusal("too_large", f"a push takes at most {MAX_PUSH_WRITES} writes, this has {count}: send fewer")
    return [by_seq[seq] for seq in sorted(by_seq)]


def _check(mutation: Mutation) -> None:
    place = f"mutation {mutation.seq}"
    if mutation.seq < 1:
        raise Refusal("invalid_body", f"{place}: seq counts from 1")
    if len(mutation.writes) > MAX_WRITES:
        raise Refusal("too_large", f"{place}: it has {len(mutation.writes)} writes, at most {MAX_WRITES} can be one")
    if mutation.base and len(mutation.base) != len(mutation.writes):
        raise Refusal("invalid_body", f"{place}: base must have a revision for each of its writes")
