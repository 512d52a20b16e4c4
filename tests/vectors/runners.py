"""What the product's own code makes of the inputs of vectors: the expected results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from hinterland.client.answers import class_of, error_in, retry_after
from hinterland.client.exchange import Request, Response
from hinterland.client.layers.retry import Failure, failure_of, verdict
from hinterland.client.local.fields import Declared
from hinterland.client.local.order import rank
from hinterland.client.local.overlay import replay
from hinterland.client.local.question import Question, answers, order_of
from hinterland.client.options import Options
from hinterland.contract import changes, patches, temporary
from hinterland.contract.changes import Write
from hinterland.contract.errors import Refusal
from hinterland.contract.expressions import auth_type, record_type
from hinterland.contract.identity import IdMaker, is_made_id, is_record_id, is_temporary
from hinterland.contract.indexed import INDEXED_BYTES, bounded, limits, own_limit
from hinterland.contract.kinds.field import Field, field_of
from hinterland.contract.kinds.list import add, remove
from hinterland.contract.query import Query, parameters
from hinterland.contract.records import Collection, CompiledCollection
from hinterland.contract.schemas import described_field
from hinterland.contract.temporary import Place, StandIns
from hinterland.contract.values import instant, is_same, parse_base64, parse_instant, parse_int64
from hinterland.kit.backoff import full_jitter
from hinterland.kit.cel import BOOL, CelError, Environment, check, parse, predicate
from tests.vectors.device import described_shape, run_steps
from tests.vectors.subset import is_in_subset

Case = dict[str, Any]
Runner = Callable[[Case], Any]


def described(declaration: Case) -> Case:
    """A collection in the form in which the server describes it."""
    fields = {name: described_kind(field) for name, field in declaration["fields"].items()}
    return {**declaration, "fields": fields}


def described_kind(declaration: Case) -> Case:
    """A field in the form in which the server describes it; an index limits its bytes."""
    if declaration["kind"] == "point":  # of an app of its own
        return declaration
    field = field_of(declaration)
    limit = limits({"field": field}, ()).get("field")
    access = {name: value for name, value in declaration.items() if name == "read_access"}
    return described_field(field) | access | ({} if limit is None else {"max_bytes": own_limit(field, limit)})


def _collection(case: Case) -> Collection:
    return _shape(case).collection


def _shape(case: Case) -> CompiledCollection:
    return described_shape(case["schema"], is_certain=case.get("is_certain", True))


def _write(given: Case) -> Write:
    return msgspec.convert(given, Write)


def _refused(refusal: Refusal) -> Case:
    return {"code": refusal.code, "message": refusal.message, "errors": refusal.errors}


# ---------------------------------------------------------------- changes


def merges(case: Case) -> Any:
    """Merges and merge patches."""
    match case["call"]:
        case "merge":
            sides = (case["policy"], case["base"], case["server"], case["device"])
            merged = changes.merge(*sides, is_device_newer=case["is_device_newer"])
            return {"value": merged.value, "is_lost": merged.is_lost}
        case "followed":
            return changes.followed(case["policy"], case["base"], case["server"], case["device"])
        case "merge_patch":
            return patches.merge_patch(case["target"], case["patch"])
        case "difference":
            return patches.difference(case["before"], case["after"])
        case "standing":
            kept = patches.standing(case["base"], case["server"], case["patch"], is_newer=case["is_newer"])
            return {"patch": kept.patch, "is_lost": kept.is_lost}
        case word:
            return {"add": add, "remove": remove}[word](case["old"], case["items"])


def transforms(case: Case) -> Any:
    """Transforms, escapes, and what they make of a patch."""
    match case["call"]:
        case "is_transform":
            return changes.is_transform(case["value"])
        case "unescaped":
            return changes.unescaped(case["value"])
    try:
        return {"body": changes.resolve(_shape(case), case["document"], case["body"], case["now"])}
    except Refusal as refusal:
        return {"refused": _refused(refusal)}


def writes(case: Case) -> Any:
    """The document after a write."""
    try:
        caller = case["caller"]
        return {"document": changes.apply(_shape(case), _write(case["write"]), case["document"], case["now"], caller)}
    except Refusal as refusal:
        return {"refused": _refused(refusal)}


def validation(case: Case) -> Any:
    """The store's form of a field's value, or the message."""
    field: Field = field_of(case["field"])
    checked = field.checker()
    if "max_bytes" in case["field"]:
        checked = bounded(field, checked, INDEXED_BYTES)
    try:
        return {"value": checked(case["value"])}
    except ValueError as error:
        return {"error": str(error)}


def overlay(case: Case) -> Any:
    """The record with unsent writes on top."""
    shape = _shape(case) if case["schema"] else None
    timed = [(_write(each["write"]), each["timestamp"]) for each in case["writes"]]
    return replay(case["base"], timed, shape, case["caller"])


def temporaries(case: Case) -> Any:
    """Stand-ins in writes, and the ids in their place."""
    if case["call"] == "is_stand_in":
        return temporary.is_stand_in(case["value"])
    write = _write(case["write"])
    fields = _collection(case).fields if case["schema"] else {}
    known = StandIns((Place(collection, parent, name), id) for collection, parent, name, id in case["given"])
    match case["call"]:
        case "references":
            return sorted(temporary.references(write))
        case "candidates":
            return sorted(temporary.candidates(write, fields))
        case "learn":
            found = known.learn([write], {0: case["id"]})
            return {"places": [list(place) for place in found.values()], "parent": known.parent(case["path"])}
        case word:
            changed = known.write(write, fields, is_whole=word == "write_whole")
            return {"id": changed.id, "parent": changed.parent, "body": changed.body}


# ---------------------------------------------------------------- questions


def expressions(case: Case) -> Any:
    """What an expression says of a record: true, false, or an error; and what a device leaves to the server."""
    collection = _collection(case)
    variables = {"record": record_type(collection), "auth": auth_type(is_integer=False)}
    try:
        tree = check(parse(case["expression"]), Environment(variables), BOOL)
    except CelError:
        return "invalid"
    if not is_in_subset(tree, case["expression"]):
        return "unsupported"
    found = predicate(tree)({"record": case["record"], "auth": case["auth"]})
    return "error" if found is None else found


def orders(case: Case) -> Any:
    """The ids of records in the order of a local list."""
    if case["call"] == "rank":
        try:
            kind, value = rank(case["value"])
            return [kind, int(value) if isinstance(value, bool) else value]
        except Refusal as refusal:
            return _refused(refusal)
    fields = Declared(_collection(case))
    question = Question(sort=tuple(case["sort"]))
    found = answers(question, case["records"], fields)
    return [record["id"] for record in order_of(question, fields).ordered(found)]


def queries(case: Case) -> Any:
    """The pairs of a list's query string."""
    return [list(pair) for pair in parameters(msgspec.convert(case["query"], Query))]


