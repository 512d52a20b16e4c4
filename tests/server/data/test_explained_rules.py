"""Explanations of rules that ask other collections, on each database."""

from __future__ import annotations

from hinterland.contract.explanations import Explanation, RuleAction
from hinterland.contract.fields import List, Text
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.contract.records import Collection, Rules
from hinterland.contract.values import instant
from hinterland.kit.clock import ManualClock
from hinterland.server.data.explained_rules import explained
from hinterland.server.storage.protocol import Storage
from tests.server.data.acts import make
from tests.server.data.teams import COLLECTIONS, IS_MEMBER, IS_OWNER
from tests.server.data.world import ADA, ADMIN, BEN, World, opened

WORDS = Collection(
    name="words", fields={"list": List(of=Text())}, rules=Rules(view="record.list.exists(w, w.matches('(a+)+b'))")
)


async def asked(world: World, caller: Principal, name: str, action: RuleAction, id: str) -> Explanation:
    """The explanation for a stored record."""
    async with world.storage.snapshot() as snapshot:
        record = await snapshot.record(name, "", id)
        assert record is not None
        entry = world.catalogue[name]
        return await explained(snapshot, entry, caller, entry.rules[action], record, instant(world.clock.now()))


async def test_questions_are_values(storage: Storage, clock: ManualClock) -> None:
    """The answer of a question is a value, by the question's text, and a question that is false is what refused; it is
    not looked into."""
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.write(
            make("members", "1", team="red", user="ada", role="owner"),
            make("members", "2", team="red", user="ben"),
            make("posts", "p", team="red"),
            make("bans", "b", team="red"),
            make("talks", "t", team="red"),
        )
        allowed = await asked(world, ADA, "posts", "delete", "p")
        assert allowed == Explanation(allowed=True, rule=IS_OWNER, values={IS_OWNER: True})
        refused = await asked(world, BEN, "posts", "delete", "p")
        assert refused == Explanation(allowed=False, rule=IS_OWNER, part=IS_OWNER, values={IS_OWNER: False})
        either = await asked(world, BEN, "posts", "list", "p")
        assert (either.allowed, either.values) == (
            True,
            {"record.author": None, "auth.id": "ben", IS_MEMBER: True},
        )
        unknown = await asked(world, BEN, "talks", "list", "t")
        question = "bans.exists(b, b.user == auth.id && b.team == record.team)"
        assert unknown.values == {question: None}
        assert (unknown.allowed, unknown.part) == (False, f"!{question}")
        assert unknown.reason == "b.user == auth.id && b.team == record.team is an error for a record of bans"
        assert not (await asked(world, SIGNED_OUT, "posts", "view", "p")).allowed


async def test_administrators_pass(storage: Storage, clock: ManualClock) -> None:
    """What an administrator does is allowed, with a rule that refuses others and without one; others need a rule."""
    async with opened(storage, clock, COLLECTIONS) as world:
        await world.write(make("bans", "b", user="ada", team="red"), make("talks", "t"))
        assert (await asked(world, ADMIN, "talks", "view", "t")).allowed
        assert await asked(world, ADMIN, "bans", "view", "b") == Explanation(allowed=True)
        assert await asked(world, ADA, "bans", "view", "b") == Explanation(allowed=False)


async def test_a_rule_that_costs_too_much(storage: Storage, clock: ManualClock) -> None:
    """A rule that takes more steps than an expression may is refused as a whole, with that as the reason."""
    async with opened(storage, clock, [WORDS]) as world:
        await world.write(make("words", "w", list=["a" * 9_000] * 200))
        found = await asked(world, ADA, "words", "view", "w")
        assert (found.allowed, found.part) == (False, found.rule)
        assert found.reason == "it takes more steps than an expression may"
