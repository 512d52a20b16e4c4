"""REST and GraphQL lists, connections and related records, and what followers by every protocol hear, agree on what
each of three users sees while memberships change, and with cel-python on what the rule means."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from celpy.adapter import json_to_cel
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hinterland.contract.fields import Reference, Text
from hinterland.contract.identity import Principal
from hinterland.contract.records import Collection, Rules, users
from hinterland.kit.clock import ManualClock
from hinterland.server.app import Server
from hinterland.server.declaration import App
from hinterland.server.security.sessions import new_session
from hinterland.server.settings import AuthSettings, Settings
from hinterland.server.storage.postgres import PostgresStorage
from hinterland.server.storage.protocol import Storage
from hinterland.server.storage.sqlite import SqliteStorage
from hinterland.server.storage.system import Put
from tests.figures.scale import sized
from tests.journeys.agreeing import ASKED, RULES, WORDS
from tests.journeys.followers import FOLLOWERS, Follower
from tests.kit.cel.engines import ask_oracle, oracle
from tests.server.protocols.asgi import Stream, ask, bearer
from tests.support.postgres import PostgresCluster

Test = TypeVar("Test", bound=Callable[..., None])
Seen = dict[str, dict[str, Any]]
_runs = itertools.count()
TEAMS = {"ada": "red", "ben": None, "": None}
"""The callers by their ids, and what their accounts have; the last is signed out."""
KEEP_ALIVE = 1.0
SELECTED = "id team owner note placeId"
_values = st.none() | st.sampled_from(WORDS)


def _acts(ids: str, *names: str) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    kinds = st.sampled_from(["create", "create", "patch", "delete"])
    return st.tuples(kinds, st.sampled_from(ids), st.fixed_dictionaries({}, optional=dict.fromkeys(names, _values)))


_ENDS = st.tuples(
    st.just("members"),
    st.tuples(
        st.sampled_from([("delete", {}), ("patch", {"user": "eve"}), ("patch", {"team": "grey"})]),
        st.sampled_from("xy"),
    ).map(lambda drawn: [(drawn[0][0], drawn[1], drawn[0][1])]),
)
_CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("things"), st.lists(_acts("abc", "team", "owner", "note"), min_size=1, max_size=3)),
        st.tuples(st.just("members"), st.lists(_acts("xy", "team", "user", "role"), min_size=1, max_size=2)),
        st.tuples(st.just("friends"), st.lists(_acts("p", "one", "other"), min_size=1, max_size=1)),
        st.sampled_from(["cut", "read"]),
    ),
    max_size=4,
)
# Memberships show something before the first step; in each example they end while everybody follows live, and after the
# connections were cut.
STEPS = st.tuples(_CHANGES, _ENDS, _CHANGES, _ENDS, _CHANGES).map(
    lambda drawn: [*drawn[0], "read", drawn[1], "read", *drawn[2], "cut", drawn[3], *drawn[4]]
)
FIRST: tuple[tuple[str, list[tuple[str, str, dict[str, Any]]]], ...] = (
    ("places", [("create", "h", {})]),
    ("things", [("create", "a", {"team": "red", "owner": "ben"}), ("create", "b", {"team": "blue", "owner": "ada"}),
                ("create", "c", {"team": "red", "owner": "red"}), ("create", "d", {"team": "blue", "note": "n"})]),
    ("marks", [("create", f"m{id}", {"thing": id}) for id in "abcd"]),
    ("members", [("create", "x", {"team": "red", "user": "ada", "role": "red"}),
                 ("create", "y", {"team": "blue", "user": "ben", "role": "ada"})]),
)  # fmt: skip
NOTE = "auth.id == record.owner"


def declared(rule: str) -> list[Collection]:
    """The collections: things, whose rule asks others, what refers to them and what they refer to."""

    def texts(*names: str) -> dict[str, Any]:
        return {name: Text(index=name != "role") for name in names}

    own = {**texts("team", "owner"), "note": Text(read=NOTE), "place": Reference(to="places", index=True)}
    open_to_all = Rules(list="true", view="true")
    return [
        Collection(name="things", fields=own, rules=Rules(list=rule, view=rule)),
        Collection(name="members", fields=texts("team", "user", "role")),
        Collection(name="friends", fields=texts("one", "other")),
        Collection(name="places", fields={"name": Text()}, rules=open_to_all),
        Collection(name="marks", fields={"thing": Reference(to="things")}, rules=open_to_all),
    ]


class Example:
    """A server with three callers, of whom each has a follower by every protocol."""

    def __init__(self, server: Server, clock: ManualClock, rule: str) -> None:
        assert server.backend is not None
        self.server = server
        self.backend = server.backend
        self.clock = clock
        self.rule = rule
        self.admin = bearer(server.backend.control.decode())
        self.tokens: dict[str, str] = {}
        self.followers: dict[tuple[str, str], Follower] = {}

    async def begin(self) -> None:
        """Sign everybody in, and follow."""
        for id, team in TEAMS.items():
            self.tokens[id] = await self._signed_in(id, team) if id else ""
            for way, kind in FOLLOWERS.items():
                follower = kind(self.server, self.tokens[id], "things", SELECTED)
                self.followers[way, id] = follower
                await follower.open()

    async def _signed_in(self, id: str, team: str | None) -> str:
        """The token of a new session."""
        body = {"id": id, "name": id, "email": f"{id}@example.org", "team": team}
        answer = await ask(self.server, "POST", "/v1/records/users", body, self.admin)
        assert answer.status == 201, answer.body
        caller = Principal(id=id, session=f"s-{id}", acr="aal1", amr=("pwd",))
        account = {"id": id, "roles": "[]", "is_admin": False, "is_disabled": False}
        session = new_session(caller.session, id, self.clock.now(), 86_400)
        await self.backend.accounts.submit([], [Put("_accounts", account), Put("_sessions", session)])
        return self.backend.tokens.issue(caller)

    async def take(self, step: Any) -> None:
        """Write, cut every connection, or read what there is."""
        if step == "cut":
            for follower in self.followers.values():
                await follower.leave()
                await follower.open()
        elif step == "read":
            await self.serve()
        else:
            name, acts = step
            fixed = {"things": {"place": "h"}}.get(name, {})
            for act, id, body in acts:
                write = {"act": act, "collection": name, "id": id}
                write |= {"body": {**fixed, **body} if act == "create" else body} if act != "delete" else {}
                answer = await ask(self.server, "POST", "/v1/batch", {"writes": [write]}, self.admin)
                assert answer.status in (200, 404, 409), answer.body  # of what is there already, or is not

    async def serve(self) -> None:
        """Have every follower read all that was written."""
        head = (await self.backend.storage.head()).revision
        revision_of = self.backend.feed.cursors.read
        reading = asyncio.gather(
            *[
                follower.read_until(head, lambda cursor: revision_of(cursor).revision)
                for follower in self.followers.values()
            ]
        )
        while not reading.done():  # after a silence everybody is sent where it is
            await self.clock.advance(0.01)
        await reading

    async def expected(self, caller: str) -> Seen:
        """What the rule shows, as cel-python understands it: a collection is a list of its records."""
        known = {name: await self.rows(name) for name in ("things", "members", "friends")}
        team = {} if TEAMS[caller] is None else {"team": TEAMS[caller]}
        auth = {"id": caller, **team} if caller else None
        variables: dict[str, Any] = {"auth": json_to_cel(auth)}
        variables |= {name: json_to_cel(known[name]) for name in ("members", "friends")}
        rule, note = oracle(self.rule), oracle(NOTE)
        shown: Seen = {}
        for row in known["things"]:
            given = {**variables, "record": json_to_cel(row)}
            if ask_oracle(rule, given) is True:
                hidden = set() if ask_oracle(note, given) is True else {"note"}
                shown[row["id"]] = {name: value for name, value in row.items() if name not in hidden}
        return shown

    async def rows(self, name: str) -> list[dict[str, Any]]:
        """All records of a collection, with the values that they have."""
        answer = await ask(self.server, "GET", f"/v1/records/{name}", None, self.admin)
        return [_plain(item) for item in answer.json["items"]]

    async def graphql(self, caller: str, query: str, **variables: Any) -> Any:
        """The data of a response without errors."""
        headers = bearer(self.tokens[caller]) if caller else {}
        body = {"query": query.replace("things", "things"), "variables": variables}
        answer = (await ask(self.server, "POST", "/graphql", body, headers)).json
        assert "errors" not in answer, (answer, query)
        return answer["data"]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that have values, under their names in REST."""
    names = {"placeId": "place"}
    made = {names.get(name, name): value for name, value in row.items() if name in (*SELECTED.split(), "place")}
    return {name: value for name, value in made.items() if value is not None} | {
        name: value for name, value in row.items() if name in ("user", "role", "one", "other") and value is not None
    }


