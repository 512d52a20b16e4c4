"""Many subscribers of live events, whose connections break and whose server is killed."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

from tests.figures.scale import figure, sized
from tests.figures.talk import APP, Talk
from tests.support.server import ServerProcess

ROOMS = sized(3, 10)
SUBSCRIBERS = sized(60, 1_000)
EVENTS = sized(900, 100_000)


async def test_subscribers(server_process: Callable[..., ServerProcess], tmp_path: Path) -> None:
    """1,000 subscribers, 100,000 events, a restart, random drops: no subscriber has a gap or a duplicate.

    The small form has 60 subscribers and 900 events.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SUBSCRIBERS)), hard))
    app = tmp_path / "app.py"
    app.write_text(APP)
    talk = Talk([server_process(app)], rooms=ROOMS, subscribers=SUBSCRIBERS, events=EVENTS)
    await talk.run()
    figure(
        f"{EVENTS:,} events in {ROOMS} rooms to {SUBSCRIBERS:,} subscribers: {talk.delivered:,} deliveries over"
        f" {talk.streams:,} streams, {talk.drops} drops, {talk.kills} kill: {len(talk.wrong)} gaps or duplicates"
        f" in {talk.progress.elapsed:.0f} s"
    )
    assert talk.wrong == []
