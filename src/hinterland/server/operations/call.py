"""One call of an operation: what every protocol makes of its requests, and what operations are carried out from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.server.backend import Backend
from hinterland.server.security.limits import network_of

Input = TypeVar("Input")
FormFields = Mapping[str, Any]
"""A body as it was sent, which the operation checks itself."""


class Preconditions(msgspec.Struct, frozen=True):
    """What must be true of a record for the call to go on: whether it `exists`, that its revision is one of `revisions`
    (an empty set: it never is), and none of `other_than`. None: not asked."""

    exists: bool | None = None
    revisions: frozenset[int] | None = None
    other_than: frozenset[int] = frozenset()

    def check(self, name: str, revision: int) -> None:
        """Raises `stale` where a record that exists, called `name`, has another revision."""
        if self.revisions is not None and revision not in self.revisions:
            raise Refusal("stale", f"{name} was changed: it no longer has the revision that the request asks for")
        if revision in self.other_than:
            raise Refusal("stale", f"{name} has a revision that the request excludes")


UNCONDITIONAL = Preconditions()


class Call(msgspec.Struct, Generic[Input], frozen=True):
    """Who calls with what. `key` is the idempotency key ("" for none) and `fingerprint` a digest of the request that it
    names; where that consists of several calls, `part_key` is the key of this one. `deadline` is the instant of the
    monotonic clock at which the call is cancelled, None where it is not; `address` is the caller's, `user_agent` the
    name that its client gives itself.
    """

    caller: Principal
    input: Input
    key: str = ""
    fingerprint: str = ""
    part_key: str = ""
    preconditions: Preconditions = UNCONDITIONAL
    deadline: float | None = None
    address: str = ""
    user_agent: str = ""

    @property
    def asker(self) -> str:
        """The name by which costly work is shared: the user's, or the network of a caller who is not signed in."""
        return str(self.caller.id) if self.caller is not SIGNED_OUT else f"address/{network_of(self.address)}"


class Reply(NamedTuple):
    """An output with what a protocol says of it: the `place` of what was created, whether it is the stored response of
    a repeated call, for how many seconds it can be cached, and the `tag` that changes with it ("": it has none)."""

    output: Any
    place: str = ""
    is_replayed: bool = False
    max_age: int = 0
    tag: str = ""


Handler = Callable[[Backend, Call[Any]], Awaitable[Any]]
"""What carries out an operation. It returns the output, `msgspec.Raw` where that is JSON already, or a `Reply`; it
raises `Refusal`."""