def _by_id(rows: Sequence[Mapping[str, Any] | None]) -> Seen:
    return {row["id"]: _plain(row) for row in rows if row is not None}


# ------------------------------------------------------------ ways of reading


async def by_rest(run: Example, caller: str) -> Seen:
    """Pages of `GET /v1/records/…`."""
    headers = bearer(run.tokens[caller]) if caller else {}
    rows: list[Any] = []
    query: list[tuple[str, str]] = [("limit", "2")]
    while True:
        stream = Stream(run.server, "/v1/records/things", *query, headers=headers)
        await stream.task
        answer = json.loads(b"".join(stream.chunks))
        rows += answer["items"]
        if not answer["next"]:
            return _by_id(rows)
        query = [("limit", "2"), ("cursor", answer["next"])]


async def by_list(run: Example, caller: str) -> Seen:
    """A list, through an alias and a fragment."""
    query = f"{{ shown: things(sort: [team_DESC]) {{ ...s }} }} fragment s on Thing {{ {SELECTED} }}"
    return _by_id((await run.graphql(caller, query))["shown"])


async def by_conditions(run: Example, caller: str) -> Seen:
    """Lists by typed conditions that all records satisfy together, one of them by negation."""
    query = f"""{{ a: things(where: {{team: {{exists: true}}}}) {{ {SELECTED} }}
      b: things(where: {{NOT: {{team: {{exists: true}}}}}}) {{ {SELECTED} }}
      c: things(filter: "record.team == 'red'") {{ {SELECTED} }} }}"""
    data = await run.graphql(caller, query)
    assert _by_id(data["c"]) == {id: row for id, row in _by_id(data["a"]).items() if row["team"] == "red"}
    return _by_id(data["a"] + data["b"])


