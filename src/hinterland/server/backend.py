"""The parts of a running server, put together. It holds them; it does nothing itself."""

from __future__ import annotations

from typing import NamedTuple

from hinterland.kit.clock import Clock
from hinterland.server.auth.parts import Accounts
from hinterland.server.channels.hub import ChannelHub
from hinterland.server.data.catalogue import Catalogue
from hinterland.server.data.commands import Commands
from hinterland.server.data.feed import Feed
from hinterland.server.data.importer import Importer
from hinterland.server.data.live_schema import LiveSchema
from hinterland.server.data.pull import Puller
from hinterland.server.data.push import Pusher
from hinterland.server.data.reader import RecordReader
from hinterland.server.data.tickets import Tickets
from hinterland.server.declaration import App
from hinterland.server.security.keys import Keys
from hinterland.server.security.tokens import TokenIssuer
from hinterland.server.settings import Settings
from hinterland.server.storage.protocol import Storage


class Backend(NamedTuple):
    """What handlers reach: the declaration, its settings and clock, and the rooms' services. The writer is not among
    them: every write goes through `commands`.

    `control` is the bearer token of commands on this machine: made anew at each start, readable by the owner of the
    data folder alone.
    """

    app: App
    settings: Settings
    clock: Clock
    storage: Storage
    catalogue: Catalogue
    schema: LiveSchema
    commands: Commands
    reader: RecordReader
    importer: Importer
    accounts: Accounts
    feed: Feed
    pusher: Pusher
    puller: Puller
    tickets: Tickets
    channels: ChannelHub
    control: bytes

    @property
    def keys(self) -> Keys:
        """The signing keys and the secret."""
        return self.accounts.keys

    @property
    def tokens(self) -> TokenIssuer:
        """What verifies access tokens."""
        return self.accounts.tokens
