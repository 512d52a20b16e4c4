"""What a view knows of the collections that its rules ask: the records that may answer for its caller, kept in memory,
so that a change is decided without the database however many views there are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.kit.cel import operations
from hinterland.kit.cel.asking import equal_sides, exact_asks, inner_asks, is_column
from hinterland.kit.cel.equalities import MOST_ELEMENTS, Equalities, Equality, FieldPath
from hinterland.kit.cel.metering import size, spend
from hinterland.kit.cel.predicates import Variables, evaluator
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.typed import Apply, Constant, Exists, Path, Typed, walk
from hinterland.server.data import documents
from hinterland.server.data.catalogue import Entry
from hinterland.server.data.rules import Rule
from hinterland.server.storage.protocol import LogKey, Snapshot, StoredRecord
from hinterland.server.storage.reading import pause

MOST_KEPT = 10_000
"""Of the records that may answer one question for one caller."""
_AT_ONCE = 200  # records, which take a few milliseconds
_HASH_BYTES = 128
_MODULUS = 1 << (8 * _HASH_BYTES)
_encode = msgspec.json.Encoder(order="sorted").encode
VariableState = Mapping[str, Any] | None
"""The variable of a record's state; None: it is not there."""


class KeyField(NamedTuple):
    """The field of a view's records that must hold a value of the records that are asked, behind a `prefix`.
    `is_exact`: those without a value are concerned by every change too, since it matters whether they are an error."""

    path: Path
    prefix: str
    is_exact: bool

    def values(self, keys: Iterable[object]) -> list[object]:
        """What the field holds where one of `keys` is the other side."""
        if not self.prefix:
            return [*keys]
        return [key.removeprefix(self.prefix) for key in keys if isinstance(key, str) and key.startswith(self.prefix)]


class QuestionForm:
    """What is the same of a question for all callers. `key` is the value of an asked record by which it answers for a
    record, `wanted` that value of a record; None where nothing links them."""

    def __init__(self, ask: Exists, rule: Rule) -> None:
        self.ask = ask
        self.test = evaluator(ask.body)
        self.steps = size(ask.body)
        self.is_exact = ask in {*exact_asks(rule.tree)} or ask not in rule.asks
        self.is_inner = ask not in rule.asks
        self.has_inner = bool(inner_asks(ask))
        paths = [part for part in walk(ask.body) if isinstance(part, Path) and part.variable == ask.name]
        self._names = sorted({path.fields[0] for path in paths})
        self._own = [evaluator(term) for term in terms_of(ask.body) if "record" not in term.variables]
        self.kept_by = _kept_by(ask)
        sides = [sides for term in terms_of(ask.body) if (sides := equal_sides(ask, term)) is not None]
        linked = next((pair for pair in sides if "record" in pair[1].variables), None)
        self.key: Callable[[Variables], object] | None = None if linked is None else evaluator(linked[0])
        self.wanted = None if linked is None else evaluator(linked[1])
        self.key_field = None if linked is None else _key_field(linked[1], is_exact=self.is_exact)

    def kept(self, state: VariableState, auth: object) -> dict[str, Any] | None:
        """What is kept of a record in a state; None where it can't answer for the caller."""
        if state is None:
            return None
        variables = {"auth": auth, self.ask.name: state}
        for test in self._own:
            found = test(variables)
            if found is False or (found is None and not self.is_exact):
                return None
        return {name: state.get(name) for name in self._names}

    def key_of(self, document: dict[str, Any]) -> object:
        """The value by which a kept record is found."""
        return None if self.key is None else self.key({self.ask.name: document})


def _kept_by(ask: Exists) -> tuple[Callable[[Variables], object], Callable[[Variables], object]] | None:
    """The value of an asked record, and that of the caller which it must equal; None where no value must."""
    for term in terms_of(ask.body):
        sides = equal_sides(ask, term)
        if sides is not None and "record" not in sides[1].variables and "auth" in sides[1].variables:
            return evaluator(sides[0]), evaluator(sides[1])
    return None


class AskedChange(NamedTuple):
    """A change of a record in a collection that is asked: its state before and after."""

    key: LogKey
    before: VariableState
    after: VariableState


class AskedChanges:
    """The changes of a commit in collections that rules ask, for all views: found by the caller whom they concern,
    where a rule compares one of their fields with `auth`."""

    def __init__(self, changes: Mapping[str, Sequence[AskedChange]]) -> None:
        self._changes = changes
        self._by_value: dict[QuestionForm, dict[object, dict[LogKey, AskedChange]]] = {}

    def of(self, form: QuestionForm, auth: object) -> Iterable[AskedChange]:
        """Those that may concern the answer to a question for a caller."""
        changes = self._changes.get(form.ask.collection, ())
        if form.kept_by is None or not changes:
            return changes
        value = form.kept_by[1]({"auth": auth})
        if value is None:
            return changes
        if form not in self._by_value:
            self._by_value[form] = _by_value(form.ask.name, form.kept_by[0], changes)
        found = self._by_value[form]
        return {**found.get(None, {}), **found.get(value, {})}.values()


