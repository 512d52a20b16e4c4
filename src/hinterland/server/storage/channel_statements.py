"""The SQL of channels: messages that are kept, and what the processes on one PostgreSQL have for each other.

There, whatever happens in channels gets a position, by a counter whose lock is held until the transaction ends: the
order of positions is the order in which they become visible, and there are no gaps.
"""

from __future__ import annotations

from hinterland.server.storage.protocol import Texts

NUMBER = (
    "INSERT INTO _channels (name, seq) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET seq = _channels.seq + excluded.seq RETURNING seq"
)
LAST = "SELECT seq FROM _channels WHERE name = ?"
HISTORY = "SELECT seq, body FROM _channel_messages WHERE channel = ? AND seq <= ? ORDER BY seq DESC LIMIT ?"
HISTORY_TEXTS = Texts(("seq", "body"), (1,))
EXPIRED = (
    "DELETE FROM _channel_messages WHERE (channel, seq) IN "
    "(SELECT channel, seq FROM _channel_messages WHERE until < ? ORDER BY until LIMIT ?) RETURNING 1"
)

# ---------------------------------------------------------------- several processes

SOON_DURABLE = "SELECT set_config('synchronous_commit', 'off', true)"
TAKE = "UPDATE _channel_head SET position = position + ? RETURNING position, (SELECT revision FROM _head)"
LOCK = "SELECT position FROM _channel_head FOR UPDATE"
HEAD = "SELECT position FROM _channel_head"
BEYOND = (
    "SELECT h.position, t.position, t.revision, t.kind, t.channel, t.member, t.body, t.seq FROM _channel_head h "
    "LEFT JOIN _channel_transit t ON t.position > ? ORDER BY t.position LIMIT ?"
)
MEMBERS = "SELECT member, body FROM _channel_members WHERE channel = ?"
OF_NODE = "SELECT channel, member FROM _channel_members WHERE node = ?"
NODES = "SELECT id, beat FROM _channel_nodes"
BEAT = "UPDATE _channel_nodes SET beat = beat + 1, position = ? WHERE id = ? RETURNING beat"
DROP_NODE = "DELETE FROM _channel_nodes WHERE id = ? AND beat = ? RETURNING 1"
PRUNE = "DELETE FROM _channel_transit WHERE position <= (SELECT min(position) FROM _channel_nodes) RETURNING 1"
