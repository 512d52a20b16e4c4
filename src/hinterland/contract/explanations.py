"""Why a rule allows a user something or does not: asked by administrators."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hinterland.contract.identity import RecordId
from hinterland.contract.records import Document

RuleAction = Literal["list", "view", "create", "update", "delete", "read"]


class RuleQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whether the rule of `action` lets a `user` do it: by id, or with an @ by e-mail address ("": signed out).

    It is asked of the record `id` of the `collection` (below `parent`); for an update, as it would be after a PATCH of
    `body`; for a creation, of a new record of `body`. `acr`: how the user signed in. The action "read" is asked of a
    `field` of the record: its own read rule decides beside the one that shows the record.
    """

    collection: str
    action: RuleAction
    user: str = ""
    acr: Literal["aal1", "aal2"] = "aal1"
    parent: str = ""
    id: RecordId = ""
    body: Document = {}
    field: str = ""


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the `rule` (absent: it allows administrators only) is true; else the `part` of it that refused, and where
    the value of that is an error, its `reason`.

    `values` has what the rule reads, by the path: null where there is no value. A question to another collection is in
    it by its text, with its answer: null for an error.
    """

    allowed: bool
    rule: str = ""
    part: str = ""
    reason: str = ""
    values: dict[str, Any] = {}