def _by_value(
    name: str, own: Callable[[Variables], object], changes: Sequence[AskedChange]
) -> dict[object, dict[LogKey, AskedChange]]:
    found: dict[object, dict[LogKey, AskedChange]] = {}
    for change in changes:
        for state in (change.before, change.after):
            if state is not None:
                found.setdefault(own({name: state}), {})[change.key] = change
    return found


def _key_field(side: Typed, *, is_exact: bool) -> KeyField | None:
    if is_column(side, "record"):
        assert isinstance(side, Path)
        return KeyField(side, "", is_exact)
    if isinstance(side, Apply) and side.operation is operations.CONCATENATE:
        first, last = side.arguments
        if isinstance(first, Constant) and is_column(last, "record"):
            assert isinstance(last, Path)
            return KeyField(last, str(first.value), is_exact)
    return None


class Moved(NamedTuple):
    """What a commit changes: the questions as they are answered after it, and for each that changed the keys of the
    records that it may concern; None: any."""

    related: Related
    keys: Mapping[Exists, frozenset[object] | None]


class _Digest(NamedTuple):
    """The sum of the hashes of distinct texts, so that a change of one costs no more than itself."""

    counts: Mapping[bytes, int]
    sum: int

    def changed(self, gone: Iterable[bytes], come: Iterable[bytes]) -> _Digest:
        """The digest after texts have `gone` and `come`."""
        counts, total = dict(self.counts), self.sum
        for text in come:
            counts[text] = counts.get(text, 0) + 1
            if counts[text] == 1:
                total += _hash(text)
        for text in gone:
            counts[text] -= 1
            if not counts[text]:
                del counts[text]
                total -= _hash(text)
        return _Digest(counts, total % _MODULUS)


def _hash(text: bytes) -> int:
    # Long, since sums of short hashes can be made equal by choosing thousands of texts.
    return int.from_bytes(hashlib.shake_128(text).digest(_HASH_BYTES))


class _Answering:
    """The records that may answer one question for one caller, by their keys. `identity` is equal where these are the
    same records."""

    def __init__(
        self,
        form: QuestionForm,
        rows: Mapping[LogKey, dict[str, Any]],
        buckets: Mapping[object, list[dict[str, Any]]],
        identity: int,
        texts: _Digest,
    ) -> None:
        self.form = form
        self.rows = rows
        self.buckets = buckets
        self.identity = identity
        self._texts = texts

    @property
    def digest(self) -> bytes:
        """Equal where the answers are: of the records without their keys, each once."""
        return self._texts.sum.to_bytes(_HASH_BYTES)

    def answer(self, variables: Variables) -> bool | None:
        form = self.form
        candidates: Iterable[dict[str, Any]] = self.rows.values()
        if form.wanted is not None and (value := form.wanted(variables)) is not None:
            candidates = chain(self.buckets.get(value, ()), self.buckets.get(None, ()))
        elif self.rows:
            spend(variables, form.steps * len(self.rows))
        answer: bool | None = False
        for document in candidates:
            found = form.test({**variables, form.ask.name: document})
            if found is True:
                return True
            answer = None if found is None else answer
        return answer

    def after(
        self, states: Iterable[tuple[LogKey, VariableState]], auth: object
    ) -> tuple[_Answering, frozenset[object] | None]:
        """The same after changes of its collection, and the keys that these concern; None: any. Itself where nothing
        changes."""
        changed: dict[LogKey, dict[str, Any] | None] = {}
        for key, state in states:
            new = self.form.kept(state, auth)
            if self.rows.get(key) != new:
                changed[key] = new
            else:
                changed.pop(key, None)
        if not changed:
            return self, frozenset()
        after, keys = self.changed(changed)
        is_any = None in keys or self.form.key_field is None or self.form.is_inner
        return after, None if is_any else frozenset(keys)

    def changed(self, changes: Mapping[LogKey, dict[str, Any] | None]) -> tuple[_Answering, set[object]]:
        """The same with other documents of some records (None: no longer kept), and the values by which these and those
        before them are found."""
        rows, buckets, identity = dict(self.rows), dict(self.buckets), self.identity
        gone: list[bytes] = []
        come: list[bytes] = []
        left: dict[object, set[int]] = {}
        for key, new in changes.items():
            if (old := rows.pop(key, None)) is not None:
                gone.append(text := _encode(old))
                identity -= _hash(_encode(key) + text)
                left.setdefault(self.form.key_of(old), set()).add(id(old))
            if new is not None:
                rows[key] = new
                come.append(text := _encode(new))
                identity += _hash(_encode(key) + text)
                left.setdefault(self.form.key_of(new), set())
        for value, some in left.items():
            buckets[value] = [document for document in buckets.get(value, ()) if id(document) not in some]
        for new in changes.values():
            if new is not None:
                buckets[self.form.key_of(new)].append(new)
        for value in left:
            if not buckets[value]:
                del buckets[value]
        after = _Answering(self.form, rows, buckets, identity % _MODULUS, self._texts.changed(gone, come))
        return after, {*left}


