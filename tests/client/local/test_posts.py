"""GraphQL mutations as rows of the outbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hinterland.client.errors import NotFound
from hinterland.client.local import posts
from hinterland.client.local.connection import Scope, StoreConnection
from hinterland.client.local.errors import AlreadySending
from tests.client.local.conftest import OPEN

QUERY = "mutation ($id: ID) { notesTouch(id: $id) }"
Statement = Callable[[StoreConnection, Scope], Any]
STATEMENTS: list[Statement] = [
    lambda c, scope: posts.found(c, scope, 5),
    posts.open_ids,
    posts.has_documents,
    posts.first_open,
    lambda c, scope: posts.next_post(c, scope, 1.0),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=["found", "open_ids", "has_documents", "first_open", "next_post"])
async def test_nothing_is_scanned(device: OPEN, statement: Statement) -> None:
    """What is asked of the documents of an outbox is found by an index: the writes of records are not read for it."""
    local = await device()
    await local.outbox.add_document(QUERY)

    def plans(connection: StoreConnection) -> list[str]:
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        statement(connection, local.scope)
        connection.set_trace_callback(None)
        questions = [each for each in asked if each.startswith("SELECT") and "FROM mutations" in each]
        return [row[3] for each in questions for row in connection.execute(f"EXPLAIN QUERY PLAN {each}")]

    found = await local.store.write(plans)
    assert found
    assert [plan for plan in found if plan.startswith("SCAN") or "SORT" in plan] == []


async def test_only_what_is_new_is_read(device: OPEN) -> None:
    """What follows the outbox is given new documents once, and those that are answered until they are forgotten."""
    local = await device()
    first, second = [(await local.outbox.add_document(QUERY)).mutation for _ in range(2)]
    found = await local.outbox.documents(0)
    assert ([*found.new], found.answered, found.undecided) == ([first, second], [], 2)
    again = await local.outbox.documents(found.last)
    assert (again.new, again.last, again.undecided) == ({}, found.last, 2)
    await local.store.write(lambda c: posts.settle(c, local.scope, first, {"notesTouch": True}, []))
    answered = await local.outbox.documents(found.last)
    assert (answered.new, answered.answered, answered.undecided) == ({}, [first], 1)
    assert [*(await local.outbox.documents(0)).new] == [first, second]
    await local.outbox.forget_document(first)
    await local.outbox.forget_document(second)  # which is not answered, and stays
    assert await local.outbox.open_documents() == {second}
    assert (await local.outbox.outcome(first)).data == {"notesTouch": True}  # type: ignore[union-attr]


async def test_temporary_ids_in_variables(device: OPEN) -> None:
    """The ids that the server gave are put in the place of temporary ones, at any depth, in values that are nothing
    else; others stay as they are."""
    local = await device()
    order = await local.collection("orders", ids="integer").create({"amount": 1})
    variables = {"a": [{"b": order.id}], "text": f"order {order.id}", "other": "~unknown", "n": 1, "none": None}
    mutation = (await local.outbox.add_document(QUERY, variables=variables)).mutation
    await local.sync.now()
    real = (await local.collection("orders", ids="integer").list()).items[0]["id"]
    post = await local.store.write(lambda c: posts.next_post(c, local.scope, 1.0))
    assert post is not None
    assert post.mutation == mutation
    assert post.document.variables == {**variables, "a": [{"b": real}]}


async def test_what_a_state_allows(device: OPEN) -> None:
    """A document that is being sent can't be changed; one that another account has is not there."""
    local = await device()
    mutation = (await local.outbox.add_document(QUERY)).mutation
    with pytest.raises(AlreadySending):
        await local.outbox.retry(mutation)
    await local.store.write(lambda c: posts.next_post(c, local.scope, 1.0))
    for act in (local.outbox.retry(mutation), local.outbox.edit(mutation, {}), local.outbox.discard(mutation)):
        with pytest.raises(AlreadySending):
            await act
    await local.switch("bob")
    for act in (local.outbox.retry(mutation), local.outbox.edit(mutation, {}), local.outbox.discard(mutation)):
        with pytest.raises(NotFound):
            await act
    with pytest.raises(NotFound):
        await local.outbox.outcome(mutation)
    assert not await local.outbox.has_documents()
