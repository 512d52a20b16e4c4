"""Several servers on one PostgreSQL, of which some are killed under load: clients go on at others."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.figures.scale import figure, sized
from tests.figures.talk import APP, Talk
from tests.support.server import ServerProcess

ROOMS = sized(3, 10)
SUBSCRIBERS = sized(30, 1_000)
EVENTS = sized(300, 20_000)
KILLS = sized(1, 15)  # of each number of servers: 30 in all


@pytest.mark.parametrize("count", [2, 3])
async def test_nodes(
    server_process: Callable[..., ServerProcess], tmp_path: Path, postgres_dsn: str, count: int
) -> None:
    """Two and three servers, 1,000 subscribers spread over them, 20,000 writes through all, kill -9 of one after the
    other: no write is lost or doubled, no subscriber has a gap or a duplicate.

    The small form has 30 subscribers, 300 writes and one kill.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * SUBSCRIBERS)), hard))
    app = tmp_path / "app.py"
    app.write_text(APP)
    env = {"HINTERLAND_DATABASE_URL": postgres_dsn}
    servers = [server_process(app, tmp_path / f"data{number}", env=env) for number in range(count)]
    talk = Talk(servers, rooms=ROOMS, subscribers=SUBSCRIBERS, events=EVENTS, kills=KILLS)
    await talk.run()
    kept = [total(server) for server in servers if server.is_running]
    figure(
        f"{EVENTS:,} events through {count} servers to {SUBSCRIBERS:,} subscribers: {talk.delivered:,} deliveries over"
        f" {talk.streams:,} streams, {talk.drops} drops, {talk.kills} kills: {len(talk.wrong)} gaps or duplicates,"
        f" {kept[0] - talk.events} records too many, in {talk.progress.elapsed:.0f} s"
    )
    assert talk.kills == KILLS
    assert talk.wrong == []
    assert set(kept) == {talk.events}


def total(server: ServerProcess) -> int:
    """How many records a server counts."""
    with urlopen(f"{server.url}/v1/records/talk?limit=1&total=true", timeout=30) as answer:
        return int(json.load(answer)["total"])
