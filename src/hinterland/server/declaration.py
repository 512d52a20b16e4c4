"""What an app file declares, and how it is read."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from hinterland.contract.changes import WriteKind
from hinterland.contract.channels import Channel
from hinterland.contract.linking import linked
from hinterland.contract.operations import OPERATIONS, AuthMode, Method, Operation
from hinterland.contract.own_operations import joined, typed_by
from hinterland.contract.records import Collection, users
from hinterland.kit.closest_first import closest_first
from hinterland.server.hooks import A, B, Hooks
from hinterland.server.settings import Settings


class AppFileError(Exception):
    """The app file can't be used; the message says where and why."""


OperationFunction = Callable[[Any, Any], Awaitable[Any]]
_H = TypeVar("_H", bound=OperationFunction)


class App:
    """An app's backend: its collections with their rules, its own operations, its settings and its hooks.

    `users` is declared for you where `collections` does not hold it. `operations` is the table with the app's own,
    `handlers` are what carries these out, by name. `auth_fields` are fields of `users` that rules may read of the
    caller: with `("plan",)` they have `auth.plan`. Only administrators may write such a field (`write="admin"`).
    `channels` are what clients join by a socket.
    """

    def __init__(
        self,
        *,
        name: str = "hinterland",
        collections: Sequence[Collection] = (),
        settings: Settings | None = None,
        auth_fields: Sequence[str] = (),
        channels: Sequence[Channel] = (),
    ) -> None:
        if isinstance(auth_fields, str):
            raise ValueError(f"auth_fields must be a list of names; write auth_fields=({auth_fields!r},)")
        self.name = name
        self.auth_fields: tuple[str, ...] = (*dict.fromkeys(auth_fields),)
        self.channels: tuple[Channel, ...] = (*channels,)
        self.settings = settings or Settings()
        has_users = any(collection.name == "users" for collection in collections)
        self.collections: tuple[Collection, ...] = linked((*collections,) if has_users else (users(), *collections))
        self.operations: dict[str, Operation] = dict(OPERATIONS)
        self.handlers: dict[str, OperationFunction] = {}
        self.hooks = Hooks()

    @property
    def own_operations(self) -> list[Operation]:
        """The rows of the app's own operations."""
        return [self.operations[name] for name in self.handlers]

    def operation(
        self, operation: str | Operation, *, method: Method = "POST", path: str = "", auth: AuthMode = "required",
        max_bytes: int = 0,
    ) -> Callable[[_H], _H]:  # fmt: skip
        """Declare an operation of your own, carried out by the decorated `async (backend, call) -> output`.

        By its name: the annotations `Call[Input]` and `-> Output` give the types, the docstring's first line the
        summary, and it is served at `/v1/functions/{name}`, or at a `path` below. Or as a row, which a Python client
        can be given too. Raises ValueError for what is in use or not possible.
        """

        if callable(operation):
            raise ValueError("name the operation, as in @app.operation('orders.total')")

        def add(handler: _H) -> _H:
            row = operation if isinstance(operation, Operation) else None
            if row is None:
                made = Operation(name=str(operation), method=method, path=path, auth=auth, max_bytes=max_bytes)
                row = typed_by(made, handler)
            _check_function(row.name, handler)
            self.operations = joined(self.operations, [row])
            self.handlers[row.name] = handler
            return handler

        return add

    def before(self, collection: str, *kinds: WriteKind) -> Callable[[B], B]:
        """Decorate an async function that runs before the collection's writes of these `kinds` ("create", "update",
        "delete"; all where none is named). It takes a `BeforeWrite`, or the backend and that, and returns a changed
        body, or None to keep it; to refuse the write, it raises `Refuse`."""
        self._check(collection)

        def declare(hook: B) -> B:
            self.hooks.add_before(collection, kinds, hook)
            return hook

        return declare

    def after(self, collection: str) -> Callable[[A], A]:
        """Decorate an async function that runs after each change of the collection, in the order of the log and at
        least once. It takes an `AfterWrite`, or the backend and that."""
        self._check(collection)

        def declare(hook: A) -> A:
            self.hooks.add_after(collection, hook)
            return hook

        return declare

    def _check(self, collection: str) -> None:
        names = [declared.name for declared in self.collections]
        if collection not in names:
            raise ValueError(f"unknown collection {collection!r} of a hook; declared are {', '.join(names)}")


def _check_function(name: str, function: Callable[..., object]) -> None:
    """Raises ValueError for what can't carry out an operation."""
    if not inspect.iscoroutinefunction(function):
        raise ValueError(f"operation {name!r}: its function is not async; declare it with async def")
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise ValueError(f"operation {name!r}: its function must take two arguments, (backend, call)") from None


def load(path: Path) -> App:
    """The `app` that a Python file declares. Raises `AppFileError` with the line at fault."""
    if not path.is_file():
        beside = path.with_name(f"{path.name}.py")
        if beside.is_file():
            raise AppFileError(f"there is no app file {path}; did you mean {beside}?")
        raise AppFileError(f"there is no app file {path}; `hinterland serve` without one starts an empty backend")
    spec = importlib.util.spec_from_file_location("hinterland_app", path.resolve())
    if spec is None or spec.loader is None:
        raise AppFileError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent.resolve()))  # an app file may have others beside it
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise AppFileError(_described(path, error)) from error
    app = getattr(module, "app", None)
    if not isinstance(app, App):
        raise AppFileError(f"{path} declares no app; add `app = App(...)`, with App from `hinterland.server`")
    return app


def _described(path: Path, error: BaseException) -> str:
    """Where the error is and what it says; of one of syntax, in the app file or one beside it, the line too."""
    name = type(error).__name__
    if isinstance(error, SyntaxError) and error.text and error.filename and Path(error.filename).is_file():
        shown = path if Path(error.filename) == path.resolve() else error.filename
        return f"{shown}, line {error.lineno}: {name}: {error.msg}\n  {error.text.strip()}"
    place = _place(path, error.__traceback__)
    if place is None:
        return f"{path}: {name}: {error}"
    description = _wrong_argument(str(error), path, place) if isinstance(error, TypeError) else ""
    return f"{path}, line {place.tb_lineno}: {name}: {description or error}"


def _place(path: Path, walked: TracebackType | None) -> TracebackType | None:
    """The innermost place of the app file itself."""
    place = None
    while walked is not None:
        if Path(walked.tb_frame.f_code.co_filename) == path.resolve():
            place = walked
        walked = walked.tb_next
    return place


def _wrong_argument(message: str, path: Path, place: TracebackType) -> str:
    """What is wrong with the arguments of a declaration, with its name, which msgspec does not say; else ""."""
    called = _called(path, place)
    fields: tuple[str, ...] = getattr(called, "__struct_fields__", ())
    if called is None or not fields:
        return ""
    if message == "Extra positional arguments provided":
        return f"{called.__name__}() takes its arguments by name; write {called.__name__}({fields[0]}=...)"
    unknown = re.fullmatch("Unexpected keyword argument '(.*)'", message)
    if unknown is None:
        return ""
    known = ", ".join(closest_first(unknown[1], fields))
    return f"{called.__name__}() has no argument {unknown[1]!r}; use one of {known}"


def _called(path: Path, place: TracebackType) -> type | None:
    """The class that the app file called at `place`, by its name there."""
    line, end_line, column, end_column = [*place.tb_frame.f_code.co_positions()][place.tb_lasti // 2]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset) == (line, end_line, column, end_column):
            found = place.tb_frame.f_globals.get(node.func.id)
            return found if isinstance(found, type) else None
    return None
