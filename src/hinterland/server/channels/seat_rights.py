"""Who may stay in a channel: when the records change that a rule asks, those whom it may concern are decided anew.

The log is read up to a revision before anything that comes after it is delivered: a message that was sent after a
membership ended does not reach who has lost it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import Principal
from hinterland.contract.values import instant
from hinterland.kit.cel.asking import equal_sides
from hinterland.kit.cel.predicates import Evaluate, evaluator
from hinterland.kit.cel.seeking import terms_of
from hinterland.kit.cel.typed import Exists, walk
from hinterland.kit.cel.types import BOOL, INT, INT64, STRING, TIMESTAMP
from hinterland.kit.clock import Clock
from hinterland.server.channels.declared import NamedChannel
from hinterland.server.channels.seats import Seat
from hinterland.server.data import documents
from hinterland.server.data.rules import Rule
from hinterland.server.storage.protocol import LogEntry, Storage, StoredRecord

_PAGE = 500
_OF_CALLER = frozenset({"auth", "channel"})
_HASHABLE = (STRING, INT, INT64, BOOL, TIMESTAMP)
EndSeat = Callable[[Seat, Refusal], None]


class AskForm(NamedTuple):
    """A question of a rule: the value of an asked record by which seats are found, and that of a seat; None: all seats
    are concerned."""

    ask: Exists
    of_record: Evaluate | None
    of_seat: Evaluate | None


class SeatRights:
    """Watches over seats. `end` is called with those who have lost the right to join, and why."""

    def __init__(self, storage: Storage, clock: Clock, end: EndSeat) -> None:
        self._storage = storage
        self._clock = clock
        self._end = end
        self._seats: dict[str, dict[AskForm, dict[object, dict[Seat, None]]]] = {}
        self._forms: dict[Rule, list[AskForm]] = {}
        self._places: dict[Seat, list[tuple[AskForm, object]]] = {}
        self._doubted: dict[Seat, None] = {}
        self._position: int | None = None  # None: nobody is watched over
        self._is_dirty = False
        self._turn = asyncio.Lock()

    # ---------------------------------------------------------------- seats

    async def admit(self, seat: Seat) -> None:
        """Decide whether a caller may join, and watch over the seat from now on. Raises the refusal."""
        self._add(seat)
        await self._begin()
        await self._decide([seat], is_first=True)
        if seat.refusal is not None:
            raise seat.refusal

    def remove(self, seat: Seat) -> None:
        """Watch over it no longer."""
        for form, value in self._places.pop(seat, ()):
            forms = self._seats[form.ask.collection]
            seats = forms[form][value]
            seats.pop(seat, None)
            if not seats:
                del forms[form][value]
            if not forms[form]:
                del forms[form]
            if not forms:
                del self._seats[form.ask.collection]
        self._doubted.pop(seat, None)
        if not self._places:
            self._position = None
            self._forms.clear()

    async def decide_anew(self, seat: Seat, caller: Principal) -> None:
        """The caller of a seat is not what it was."""
        self.remove(seat)
        seat.caller = caller
        self._add(seat)
        await self._begin()
        await self._decide([seat])

    def replace(self, seat: Seat, channel: NamedChannel) -> None:
        """The rules of a seat are others: it is decided anew at the next look."""
        self.remove(seat)
        seat.channel = channel
        self._add(seat)
        self._doubted[seat] = None
        self._is_dirty = True

    async def _begin(self) -> None:
        """Follow the log from now on, where somebody is watched over: what is decided next sees all before."""
        if self._places and self._position is None:
            revision = (await self._storage.head()).revision
            self._follow_from(revision)

    def _follow_from(self, revision: int) -> None:
        if self._position is None:  # another seat was not faster
            self._position = revision

    def _add(self, seat: Seat) -> None:
        places = [(form, self._value(form, seat)) for form in self._asked(seat)]
        for form, value in places:
            by_value = self._seats.setdefault(form.ask.collection, {}).setdefault(form, {})
            by_value.setdefault(value, {})[seat] = None
        if places:
            self._places[seat] = places

    def _asked(self, seat: Seat) -> Iterator[AskForm]:
        for rule in (seat.channel.rules.join, seat.channel.rules.send):
            if rule is not None and rule.asks and not seat.caller.is_admin:
                if rule not in self._forms:
                    self._forms[rule] = [*_forms_of(rule)]
                yield from self._forms[rule]

    def _value(self, form: AskForm, seat: Seat) -> object:
        if form.of_seat is None:
            return None
        return form.of_seat({"auth": seat.caller.as_auth(), "channel": seat.channel.values})

    # ---------------------------------------------------------------- the log

    def wake(self) -> None:
        """Something was written."""
        self._is_dirty = True

    async def reach(self, revision: int = 0) -> None:
        """Look at all that was written up to `revision`, and in this process until now."""
        if not self._turn.locked() and not self._is_behind(revision):
            return
        async with self._turn:
            if not self._is_behind(revision):
                return
            self._is_dirty = False
            try:
                await self._begin()
                await self._read()
            except BaseException:
                self._is_dirty = True
                raise

    async def reach_now(self) -> None:
        """Look at all that was written until now, by whichever process."""
        self._is_dirty = self._is_dirty or (self._storage.has_other_writers and bool(self._places))
        await self.reach()

    def _is_behind(self, revision: int) -> bool:
        return self._is_dirty or (self._position is not None and revision > self._position)

    async def _read(self) -> None:
        while self._position is not None:
            page = await self._storage.log(self._position, _PAGE, collections=self._seats)
            if page and page[0].revision != self._position + 1:  # the log no longer has what is between
                self._doubted.update(dict.fromkeys(self._places))
            for entry in page:
                self._doubted.update(dict.fromkeys(self._concerned(entry)))
            if page and self._position is not None:
                self._position = page[-1].revision
            if page.is_last:
                break
        doubted = [*self._doubted]
        if doubted:
            await self._decide(doubted)

    def _concerned(self, entry: LogEntry) -> Iterator[Seat]:
        forms = self._seats.get(entry.collection)
        if not forms:
            return
        states = [_state(record) for record in (entry.before, entry.after) if record is not None]
        for form, by_value in forms.items():
            values = {None if form.of_record is None else form.of_record({form.ask.name: state}) for state in states}
            for value in [*by_value] if None in values else [*({None, *values} & by_value.keys())]:
                yield from by_value[value]

    # ---------------------------------------------------------------- decisions

    async def _decide(self, seats: Iterable[Seat], *, is_first: bool = False) -> None:
        """Decide whether these may stay, and whether they may send."""
        now = instant(self._clock.now())
        async with self._storage.snapshot() as snapshot:
            for seat in seats:
                may_join = await seat.channel.allows("join", snapshot, seat.caller, now)
                may_send = may_join and await seat.channel.allows("send", snapshot, seat.caller, now)
                self._doubted.pop(seat, None)
                if not is_first or seat.may_send is None:
                    seat.may_send = may_send
                if not may_join and seat.refusal is None:
                    seat.refusal = seat.channel.denied("join", seat.caller)
                    if not is_first:
                        self._end(seat, seat.refusal)


def _forms_of(rule: Rule) -> Iterator[AskForm]:
    """The questions of a rule, those inside of others too."""
    outer = set(rule.asks)
    for part in walk(rule.tree):
        if isinstance(part, Exists):
            sides = _sides(part) if part in outer else None
            yield AskForm(part, *((None, None) if sides is None else sides))


def _sides(ask: Exists) -> tuple[Evaluate, Evaluate] | None:
    """The value of an asked record, and that of the channel or else of the caller which it must equal."""
    found: list[tuple[Evaluate, Evaluate]] = []
    for term in terms_of(ask.body):
        sides = equal_sides(ask, term)
        if sides is None or sides[0].type not in _HASHABLE or not sides[1].variables:
            continue
        if sides[1].variables <= _OF_CALLER:
            made = evaluator(sides[0]), evaluator(sides[1])
            found.insert(0 if "auth" in sides[1].variables else len(found), made)
    return found[0] if found else None


def _state(record: StoredRecord) -> dict[str, object]:
    return documents.with_meta(record, documents.document_of(record))
