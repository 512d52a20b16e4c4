"""Sequences of steps of a device that are written by hand."""

from __future__ import annotations

from typing import Any

from tests.vectors.drawing_steps import whole_step
from tests.vectors.given import Case

_FIELDS: Case = {"title": {"kind": "text"}, "count": {"kind": "integer", "merge": "counter"}}
SCHEMAS: dict[str, Case] = {
    "counted": {"name": "notes", "fields": _FIELDS},
    "integer_ids": {"name": "notes", "fields": _FIELDS, "ids": "integer"},
}
_TEMPORARY = "~0123456789abcdefghjkmnpqrs"


def _steps(*steps: Case, schema: str | None = "counted") -> Case:
    return {"schema": schema, "steps": [whole_step(number, step) for number, step in enumerate(steps, 1)]}


def _pull(*changes: Case, **more: Any) -> Case:
    return {"do": "pull", "changes": [*changes], **more}


def _commit(*changes: Case) -> Case:
    return {"do": "commit", "changes": [*changes]}


def _seen(id: str | int, title: str = "a", kind: str = "update") -> Case:
    return {"kind": kind, "id": id, "title": title, "count": 1}


def _write(act: str, id: str | int = "x", **body: Any) -> Case:
    return {"do": "write", "writes": [{"act": act, "id": id, **({"body": body} if body else {})}]}


def _answer(*statuses: str) -> Case:
    return {"do": "answer", "statuses": [*statuses]}


_PUSH: Case = {"do": "push", "limit": 100}
_STRICT: Case = {
    "name": "notes",
    "fields": {"title": {"kind": "text", "max_length": 2}, "count": {"kind": "integer", "minimum": 0, "maximum": 9}},
}
STEPS = [
    _steps(
        _pull(_seen("x")), _write("patch", title="mine"), _write("patch", count={"$increment": 1}),
        {"do": "describe", "collection": _STRICT}, _write("patch", title="long"), _write("patch", title="ok"), _PUSH,
        _answer("applied", "applied", "applied"), _commit(_seen("x", "b")),
    ),
    _steps(
        _pull(_seen("x")), _write("patch", title="mine", other=1), {"do": "describe", "collection": _STRICT},
        _write("create", "y", title="ok"), schema=None,
    ),
    _steps(_pull(_seen("x"), _seen("y"))),
    _steps(_pull(_seen("x"), more=True), _pull(_seen("y"), settled=0)),
    _steps(_pull(_seen("x")), _commit(_seen("x", "b")), _commit(_seen("x", kind="delete")), _commit(_seen("y",
    kind="left"))),
    _steps(_commit(_seen("x")), _pull(), _commit(_seen("x"))),
    _steps(_pull(_seen("x"), _seen("y")), _pull(_seen("x", "b"), restart=["notes"])),
    _steps(
        _pull(_seen("x"), _seen("y")), _pull(_seen("x", "b"), restart=["notes"], more=True), _commit(_seen("y", "c")),
        _pull(complete=["notes"], more=True), _pull(),
    ),
    _steps(_pull(_seen("x"), _seen("y")), {"do": "start_again"}, _pull(_seen("y"))),
    _steps(_pull(_seen("x")), _pull(_seen("y"), is_outdated=True)),
    _steps(_pull(_seen("x")), {"do": "distrust"}, _commit(_seen("x", "b")), _pull(), _commit(_seen("x", "c"))),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _PUSH, _commit(_seen("x", "b")), _pull(settled=1),
    _answer("applied")),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _PUSH, _answer("applied"), _commit(_seen("y")),
    _commit(_seen("x", "b"))),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _PUSH, _answer("lost"), _pull(_seen("x", "b"), settled=1)),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _PUSH, _answer("refused"), _pull(), {"do": "retry",
    "position": 0}, _PUSH),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _PUSH, _answer("withdrawn"), {"do": "discard",
    "position": 0}),
    _steps(_pull(), _write("create", title="new"), _write("patch", title="more"), _PUSH, _answer("refused"),
    _answer("refused")),
    _steps(_pull(), _write("create", title="new"), {"do": "push", "limit": 1}, _write("patch", title="more"),
    _answer("refused")),
    _steps(_pull(_seen("x")), _write("create"), _write("patch", "z", title="a"), _write("delete"), _PUSH),
    _steps(_pull(_seen("x")), _write("delete"), _commit(_seen("x", "b")), _PUSH, _answer("applied"), _pull(settled=1)),
    _steps(_pull(), _write("create", title="new"), _PUSH, {"do": "fork"}, _PUSH, _answer("applied"), _pull(settled=1)),
    _steps(_pull(), _write("create", title="new"), _PUSH, _answer("applied"), {"do": "gap", "expected": 1}, _PUSH),
    _steps(_pull(), _write("create", title="new"), _PUSH, {"do": "gap", "expected": 5}, _PUSH),
    _steps(_pull(_seen("x")), _write("patch", count={"$increment": 2}), _pull(_seen("x", "b")), _PUSH,
    _answer("applied")),
    *[
        _steps(
            _pull(), _write("create", _TEMPORARY, title="new"), _write("patch", _TEMPORARY, title="more"), _PUSH,
            _answer("applied"), _PUSH, _commit(_seen(7, "b")), _write("patch", _TEMPORARY, title="last"), schema=schema,
        )
        for schema in ("integer_ids", None)
    ],
    _steps(
        _pull(), _write("create", _TEMPORARY, title="new"), _PUSH, _answer("applied"), _pull(settled=0), _PUSH,
        _answer("applied"), schema="integer_ids",
    ),
    _steps(_pull(_seen("x")), _write("patch", title="mine"), _write("patch", count=5), _PUSH, _answer("applied"),
    _pull(settled=1)),
]  # fmt: skip