class Related:
    """The answers to the questions of rules for one caller, as long as nothing changes in the collections that these
    ask; the variable `RELATED`. `digest` is equal where all answers are, `identity` where they are for the same
    reasons; `key` is what they depend on, and `read_at` the last revision at which the database was found to say
    this."""

    def __init__(self, auth: object, kept: Mapping[Exists, _Answering], key: tuple[object, ...]) -> None:
        self.auth = auth
        self.digest = hashlib.sha256(b"".join(each.digest for each in kept.values())).digest()[:8]
        self.identity = tuple(each.identity for each in kept.values())
        self.key = key
        self.read_at = -1
        self.collections = frozenset(ask.collection for ask in kept)
        self._kept = kept

    def __call__(self, ask: Exists, variables: Variables) -> bool | None:
        """The answer to a question."""
        return self._kept[ask].answer(variables)

    def equalities(self, ask: Exists) -> Equalities:
        """What a record needs for the answer to be true."""
        kept = self._kept[ask]
        field = kept.form.key_field
        if field is None or field.prefix or None in kept.buckets or len(kept.buckets) > MOST_ELEMENTS:
            return None
        path = FieldPath(field.path.fields, field.path.type)
        return frozenset(Equality(path, value) for value in kept.buckets)

    def key_field(self, ask: Exists) -> KeyField:
        """The field by which the records are found that the answer concerns."""
        field = self._kept[ask].form.key_field
        assert field is not None
        return field

    def after(self, changes: AskedChanges) -> Moved | None:
        """What the changes of a commit change; None: nothing."""
        kept, keys = dict(self._kept), {}
        for ask, each in self._kept.items():
            if states := [(change.key, change.after) for change in changes.of(each.form, self.auth)]:
                kept[ask], keys[ask] = each.after(states, self.auth)
        changed = {ask: some for ask, some in keys.items() if kept[ask] is not self._kept[ask]}
        return Moved(Related(self.auth, kept, self.key), changed) if changed else None


@lru_cache(maxsize=1_000)
def _forms(rule: Rule) -> tuple[QuestionForm, ...]:
    return tuple(QuestionForm(part, rule) for part in walk(rule.tree) if isinstance(part, Exists))


def _asking(entry: Entry) -> Iterator[Rule]:
    """The rules of what a list shows, and of which fields, that ask other collections."""
    own = [entry.rules["list"], *[entry.private[name] for name in sorted(entry.asking)]]
    return (rule for rule in dict.fromkeys(own) if rule is not None and rule.asks)


def related_key(entry: Entry, caller: Principal) -> tuple[object, ...]:
    """What the answers to the questions of the list rule and of the read rules of fields depend on, but for the
    records; empty where there are no questions."""
    variables = {"auth": caller.as_auth()}
    return () if caller.is_admin else tuple([(rule, rule.auth_key(variables)) for rule in _asking(entry)])


async def related_to(source: Snapshot, entry: Entry, caller: Principal) -> Related | None:
    """The answers to the questions of the list rule and of the read rules of fields; None where they have none. Raises
    `too_costly` where too many records may answer one."""
    questions = [] if caller.is_admin else [(rule, form) for rule in _asking(entry) for form in _forms(rule)]
    if not questions:
        return None
    auth = caller.as_auth()
    kept: dict[Exists, _Answering] = {}
    for rule, form in questions:
        statement = rule.statements(form.ask).kept({"auth": auth}, MOST_KEPT + 1, is_exact=form.is_exact)
        records = [StoredRecord(*row) for row in await source.fetch(*statement)]
        if len(records) > MOST_KEPT:
            message = f"a rule of {entry.name} asks {form.ask.collection}, of which over {MOST_KEPT:,} records"
            raise Refusal("too_costly", f"{message} may answer for you; compare more of its fields with auth")
        answering = _Answering(form, {}, {}, 0, _Digest({}, 0))
        for start in range(0, len(records), _AT_ONCE):
            rows: dict[LogKey, dict[str, Any] | None] = {}
            for record in records[start : start + _AT_ONCE]:
                state = documents.with_meta(record, documents.document_of(record))
                rows[record.parent, record.id] = form.kept(state, auth)
            answering, _ = answering.changed(rows)
            await pause(start + _AT_ONCE - 1, len(records))
        kept[form.ask] = answering
    return Related(auth, kept, related_key(entry, caller))
