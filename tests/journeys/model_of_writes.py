"""What the writes of tests/journeys/test_agreement_of_writes.py are to do, written again as plainly as can be.

Everybody sees their own records and open ones; of others' records `secret`, `notes` and `grade` are hidden. An owner
changes their records; an open record may be changed by a user who makes it their own with the change. `rank` and
`grade` are set by administrators only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FREE = "admin"
FIELDS = ("owner", "open", "text", "fixed", "count", "tags", "secret", "notes", "rank", "grade")
HIDDEN, GUARDED = {"secret", "notes", "grade"}, {"rank", "grade"}
COUNTERS, SETS = {"count", "secret", "rank"}, {"tags", "notes"}
Document = dict[str, Any]
Answer = tuple[str, list[tuple[str, Any, Any]]]


class Version(NamedTuple):
    """A record after a change: None where it was deleted."""

    revision: int
    document: Document | None
    device: str
    timestamp: float


class Refused(Exception):
    """The request is refused with a code."""


def is_valid(name: str, value: Any) -> bool:
    """Whether a field may have the value."""
    if value is None:
        return True
    if name == "text":
        return len(value) <= 3
    if name in SETS:
        return len(value) <= 3
    return name not in COUNTERS or 0 <= value <= 20


def is_transform(value: Any) -> bool:
    """Whether a value in a patch says what to do with the field."""
    return isinstance(value, dict)


def transformed(old: Any, value: dict[str, Any]) -> Any:
    """The field after a transform."""
    [(tag, operand)] = value.items()
    if tag == "$increment":
        return (old or 0) + operand
    kept = [item for item in old or [] if tag == "$add" or item not in operand]
    return kept + [item for item in dict.fromkeys(operand) if tag == "$add" and item not in kept]


class Model:
    """The records and their past."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.past: dict[str, list[Version]] = {"x": [], "y": []}
        self.lost: list[tuple[str, Any, Any]] = []
        self._mine: set[str] = set()
        self._made: set[str] = set()
        self._start = 0

    def document(self, id: str) -> Document | None:
        """The record as it is."""
        return self.past[id][-1].document if self.past[id] else None

    def do(self, step: Any, now: float) -> Answer:
        """The outcome of a request, whose writes happen one after the other, or none of them."""
        self.lost, self._mine, self._made, self._start = [], set(), set(), self.revision
        is_push = step.base is not None
        device = f"{step.caller}/{step.device}" if is_push else ""
        base = max(self.revision - step.base, 0) if is_push else 0
        timestamp = now + step.timestamp if is_push else now
        start, past = self.revision, {id: [*versions] for id, versions in self.past.items()}
        try:
            for write in (step, *(step._replace(act=act, id=id, body=body) for act, id, body in step.more)):
                after, is_written = self._after(write, base, device, timestamp)
                if is_written:
                    self.revision += 1
                    self.past[write.id].append(Version(self.revision, after, device, timestamp))
                    self._mine.add(write.id)
                    if write.act == "create":
                        self._made.add(write.id)
        except Refused as refused:
            self.revision, self.past = start, past
            return str(refused), []
        return "applied", self.lost

    def _after(self, step: Any, base: int, device: str, timestamp: float) -> tuple[Document | None, bool]:
        old = self.document(step.id)
        if step.act == "create":
            made = self._created(step)
            if old is not None and (step.base is None or step.id in self._mine or made != old):
                raise Refused("conflict")
            return made, old is None  # a device that creates what is there, word by word, sends it once more
        if old is None or not self.sees(step.caller, old):
            raise Refused("not_found")
        if step.act == "delete":
            if not self.owns(step.caller, old):
                raise Refused("forbidden")
            newer = [version for version in self._since(step, base, device) if version.device != device]
            is_outdated = step.id not in self._mine and any(version.timestamp > timestamp for version in newer)
            return None, not is_outdated
        return self._changed(step, old, base, device, timestamp), True

    def _created(self, step: Any) -> Document:
        if step.caller != FREE and any(step.body.get(name) is not None for name in GUARDED):
            raise Refused("validation")
        document: Document = dict.fromkeys(FIELDS) | step.body
        if not all(is_valid(name, value) for name, value in document.items()):
            raise Refused("validation")
        if not self.owns(step.caller, document):
            raise Refused("forbidden")
        return document

    def _changed(self, step: Any, old: Document, base: int, device: str, timestamp: float) -> Document:
        hidden = self.hidden(step.caller, old)
        body = dict(step.body)
        for name, value in step.body.items():
            if step.caller != FREE and name in GUARDED:
                if name in hidden or is_transform(value) or value != old[name]:
                    raise Refused("validation")
                del body[name]
            elif is_transform(value) and name in hidden:
                raise Refused("validation")
        if any(is_transform(value) and name == "grade" and "$increment" not in value for name, value in body.items()):
            raise Refused("validation")
        if step.act == "replace":
            kept = GUARDED | hidden if step.caller != FREE else set()
            new = {name: old[name] if name in kept else None for name in FIELDS}
        else:
            new = dict(old)
            since = self._since(step, base, device)
            for name in [name for name in body if name not in hidden]:
                body[name] = self._met(step, old, since, name, body[name], device, timestamp)
        bad = {name for name, value in body.items() if not is_valid(name, value)}
        new |= {name: old[name] if name in bad else value for name, value in body.items()}
        if not (self.owns(step.caller, old) or (old["open"] is True and self.owns(step.caller, new))):
            raise Refused("forbidden")
        if bad:
            raise Refused("validation")
        return new

    def _met(
        self, step: Any, old: Document, since: list[Version], name: str, value: Any, device: str, timestamp: float
    ) -> Any:
        """A field's value after it met what others did to it since the base."""
        if is_transform(value):
            return transformed(old[name], value)
        if not since:
            return value
        first = self.past[step.id].index(since[0])
        earlier = self.past[step.id][first - 1].document if first else None
        now, seen = old[name], self._readable(step, earlier, name)
        timestamps: list[float] = []
        own = [version for version in since if version.revision > self._start]
        for version in since[: len(since) - len(own)]:
            was, is_new = (earlier or {}).get(name), earlier is None
            earlier = version.document
            became = (earlier or {}).get(name)
            if version.device == device and is_new:
                seen, timestamps = self._readable(step, earlier, name), []
            elif became == was:
                continue
            elif version.device != device:
                timestamps.append(version.timestamp)
            else:
                known = self._followed(name, seen[0] if seen else was, was, became)
                seen = self._readable(step, earlier, name) and (known,)
        if own and seen and (earlier or {}).get(name) != now:
            seen = (self._followed(name, seen[0], (earlier or {}).get(name), now),)
        if not timestamps or not seen or seen[0] == now:
            return value
        return self._merged(name, seen[0], now, value, timestamp >= max(timestamps))

    def _readable(self, step: Any, document: Document | None, name: str) -> tuple[Any, ...]:
        """The field's value, if the caller could read it then; else nothing."""
        if document is None or not self.sees(step.caller, document) or name in self.hidden(step.caller, document):
            return ()
        return (document[name],)

    @staticmethod
    def _followed(name: str, seen: Any, was: Any, now: Any) -> Any:
        """What a device that knew `seen` takes a field to be after its own change of `was` to `now`."""
        if name in COUNTERS and now is not None:
            return (seen or 0) + now - (was or 0)
        if name in SETS and now is not None:
            kept = [item for item in seen or [] if item in now or item not in (was or [])]
            return kept + [item for item in now if item not in (was or []) and item not in kept]
        return now

    def _merged(self, name: str, seen: Any, now: Any, value: Any, is_newer: bool) -> Any:
        if name in COUNTERS and now is not None and value is not None:
            return now + value - (seen or 0)
        if now == value:
            return now
        if name in SETS:
            gone = set(seen or []) - set(value or [])
            kept = [item for item in now or [] if item not in gone]
            return kept + [item for item in value or [] if item not in (seen or []) and item not in kept]
        if is_newer and name not in COUNTERS and name != "fixed":
            return value
        self.lost.append((name, value, now))
        return now

    def _since(self, step: Any, base: int, device: str) -> list[Version]:
        """What was done since the base, if others were among those who did it and the caller saw the record then."""
        past = self.past[step.id]
        since = [version for version in past if version.revision > base]
        if not base or step.id in self._made or all(version.device == device for version in since):
            return []
        before = past[-len(since) - 1].document if len(past) > len(since) else None
        return since if before is None or self.sees(step.caller, before) else []

    # ------------------------------------------------------------ rights

    @staticmethod
    def owns(caller: str, document: Document) -> bool:
        """Whether the record is the caller's."""
        return caller in (FREE, document["owner"])

    def sees(self, caller: str, document: Document) -> bool:
        """Whether the caller sees the record."""
        return self.owns(caller, document) or document["open"] is True

    def hidden(self, caller: str, document: Document) -> set[str]:
        """The fields that the caller does not see of it."""
        return set() if self.owns(caller, document) else HIDDEN
