"""Root fields that change something: each is an operation of the table, and its record is read as a query reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from hinterland.contract.errors import Refusal
from hinterland.contract.identity import SIGNED_OUT, Principal
from hinterland.server.data.projection import Projection, Projector
from hinterland.server.data.requests import Upsert
from hinterland.server.operations import accounts, records
from hinterland.server.operations.call import UNCONDITIONAL, Preconditions
from hinterland.server.operations.records import RecordAddress, RecordChange, view_text
from hinterland.server.protocols.graphql.chosen import Chosen, name_of, object_type
from hinterland.server.protocols.graphql.selections import Selector
from hinterland.server.protocols.graphql.shapes import PARENT, Shape, without_members

if TYPE_CHECKING:
    from graphql import GraphQLObjectType, SelectionSetNode

    from hinterland.server.data.catalogue import Entry
    from hinterland.server.protocols.graphql.execution import Execution
    from hinterland.server.protocols.graphql.meaning import Meaning

_decode = msgspec.json.decode


async def change(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """Create, patch, replace, delete or upsert a record."""
    entry, given = meaning.entry, selector.arguments(chosen)
    assert entry is not None
    parent, text = execution.parent(entry, given), str(given.get("id") or "")
    body = stored_body(entry, given.get("input") or given.get("patch") or {})
    revision = given.get("revision")
    conditions = UNCONDITIONAL if revision is None else Preconditions(revisions=frozenset({int(revision)}))
    wanted = RecordChange(entry, parent, body, text)
    sets = selector.inner(chosen)
    shown = None if meaning.act == "delete" else planned(execution, selector, entry, object_type(chosen), sets, 1)
    if meaning.act == "create":
        made = wanted._replace(text="", id=entry.parse_id(text) if text else "")
        written = await records.create_record(execution.backend, execution.of(made))
    elif meaning.act == "upsert":
        form = wanted._replace(text="", form=Upsert(given["by"]))
        written = await records.create_record(execution.backend, execution.of(form))
    else:
        act = {"patch": records.patch_record, "replace": records.replace_record, "delete": records.delete_record}
        written = await act[meaning.act](execution.backend, execution.of(wanted, conditions))
    if written.is_replayed:
        execution.note_replay(chosen)
    return text if shown is None else await record_of(execution, entry, parent, _decode(written.body), *shown)


def stored_body(entry: Entry, body: Mapping[str, Any]) -> dict[str, Any]:
    """A body as the store takes it: ids, which are texts in GraphQL, as numbers where the collection has those."""
    made = dict(body)
    for name, link in entry.links.items():
        if link.ids == "integer" and name in made:
            value = made[name]
            made[name] = [_number(each) for each in value] if isinstance(value, list) else _number(value)
    return made


def _number(id: Any) -> Any:
    return int(id) if isinstance(id, str) and id.isascii() and id.isdigit() and len(id) < 19 else id


def planned(
    execution: Execution,
    selector: Selector,
    entry: Entry,
    type: GraphQLObjectType,
    sets: Sequence[SelectionSetNode],
    number: int,
) -> tuple[Projection, Shape]:
    """What is read of `number` records after a write. Raises what a query of it does, before anything is written."""
    projection, shape = selector.records(type, sets, number)
    Projector(execution.backend.catalogue, execution.caller).parts(entry, projection)
    return projection, shape


async def record_of(
    execution: Execution, entry: Entry, parent: str, record: Mapping[str, Any], projection: Projection, shape: Shape
) -> Any:
    """A record as a write left it, with what is selected of it; what is related is read by itself."""
    record = {**record, PARENT: parent} if parent else record
    if not projection.related:
        return shape(record)
    return shape({**record, "_expand": await _related(execution, entry, parent, record, projection)})


async def _related(
    execution: Execution, entry: Entry, parent: str, record: Mapping[str, Any], projection: Projection
) -> Any:
    """What comes with a record that was read, or written, by itself."""
    alone = without_members(Projection(("id",), projection.related))
    address = RecordAddress(entry, parent, str(record["id"]), alone)
    return _decode((await view_text(execution.backend, execution.of(address))).text)["_expand"]


async def me(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """The signed-in user's own record; null for who is signed out."""
    if execution.caller is SIGNED_OUT:
        return None
    if execution.caller.is_admin:
        raise Refusal("forbidden", "an administrator has no record of users")
    user = _decode(await accounts.who_am_i(execution.backend, execution.of(None)))
    return await _user(execution, selector.records_of(chosen, 1), user, execution.caller)


async def _user(execution: Execution, plan: tuple[Projection, Shape], user: Any, caller: Principal) -> Any:
    """A user's own record with what is selected of it, as the user sees it."""
    projection, shape = plan
    if not projection.related:
        return shape(user)
    backend = execution.backend
    address = RecordAddress(
        backend.catalogue["users"], "", str(user["id"]), without_members(Projection(("id",), projection.related))
    )
    found = await view_text(backend, replace(execution.of(address), caller=caller))
    return shape({**user, "_expand": _decode(found.text)["_expand"]})


async def account(execution: Execution, selector: Selector, chosen: Chosen, meaning: Meaning) -> Any:
    """Sign up, log in, refresh or log out."""
    given = selector.arguments(chosen)
    if meaning.act == "log_out":
        if execution.caller is SIGNED_OUT:
            raise Refusal("unauthorized", "sign in first")
        await accounts.log_out(execution.backend, execution.of(None))
        return True
    form: dict[str, Any] = {name: value for name, value in given.items() if name != "profile"}
    form |= given.get("profile") or {}
    selected = selector.chosen(object_type(chosen), selector.inner(chosen))
    # What is too costly is refused before anything is done: the answer has the only copy of the tokens.
    plans = {key: selector.records_of(each, 1) for key, each in selected if each and name_of(each) == "user"}
    act = {"sign_up": accounts.sign_up, "log_in": accounts.log_in, "refresh": accounts.renew}[meaning.act]
    done: Any = await act(execution.backend, execution.of(form))
    if getattr(done, "is_replayed", False):
        execution.note_replay(chosen)
    session: Mapping[str, Any] = msgspec.to_builtins(getattr(done, "output", done))
    made: dict[str, Any] = {}
    for key, each in selected:
        if each is None:
            made[key] = "Session"
        elif key in plans:
            caller = await execution.backend.tokens.verify(session["access_token"].encode())
            made[key] = await _user(execution, plans[key], session["user"], caller)
        else:
            made[key] = session.get(name_of(each))
    return made
