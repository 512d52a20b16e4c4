"""Hooks: an app's own functions that run before its records are written, and after."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_args

import msgspec

from hinterland.contract.changes import WriteKind
from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal, RecordId
from hinterland.contract.records import Document

RefuseCode = Literal["validation", "forbidden", "conflict"]


class BeforeWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A write that is about to happen.

    `id` is None where the server has yet to give it. `body` is what the caller sent: the fields of a new record or of a
    PUT, with `is_patch` those that change, and none of a deletion. `old` is the record that is written over (None: it
    is created), with all its fields, `id` and times; the write happens only while the record is still that.
    """

    caller: Principal
    collection: str
    kind: WriteKind
    id: RecordId | None
    parent: str
    body: Document
    is_patch: bool
    old: Document | None


class AfterWrite(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is durable: the record before it (None: created) and after it (None: deleted), with all fields.

    `revision` is the change's own: no other change has it, and later ones have higher ones. `at` is when it was
    written, in seconds since 1970.
    """

    collection: str
    kind: WriteKind
    id: RecordId
    parent: str
    revision: int
    at: float
    old: Document | None
    new: Document | None


BeforeHook = Callable[[Any, BeforeWrite], Awaitable[Document | None]]
AfterHook = Callable[[Any, AfterWrite], Awaitable[None]]
"""A hook as it is called: with the backend and the write."""
B = TypeVar("B", bound=BeforeHook | Callable[[BeforeWrite], Awaitable[Document | None]])
A = TypeVar("A", bound=AfterHook | Callable[[AfterWrite], Awaitable[None]])


class Refuse(Refusal):
    """What a before-hook raises to refuse a write: a `message` for people, and `errors` by field."""

    def __init__(
        self,
        message: str = "",
        *,
        errors: Mapping[str, str | Sequence[str]] | None = None,
        code: RefuseCode = "validation",
    ) -> None:
        known = [*get_args(RefuseCode)]
        if code not in known:
            raise ValueError(f"a hook refuses with the code {', '.join(known)}, not {code!r}")
        listed = {name: [given] if isinstance(given, str) else [*given] for name, given in (errors or {}).items()}
        first = next((f"{name}: {messages[0]}" for name, messages in listed.items() if messages), "")
        super().__init__(code, message or first, errors=listed)


class Hooks:
    """The hooks of an app, in the order in which they were declared: before-hooks by collection and kind,
    after-hooks by name, with their collections."""

    def __init__(self) -> None:
        self.collections: set[str] = set()  # that have before-hooks
        self.before: dict[tuple[str, WriteKind], list[BeforeHook]] = {}
        self.after: dict[str, tuple[str, AfterHook]] = {}

    def add_before(self, collection: str, kinds: Sequence[WriteKind], hook: Callable[..., Any]) -> None:
        """Run `hook` before writes of these kinds, of all kinds where none is named. Raises ValueError."""
        called = _with_backend(hook)
        for kind in kinds:
            if kind not in get_args(WriteKind):
                raise ValueError(f"a before-hook is for unknown writes {kind!r}; use create, update or delete")
        self.collections.add(collection)
        for kind in kinds or get_args(WriteKind):
            self.before.setdefault((collection, kind), []).append(called)

    def add_after(self, collection: str, hook: Callable[..., Any]) -> None:
        """Run `hook` after each change of the collection. Raises ValueError."""
        called = _with_backend(hook)
        name = f"{collection}.{name_of(hook)}"
        if name in self.after:
            raise ValueError(f"two after-hooks of {collection} are named {name_of(hook)}; rename one")
        self.after[name] = (collection, called)


def name_of(hook: object) -> str:
    """The name of a hook's function."""
    return getattr(hook, "__name__", type(hook).__name__)


def _with_backend(hook: Callable[..., Any]) -> Callable[[Any, Any], Awaitable[Any]]:
    """The hook as it is called, also where it takes the write alone. Raises ValueError where it takes neither."""
    if not inspect.iscoroutinefunction(hook):
        raise ValueError(f"the hook {name_of(hook)} is not async; declare it with async def")
    if not _takes(hook, 1):
        if not _takes(hook, 2):
            raise ValueError(f"the hook {name_of(hook)} must take (write), or (backend, write)")
        return hook

    @functools.wraps(hook)
    async def alone(backend: Any, write: Any) -> Any:
        return await hook(write)

    return alone


def _takes(hook: Callable[..., Any], count: int) -> bool:
    """Whether the hook can be called with so many arguments."""
    try:
        inspect.signature(hook).bind(*[None] * count)
    except TypeError:
        return False
    return True
