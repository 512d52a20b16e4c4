from __future__ import annotations

import asyncio

from hinterland.client.local.connection import StoreChange
from hinterland.client.local.outcomes import Outcome
from hinterland.client.local.signals import OUTBOX, STATUS, Signals, outcome_of, records_of


async def test_a_watcher_hears_of_its_topics() -> None:
    """A watcher is notified of the topics that it watches, each time, and knows the records that have changed since."""
    signals, change = Signals(), StoreChange()
    with signals.watching(records_of("notes"), outcome_of("m")) as watcher:
        assert watcher.taken() is None  # at first any may have
        change.keys.update({("notes", "", "a"), ("orders", "", 1)})
        signals.publish(change)
        signals.notify(STATUS)
        await asyncio.wait_for(watcher.beyond(0), 20)
        assert (watcher.notifications, watcher.taken()) == (1, change.keys)
        other = StoreChange()
        other.outcomes.append(Outcome(mutation="m", status="applied"))
        other.keys.add(("notes", "", "b"))
        signals.publish(other)
        assert watcher.notifications == 3
        assert watcher.taken() is None  # an outcome tells of no record
        other.collections.add("notes")
        signals.publish(other)
        assert watcher.taken() is None
        signals.notify_all()
        assert watcher.taken() is None
    assert not signals._watchers


async def test_a_watcher_of_the_outbox() -> None:
    """A change of the outbox alone is no change of records."""
    signals, change = Signals(), StoreChange()
    outbox, notes = signals.add(OUTBOX), signals.add(records_of("notes"))
    change.is_outbox_changed = True
    assert change
    signals.publish(change)
    assert (outbox.notifications, notes.notifications) == (1, 0)
