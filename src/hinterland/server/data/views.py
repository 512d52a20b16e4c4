"""What a caller sees of a collection, decided the same for lists, events and pulls: by the list rule.

The view rule decides on single reads. Callers for whom rules, filter and private fields depend on the same values of
`auth` share one view, so that a change is judged and encoded once for all of them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.events import ChangeKind
from hinterland.contract.identity import Principal, RecordId
from hinterland.kit.cel.equalities import Equalities, Equality, equalities, lightest
from hinterland.kit.cel.metering import METER, Meter, OverBudget
from hinterland.kit.cel.predicates import Predicate
from hinterland.kit.cel.typed import RELATED
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Catalogue, Entry
from hinterland.server.data.related import Related, related_key, related_to
from hinterland.server.data.rules import Rule, RuleOperands
from hinterland.server.data.select.visibility import filtering, rule_of
from hinterland.server.storage.protocol import Snapshot, StoredRecord

_SIMPLE_SIZE = 100  # parts of a filter, about ten microseconds


class RecordText:
    """A record as some views show it: JSON `text`, and its bytes in events, made once for all of them."""

    __slots__ = ("_bytes", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._bytes: dict[bytes, bytes] = {}

    def encoded(self) -> bytes:
        """The text in UTF-8."""
        return self._made(b"", lambda data: data)

    def in_lines(self, newline: bytes) -> bytes:
        """The same with each value in a line of its own, as part of an object; `newline` begins a line."""
        return self._made(newline, lambda data: msgspec.json.format(data, indent=1).replace(b"\n", newline + b" "))

    def _made(self, key: bytes, make: Callable[[bytes], bytes]) -> bytes:
        data = self._bytes.get(key)
        if data is None:
            data = self._bytes[key] = make(self.text.encode())
        return data


class Version:
    """One state of a record, decoded, judged and encoded at most once, however many views look at it."""

    __slots__ = ("_full", "_meta", "_passed", "_texts", "record")

    def __init__(self, record: StoredRecord) -> None:
        self.record = record
        self._full: dict[str, Any] | None = None
        self._meta: dict[str, Any] | None = None
        self._passed: dict[Predicate, bool] = {}
        self._texts: dict[frozenset[str] | None, RecordText] = {}

    def variable(self, rule: Rule) -> dict[str, Any]:
        """The variable `record` for `rule`."""
        return self.values(needs_document=rule.needs_document)

    def values(self, *, needs_document: bool) -> dict[str, Any]:
        """The variable `record`; its document is decoded only where that is needed."""
        if not needs_document:
            if self._meta is None:
                self._meta = documents.meta_of(self.record)
            return self._meta
        if self._full is None:
            self._full = documents.with_meta(self.record, documents.document_of(self.record))
        return self._full

    def passes(self, test: Predicate, rule: Rule, meter: Meter | None) -> bool:
        """Whether a part of `rule` that reads nothing but the record is true. Raises OverBudget where `meter` ends."""
        passed = self._passed.get(test)
        if passed is None:
            passed = self._passed[test] = test({"record": self.variable(rule), METER: meter}) is True
        return passed

    def text(self, shown: frozenset[str] | None) -> RecordText:
        """The record with the private fields that are `shown`; None: all."""
        text = self._texts.get(shown)
        if text is None:
            text = self._texts[shown] = RecordText(documents.wire(self.record, shown))
        return text


def version(record: StoredRecord | None) -> Version | None:
    """The version that a record is; None stays None."""
    return None if record is None else Version(record)


class Delta(NamedTuple):
    """What happened to one record: its state before and after, None where it did not exist."""

    parent: str
    id: RecordId
    revision: int
    before: Version | None
    after: Version | None


class SeenChange(NamedTuple):
    """A change as a view shows it: with the record after it, where that is in the view. Equal ones have the same
    bytes."""

    kind: ChangeKind
    record: RecordText | None = None


class View:
    """A collection as those callers see it whose `auth` has the same values where it matters.

    `is_costly`: its work must be counted, since it grows with texts or lists, or the caller's filter is long.
    `related`: the answers to what its rules ask of other collections; with others it is another view.
    """

    def __init__(
        self,
        entry: Entry,
        caller: Principal,
        filter: Rule | None,
        key: tuple[object, ...],
        related: Related | None = None,
    ) -> None:
        self.entry = entry
        self.caller = caller
        self.related = related
        self.name = entry.name
        self.key = key
        parts = (entry.definition, key) if related is None else (entry.definition, key, related.digest)
        self.fingerprint = hashlib.sha256(repr(parts).encode()).digest()[:8]
        self.auth = caller.as_auth()
        listing = entry.rules["list"]
        self._rules = [rule for rule in (None if caller.is_admin else listing, filter) if rule and not rule.is_true]
        self._tests = [(rule, rule.parts) for rule in self._rules]
        self._filter = self.filter = filter
        self._steps = 0 if filter is None else filter.size
        asking = [rule for name in (() if caller.is_admin else entry.asking) if (rule := entry.private[name])]
        self.is_costly = self._steps > _SIMPLE_SIZE or any(rule.is_metered for rule in (*self._rules, *asking))
        self._is_empty = (listing is None and not caller.is_admin) or not self._passes_auth()
        self.private: Mapping[str, Rule | None] = {} if caller.is_admin else entry.private

    def equalities(self, weight: Callable[[Equality], int]) -> Equalities:
        """What a record needs to be in the view, as far as equalities of its fields say it."""
        if self._is_empty:
            return ()
        given = {"auth": self.auth, RELATED: self.related}
        return lightest([equalities(rule.tree, "record", given, weight) for rule in self._rules], weight)

    def _passes_auth(self) -> bool:
        variables = {"auth": self.auth}
        return all(test(variables) is True for _, parts in self._tests for test in parts.of_auth)

    def sees(self, version: Version, meter: Meter | None = None, *, is_alone: bool = False) -> bool:
        """Whether the record is in the view.

        Raises OverBudget where the `meter` ends. Where that is for this record alone (`is_alone`), and where there is
        none, the rule denies what it can't decide.
        """
        if self._is_empty:
            return False
        if meter is None:
            return self._passes(self._tests, version, None)
        meter.spend(self._steps)
        for test in self._tests:
            try:
                if not self._passes((test,), version, meter):
                    return False
            except OverBudget:
                if test[0] is self._filter or not is_alone:
                    raise
                return False
        return True

    def _passes(self, tests: Sequence[tuple[Rule, RuleOperands]], version: Version, meter: Meter | None) -> bool:
        for rule, (of_record, _, of_both) in tests:
            for test in of_record:
                if not version.passes(test, rule, meter):
                    return False
            if of_both:
                variables: dict[str, Any] = {"record": version.variable(rule), "auth": self.auth, METER: meter}
                if self.related is not None:
                    variables[RELATED] = self.related
                for test in of_both:
                    if test(variables) is not True:
                        return False
        return True

    def text(self, version: Version, meter: Meter | None = None, *, is_alone: bool = False) -> RecordText:
        """The record without the fields that are hidden. Raises OverBudget as `sees` does."""
        return version.text(self.shown(version, meter, is_alone=is_alone))

    def shown(self, version: Version, meter: Meter | None = None, *, is_alone: bool = False) -> frozenset[str] | None:
        """The private fields that the view shows of the record; None: all that it has. Raises OverBudget as `sees`
        does."""
        if not self.private or version.record.private is None:
            return None
        return frozenset(
            name
            for name, rule in self.private.items()
            if rule is not None and self._allows(rule, version, meter, is_alone=is_alone)
        )

    def _allows(self, rule: Rule, version: Version, meter: Meter | None, *, is_alone: bool) -> bool:
        if not rule.asks:
            return rule.allows(version.variable(rule), self.auth)
        variables = {"record": version.variable(rule), "auth": self.auth, RELATED: self.related, METER: meter}
        try:
            return rule.test(variables) is True
        except OverBudget:
            if not is_alone:
                raise
            return False

    def change(self, delta: Delta, meter: Meter | None = None, *, is_alone: bool = False) -> SeenChange | None:
        """A change as the view shows it; None where it shows the record neither before nor after.

        A record that comes into view is created and one that goes out has left, whatever happened to it; the latter
        and a deletion show the id alone, and only where the record was seen before. `meter`: see `sees`.
        """
        was_seen = delta.before is not None and self.sees(delta.before, meter, is_alone=is_alone)
        return self.outcome(delta.after, meter, was_seen=was_seen, is_alone=is_alone)

    def outcome(
        self, after: Version | None, meter: Meter | None = None, *, was_seen: bool, is_alone: bool = False
    ) -> SeenChange | None:
        """`change` of a record of which is known whether it `was_seen` before."""
        if after is not None and self.sees(after, meter, is_alone=is_alone):
            text = self.text(after, meter, is_alone=is_alone)
            return SeenChange("update" if was_seen else "create", text)
        if was_seen:
            return SeenChange("delete" if after is None else "left")
        return None


def change_head(kind: ChangeKind, collection: str, delta: Delta) -> str:
    """A ChangeEvent as JSON text, without its record and its closing brace."""
    id = documents.id_text(delta.id)
    parent = f'"parent":{documents.id_text(delta.parent)},' if delta.parent else ""
    return f'{{"kind":"{kind}","collection":"{collection}","id":{id},{parent}"revision":{delta.revision}'


def change_text(seen: SeenChange, collection: str, delta: Delta) -> str:
    """A ChangeEvent as JSON text."""
    head = change_head(seen.kind, collection, delta)
    return f"{head}}}" if seen.record is None else f'{head},"record":{seen.record.text}}}'


class Views:
    """The views of an app's collections, for all who read its log; equal ones are the same object for as long as it is
    used."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._views: WeakValueDictionary[tuple[object, ...], View] = WeakValueDictionary()
        self._related: WeakValueDictionary[tuple[object, ...], Related] = WeakValueDictionary()
        self._last: WeakValueDictionary[tuple[object, ...], Related] = WeakValueDictionary()  # that were read
        self._turns: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def answered(self, source: Snapshot, view: View) -> View:
        """The view with the answers to what its rules ask of other collections. Raises `too_costly` where too many of
        their records may answer for the caller."""
        if not (key := related_key(view.entry, view.caller)):
            return view
        async with self._turns.setdefault(key, asyncio.Lock()):  # many streams of one caller would take much memory
            head = (await source.head()).revision
            related = self._last.get(key)
            if related is None or related.read_at != head:
                read = await related_to(source, view.entry, view.caller)
                assert read is not None
                related = self._last[key] = self._shared(read)
                related.read_at = head
        return self.moved(view, related)

    def _shared(self, related: Related) -> Related:
        """The one that equal ones are kept as: views with other filters have the same answers."""
        return self._related.setdefault((related.key, related.identity), related)

    def of(self, caller: Principal, collection: str, filter: str = "") -> View:
        """The view of `caller`; until it is `answered`, its rules deny what they ask of other collections. Raises
        `unknown_collection`, `invalid_query` and, for hidden fields, `forbidden`."""
        entry = self.catalogue[collection]
        rule = rule_of(entry, filtering(entry, caller, filter)) if filter.strip() else None
        if rule is not None and rule.reads_clock:
            raise Refusal(
                "invalid_query",
                "filter: now() cannot decide what a live view shows, since time passes without a change; write the "
                'instant: timestamp("2026-01-02T03:04:05Z")',
            )
        return self._known(entry, caller, rule, None)

    def moved(self, view: View, related: Related) -> View:
        """The view after a change of what its rules ask."""
        return self._known(view.entry, view.caller, view.filter, related)

    def _known(self, entry: Entry, caller: Principal, rule: Rule | None, related: Related | None) -> View:
        key = self._key(entry, caller, rule)
        name = key if related is None else (*key, related.identity)
        view = self._views.get(name)
        if view is None:
            own = None if related is None else self._shared(related)
            view = self._views[name] = View(entry, caller, rule, key, own)
        return view

    def has(self, view: View) -> bool:
        """Whether the view's collection is declared as it was when the view was made."""
        entry = self.catalogue.entries.get(view.name)
        return entry is not None and entry.definition == view.entry.definition

    def _key(self, entry: Entry, caller: Principal, filter: Rule | None) -> tuple[object, ...]:
        own = () if caller.is_admin else (entry.rules["list"], *entry.private.values())
        variables = {"auth": caller.as_auth()}
        read = tuple(rule.auth_key(variables) for rule in (*own, filter) if rule is not None)
        return (entry.name, entry.definition, filter.text if filter is not None else "", caller.is_admin, read)