# ---------------------------------------------------------------- values


def values(case: Case) -> Any:
    """The forms of values, and which are the same."""
    if case["call"] == "is_same":
        return is_same(case["one"], case["other"])
    if case["call"] == "instant":
        return instant(case["value"])
    read = {"parse_instant": parse_instant, "parse_int64": parse_int64, "parse_base64": parse_base64}[case["call"]]
    try:
        return {"value": read(case["value"])}
    except ValueError as error:
        return {"error": str(error)}


def ids(case: Case) -> Any:
    """What is an id, and how new ones begin: what follows is random."""
    if case["call"] == "made":
        maker = IdMaker(case["after"])
        return [maker.new(now)[:12] for now in case["times"]]
    calls: dict[str, Callable[[Any], bool]] = {
        "is_record_id": is_record_id, "is_temporary": is_temporary, "is_made_id": is_made_id,
    }  # fmt: skip
    return calls[case["call"]](case["value"])


# ---------------------------------------------------------------- requests


def _request(case: Case) -> Request:
    headers = {"idempotency-key": "k"} if case["has_key"] else {}
    return Request(method=case["method"], url="http://127.0.0.1/v1/x", headers=headers, retries=Options().retries)


def retries(case: Case) -> Any:
    """The wait before the next attempt, what is tried again, and what Retry-After asks for."""
    match case["call"]:
        case "full_jitter":
            return full_jitter(case["attempt"], case["base"], case["cap"], lambda: float(case["random"]))
        case "retry_after":
            return retry_after(case["headers"], case["now"])
        case "failure":
            response = Response(
                status=case["status"], headers=case["headers"], content=msgspec.json.encode(case["body"])
            )
            failed = failure_of(response, _request(case), case["now"])
            return failed and {"status": failed.status, "sent": failed.sent, "asked": failed.asked}
    failed = Failure(case["status"], case["sent"], case["asked"])
    return verdict(_request(case), failed, case["attempt"], case["left"], Options(), lambda: float(case["random"]))


def error_texts(case: Case) -> Any:
    """The error of a response."""
    response = Response(status=case["status"], headers=case["headers"], content=msgspec.json.encode(case["body"]))
    error = error_in(response, now=case["now"])
    return {
        "class": class_of(error.code, error.status).__name__,
        **{name: getattr(error, name) for name in ("code", "message", "advice", "sent", "errors", "retry_after")},
        "is_from_server": error.is_from_server,
        "request_id": error.request_id,
    }


def steps(case: Case) -> Any:
    """What a device's store makes of writes, pushes, pulls and live commits."""
    return run_steps(case, {"notes": _shape(case)} if case["schema"] else {})


RUNNERS: dict[str, Runner] = {
    "steps": steps,
    "merges": merges,
    "transforms": transforms,
    "writes": writes,
    "validation": validation,
    "overlay": overlay,
    "temporary": temporaries,
    "expressions": expressions,
    "order": orders,
    "queries": queries,
    "values": values,
    "ids": ids,
    "retry": retries,
    "errors": error_texts,
}