async def by_connection(run: Example, caller: str) -> Seen:
    """Pages of a connection, forward and backward."""
    query = f"""query ($first: Int, $after: String, $last: Int, $before: String) {{
      thingsConnection(first: $first, after: $after, last: $last, before: $before, sort: [owner_ASC]) {{
        totalCount pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} nodes {{ {SELECTED} }} }} }}"""
    ways: list[list[Any]] = []
    for size, place, more, edge in (
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ):
        rows: list[Any] = []
        words: dict[str, Any] = {size: 2}
        while True:
            shown = (await run.graphql(caller, query, **words))["thingsConnection"]
            rows = rows + shown["nodes"] if size == "first" else shown["nodes"] + rows
            if not shown["pageInfo"][more]:
                break
            words[place] = shown["pageInfo"][edge]
        assert shown["totalCount"] == len(rows)
        ways.append(rows)
    assert ways[0] == ways[1]
    return _by_id(ways[0])


async def by_view(run: Example, caller: str) -> Seen:
    """Each record by its id, all in one document."""
    names = [f'r{id}: thing(id: "{id}") {{ {SELECTED} }}' for id in "abcd"]
    return _by_id([*(await run.graphql(caller, f"{{ {' '.join(names)} }}")).values()])


async def by_node(run: Example, caller: str) -> Seen:
    """Each record by its node id, which it has again."""
    names = [f'r{id}: node(nodeId: "Thing:{id}") {{ nodeId ... on Thing {{ {SELECTED} }} }}' for id in "abcd"]
    found = [*(await run.graphql(caller, f"{{ {' '.join(names)} }}")).values()]
    assert all(row is None or row.pop("nodeId") == f"Thing:{row['id']}" for row in found)
    return _by_id(found)


