"""What the benchmark needs of a server: ours and the other one do the same work through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.dataset import MEMBERS, Dataset
from benchmarks.process import ServerProcess, free_port
from benchmarks.streams import Event, Subscriber

PASSWORD = "a long enough password"
ADMINISTRATOR = "admin@example.org"


@dataclass(frozen=True)
class User:
    """Somebody who signed up: the id, and a valid access token."""

    id: str
    token: str


@dataclass(frozen=True)
class Page:
    """A list's answer: the records, and how many there are in all where that was asked for."""

    records: list[dict[str, Any]]
    total: int | None


class Served(ABC):
    """A server that has `rows` articles and the related records, whose data and log lie in `folder`.

    Its documents, with `%s` for fields, where it answers GraphQL: `list_document` asks for the first 100 articles of a
    `$category`, lowest rank first; `nested_document` for 20 posts by rank, their comments, and the likes of these.

    `users` are the members of every record; `outsider` signed up too and is a member of none.
    """

    label: str
    version: str
    settings: str
    list_document = ""
    nested_document = ""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self.users: list[User] = []
        self.dataset = Dataset(0, [])
        self.process = self.make_process()

    @property
    def outsider(self) -> User:
        """The signed-in user whom the rules refuse."""
        return self.users[MEMBERS]

    @property
    def members(self) -> list[User]:
        """The users whom the rules allow."""
        return self.users[:MEMBERS]

    def start(self) -> float:
        """Starts the server; answers the seconds until it was ready."""
        return self.process.start()

    def stop(self) -> None:
        """Ends the server."""
        self.process.stop()

    def hold(self, rows: int) -> None:
        """Settles which records `articles` holds, once the users are known."""
        self.dataset = Dataset(rows, [user.id for user in self.members])

    @abstractmethod
    def make_process(self) -> ServerProcess:
        """The process, not started."""

    @abstractmethod
    def prepare(self, rows: int) -> None:
        """Makes collections, users and `rows` articles, and leaves the server running."""

    @abstractmethod
    def durability(self) -> str:
        """How a write is made durable, and how that is known. One line."""

    @abstractmethod
    def authorization(self, user: User) -> dict[str, str]:
        """The header that carries a user's token."""


class Peer(Served):
    """A server with the collections `notes` and `articles`."""

    @abstractmethod
    def records_path(self, collection: str) -> str:
        """The path of a collection's records."""

    @abstractmethod
    def list_path(self, category: str, limit: int, *, total: bool) -> str:
        """Path and query: the articles of a category, lowest rank first."""

    @abstractmethod
    def search_path(self, digits: str, limit: int) -> str:
        """Path and query: the articles whose title has the word `sheet` and a number that begins with `digits`."""

    @abstractmethod
    def expand_path(self, *, nested: bool) -> str:
        """Path and query: 20 posts by rank with their tags, or with their comments and the likes of these."""

    @abstractmethod
    def expanded(self, record: dict[str, Any], name: str) -> Any:
        """What came with a record: that which the field `name` refers to, or those of the collection `name`."""

    @abstractmethod
    def bulk(self, rows: list[dict[str, Any]]) -> tuple[str, Any]:
        """Path and body of a request that creates notes, all of them or none."""

    @abstractmethod
    def bulk_ids(self, answer: Any) -> list[str]:
        """The ids in the answer to it."""

    @abstractmethod
    def page(self, answer: Any) -> Page:
        """The page in a decoded list."""

    @abstractmethod
    def sums_path(self) -> str:
        """Path and query: for articles that are done, and for the others, the count, the sum and the highest rank, as
        `items` with `done`, `count`, `sum_rank` and `max_rank`."""

    @abstractmethod
    def count_notes(self) -> int:
        """How many notes there are."""

    @abstractmethod
    async def subscribe(self, user: User) -> Subscriber:
        """An open stream of the changes of `notes`."""

    @abstractmethod
    def changed(self, event: Event) -> list[dict[str, Any]]:
        """The records that an event of the stream reports as new."""
