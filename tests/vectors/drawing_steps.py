"""Sequences of writes, pushes, pulls and live commits of a device that hypothesis draws."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Step = dict[str, Any]
_TITLES = st.sampled_from(["a", "b", "c"])
_IDS = st.sampled_from(["x", "x", "x", "y", "~0123456789abcdefghjkmnpqrs"])
_BODIES = st.fixed_dictionaries(
    {}, optional={"title": _TITLES, "count": st.one_of(st.integers(0, 3), st.just({"$increment": 1}))}
)
_NEW = st.sampled_from(["y", "z", "~0123456789abcdefghjkmnpqrs"])
_WRITTEN = st.one_of(
    _NEW.map(lambda id: {"act": "create", "id": id, "body": {"title": "new"}}),
    st.builds(lambda id, body: {"act": "patch", "id": id, "body": body}, _IDS, _BODIES),
    st.builds(lambda id, body: {"act": "patch", "id": id, "body": body}, _IDS, _BODIES),
    st.builds(lambda id: {"act": "delete", "id": id}, _IDS),
)
_CHANGED = st.fixed_dictionaries({
    "kind": st.sampled_from(["update", "update", "update", "delete", "left"]), "id": st.sampled_from(["x", "y", 7]),
    "title": _TITLES, "count": st.integers(0, 3),
})  # fmt: skip
_CHANGES = st.lists(_CHANGED, max_size=2, unique_by=lambda change: change["id"])
_WRITING = st.fixed_dictionaries({"do": st.just("write"), "writes": st.lists(_WRITTEN, min_size=1, max_size=2)})
_PUSHING = st.fixed_dictionaries({"do": st.just("push"), "limit": st.integers(1, 3)})
_ANSWERING = st.fixed_dictionaries({
    "do": st.just("answer"),
    "statuses": st.lists(st.sampled_from(["applied", "applied", "applied", "refused", "withdrawn", "lost"]),
    max_size=3),
})  # fmt: skip
_PULLING = st.fixed_dictionaries({
    "do": st.just("pull"), "changes": _CHANGES, "more": st.sampled_from([False, False, True]),
    "restart": st.sampled_from([[], [], ["notes"]]), "complete": st.sampled_from([[], ["notes"]]),
    "settled": st.integers(0, 3), "is_outdated": st.sampled_from([False, False, False, True]),
})  # fmt: skip
_COMMITTING = st.fixed_dictionaries({"do": st.just("commit"), "changes": _CHANGES})
_OTHER = st.sampled_from([
    {"do": "start_again"}, {"do": "distrust"}, {"do": "fork"}, {"do": "gap", "expected": 1}, {"do": "gap",
    "expected": 2},
    {"do": "discard", "position": 0}, {"do": "retry", "position": 0},
])  # fmt: skip
# What often follows one another.
_GROUPS = st.one_of(
    st.tuples(_WRITING),
    st.tuples(_WRITING, _PUSHING),
    st.tuples(_WRITING, _PUSHING, _ANSWERING),
    st.tuples(_WRITING, _PUSHING, _ANSWERING, st.one_of(_PULLING, _COMMITTING)),
    st.tuples(st.one_of(_ANSWERING, _PULLING, _COMMITTING, _OTHER)),
    st.tuples(st.one_of(_PULLING, _COMMITTING)),
)
_STEPS = st.lists(_GROUPS, min_size=1, max_size=4).map(lambda groups: [step for group in groups for step in group])
_FIRST: Step = {"do": "pull", "changes": [{"kind": "update", "id": "x", "title": "old", "count": 1}]}


def _whole(steps: list[Step]) -> list[Step]:
    """The steps with ids of mutations, times and rising revisions."""
    return [whole_step(number, step) for number, step in enumerate([_FIRST, *steps], 1)]


def whole_step(number: int, step: Step) -> Step:
    """The step with that number, with the ids of mutations, times, revisions and whole records."""
    found = {**step, "now": 1000.0 + number}
    if step["do"] == "write":
        found["id"] = f"m{number}"
        found["writes"] = [{"collection": "notes", **write} for write in step["writes"]]
    if step["do"] == "retry":
        found["again"] = f"m{number}"
    if step["do"] in ("fork", "gap"):
        found["device"] = f"d{number}"
    if step["do"] == "answer":
        found["outcomes"] = [_outcome(10 * number + at, status) for at, status in enumerate(found.pop("statuses"))]
    if step["do"] in ("pull", "commit"):
        revision = 10 * number
        found |= {"cursor": f"c{number}", "changes": [_change(revision, each) for each in step["changes"]]}
        if step["do"] == "commit":
            found["revision"] = revision
    return found


def _outcome(revision: int, status: str) -> Step:
    if status == "lost":
        lost = [{"field": "title", "mine": "a", "theirs": "b"}]
        return {"status": "applied", "revision": revision, "ids": {"0": 7}, "lost": lost}
    if status == "applied":
        return {"status": status, "revision": revision, "ids": {"0": 7}}
    problem = {"title": "Conflict", "status": 409, "code": "conflict", "message": "it clashes"}
    return {"status": status, **({"problem": problem} if status == "refused" else {})}


def _change(revision: int, change: Step) -> Step:
    times = {"created_at": "t0", "updated_at": f"t{revision}"}
    values = {"title": change["title"], "count": change["count"]}
    record = {"id": change["id"], **times, "revision": revision, **values}
    gone = {"kind": change["kind"], "collection": "notes", "id": change["id"], "revision": revision}
    return {**gone, "record": record} if change["kind"] == "update" else gone


STEPS = st.fixed_dictionaries({
    "schema": st.sampled_from([None, "counted", "integer_ids"]), "steps": _STEPS.map(_whole),
})  # fmt: skip