async def by_reference(run: Example, caller: str) -> Seen:
    """The records to which others refer."""
    data = await run.graphql(caller, f"{{ marks {{ thing {{ {SELECTED} }} }} }}")
    return _by_id([mark["thing"] for mark in data["marks"]])


async def by_related(run: Example, caller: str) -> Seen:
    """The records that refer to others: as a list, and as a connection with its number."""
    query = f"""{{ places {{ things {{ {SELECTED} }}
      thingsConnection {{ totalCount nodes {{ {SELECTED} }} }} }} }}"""
    (place,) = (await run.graphql(caller, query))["places"]
    paged = place["thingsConnection"]
    assert paged["nodes"] == place["things"]
    assert paged["totalCount"] == len(paged["nodes"])
    return _by_id(paged["nodes"])


async def by_groups(run: Example, caller: str) -> Counter[Any]:
    """How many records aggregates count by team and owner."""
    query = "{ thingsAggregate(groupBy: [team, owner]) { groups { team owner count } } }"
    groups = (await run.graphql(caller, query))["thingsAggregate"]["groups"]
    return Counter({(group["team"], group["owner"]): group["count"] for group in groups})


READERS = (by_rest, by_list, by_conditions, by_connection, by_view, by_node, by_reference, by_related)


async def agree(storage: Storage, rule: str, steps: Sequence[Any]) -> None:
    """Write, look in between, and compare at the end."""
    clock = ManualClock()
    app = App(
        collections=[users(fields={"team": Text(write="admin")}), *declared(rule)],
        settings=Settings(
            auth=AuthSettings(access_token_seconds=86_400),
            keep_alive_seconds=KEEP_ALIVE,
        ),
        auth_fields=("team",),
    )
    server = Server(app, storage, clock)
    async with server.running():
        run = Example(server, clock, rule)
        await run.begin()
        for step in (*FIRST, "read", *steps):
            await run.take(step)
        await run.serve()
        for caller in TEAMS:
            expected = await run.expected(caller)
            for read in READERS:
                assert await read(run, caller) == expected, (read.__name__, caller, rule)
            groups = Counter((row.get("team"), row.get("owner")) for row in expected.values())
            assert await by_groups(run, caller) == groups, (caller, rule)
            for way in FOLLOWERS:
                rows = [*run.followers[way, caller].rows.values()]
                assert _by_id(rows) == expected, (way, caller, rule)
        for follower in run.followers.values():
            await follower.leave()


def some_rules(count: int) -> Callable[[Test], Test]:
    """Begin with an example of some rules, in which what shows something ends."""

    def decorated(test: Test) -> Test:
        ends: list[Any] = [("members", [("delete", "x", {})]), ("members", [("patch", "y", {"user": "eve"})])]
        ended = [ends[0], "read", "cut", "read", ends[1]]
        for rule in ASKED[:count]:
            test = example(rule, ended)(test)
        return test

    return decorated


@some_rules(sized(2, len(ASKED)))
@given(RULES, STEPS)
@settings(max_examples=sized(6, 150))
def test_sqlite(tmp_path: Path, rule: str, steps: list[Any]) -> None:
    """REST, GraphQL, streams and sockets agree on what each of two users, and a stranger, sees, and with cel-python."""
    asyncio.run(agree(SqliteStorage(tmp_path / str(next(_runs))), rule, steps))


@some_rules(sized(1, len(ASKED)))
@given(RULES, STEPS)
@settings(max_examples=sized(3, 60))
def test_postgres(postgres_cluster: PostgresCluster, rule: str, steps: list[Any]) -> None:
    """On PostgreSQL they agree too."""
    with postgres_cluster.database() as dsn:
        asyncio.run(agree(PostgresStorage(dsn, connections=3), rule, steps))
