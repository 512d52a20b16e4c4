"""What an open collection takes under a name that it does not declare."""

from __future__ import annotations

from typing import Any

from hinterland.contract.kinds.field import Transform
from hinterland.contract.kinds.json import Json
from hinterland.contract.kinds.list import add, remove
from hinterland.contract.kinds.number import increment
from hinterland.kit import strict_json


class Undeclared(Json, frozen=True, kw_only=True, omit_defaults=True, tag="undeclared"):
    """Any JSON value. A transform fits where the value that the record has is of its kind."""

    def transforms(self) -> dict[str, Transform]:
        """All four."""
        array = {"type": "array"}
        return {
            "$increment": Transform(_increment, {"type": "number"}),
            "$add": Transform(lambda old, operand, _now: add(*_lists("$add", old, operand)), array),
            "$remove": Transform(lambda old, operand, _now: remove(*_lists("$remove", old, operand)), array),
            "$now": Transform(lambda _old, _operand, now: now, {}),
        }


UNDECLARED = Undeclared()


def _increment(old: Any, operand: Any, now: str) -> Any:
    return strict_json.checked(increment(old, operand, now))


def _lists(word: str, old: Any, operand: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(operand, list) or not isinstance(old, list | None):
        raise ValueError(f"{word} takes a list, and needs a list or nothing in the record")
    return old or [], operand
