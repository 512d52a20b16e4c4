"""cel-spec's simple cases (npm `@bufbuild/cel-spec`), asked of `hinterland.kit.cel`: of the predicate, and of both
databases with the values of a case in columns.

Ours is typed and has no messages, and a rule is a truth value: an expression of another type
is compared with the expected value. What ours refuses when it checks an expression counts apart, with the reason.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conformance.cel_databases import Database, Stored, databases, stored_forms
from conformance.tally import Tally
from hinterland.kit.cel.checking import check
from hinterland.kit.cel.errors import CelError
from hinterland.kit.cel.parser import parse
from hinterland.kit.cel.predicates import predicate
from hinterland.kit.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT64,
    STRING,
    TIMESTAMP,
    UINT,
    Environment,
    ListType,
    Type,
)
from tests.support.postgres import running_cluster

FOLDER = Path(__file__).with_name("cel_spec")
_PRIMITIVES = {"BOOL": BOOL, "INT64": INT64, "DOUBLE": DOUBLE, "STRING": STRING, "BYTES": BYTES,
               "UINT64": UINT}  # fmt: skip
_NO_NAN = "NaN is no value: an operation that would give it is an error, which denies"
_DEVIATIONS = {
    "comparisons/eq_literal/not_eq_double_nan": _NO_NAN,
    "comparisons/ne_literal/not_ne_double_nan": _NO_NAN,
    "comparisons/ne_literal/ne_double_nan": _NO_NAN,
    "comparisons/eq_literal/not_eq_int_double_nan": _NO_NAN,
    "comparisons/ne_literal/not_ne_int_double_nan": _NO_NAN,
    "math_ext/round/nan": _NO_NAN,
    "math_ext/trunc/nan": _NO_NAN,
    "math_ext/isNaN/true": _NO_NAN,
    "math_ext/isNaN/false": _NO_NAN,
    "math_ext/isInf/true": _NO_NAN,
    "math_ext/isInf/false": _NO_NAN,
    "math_ext/isFinite/false_nan": _NO_NAN,
    "math_ext/isFinite/false_inf": _NO_NAN,
}
"""Cases that ours answers with an error on purpose, each with the reason."""


class NotOurs(Exception):
    """The case needs what our CEL does not have; the message says what."""


class Asked(NamedTuple):
    """A case as a condition, and what its value must be: true, false, or None for an error."""

    text: str
    environment: Environment
    variables: dict[str, Any]
    wanted: bool | None


def run() -> list[Tally]:
    """Every case once, of each evaluator. npm installs what the lock file names. Ends with a message where Node or npm
    is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise SystemExit("cel-spec's cases need Node and npm; install both, and run it again")
    installed, lock = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent"], cwd=FOLDER, check=True)
    listed = subprocess.run(["node", "cases.mjs"], cwd=FOLDER, check=True, capture_output=True, text=True)
    tally = Tally("cel-spec simple")
    with running_cluster() as cluster, cluster.database() as dsn, databases(dsn) as asked:
        stored = [Tally(f"cel-spec simple on {database.name}") for database in asked]
        for line in listed.stdout.splitlines():
            row = json.loads(line)
            found = _judge(tally, row["name"], row["case"])
            forms = [] if found is None else [*stored_forms(found.text, found.environment, found.variables)]
            for each, database in zip(stored, asked, strict=True):
                _judge_stored(each, row["name"], found, forms, database)
    return [tally, *stored]


def _judge(tally: Tally, name: str, case: dict[str, Any]) -> Asked | None:
    """What the predicate makes of a case; the condition, if it has one."""
    try:
        asked = _condition(case)
        outcome, wanted = _value(asked), asked.wanted
    except NotOurs as error:
        tally.refuses(str(error))
    except CelError as error:
        tally.refuses(re.sub(r"'[^']*'|\d+", "…", str(error).splitlines()[0]))
    else:
        if outcome is wanted:
            tally.passes()
        elif outcome is None and name in _DEVIATIONS:
            tally.refuses(_DEVIATIONS[name])
        else:
            tally.fails(f"{name}: {case['expr']} is {outcome}, not {wanted}")
        return asked
    return None


def _judge_stored(tally: Tally, name: str, asked: Asked | None, forms: Sequence[Stored], database: Database) -> None:
    """What a database makes of a case, in each of the `forms` that it has over columns."""
    if asked is None:
        tally.refuses("the predicate refuses it")
        return
    wanted = None if name in _DEVIATIONS else asked.wanted
    answers = [database.answer(form) for form in forms]
    wrong = next((answer for answer in answers if answer != (wanted, wanted is True)), None)
    if wrong is not None:
        tally.fails(f"{name}: {asked.text} is {wrong}, not {wanted}")
    elif not forms:
        tally.refuses("no value in it can be a column")
    elif name in _DEVIATIONS:
        tally.refuses(_DEVIATIONS[name])
    else:
        tally.passes()


def _condition(case: dict[str, Any]) -> Asked:
    """The case as a condition."""
    if case.get("checkOnly"):
        raise NotOurs("the case asks for a type only")
    environment = Environment({each["name"]: _type(each) for each in case.get("typeEnv", ())})
    variables = {name: _document(bound["value"]) for name, bound in case.get("bindings", {}).items()}
    value = case.get("value") or case.get("typedResult", {}).get("result")
    if "evalError" in case:
        return Asked(_truth(case["expr"], environment), environment, variables, None)
    if value is None or "boolValue" in value:
        return Asked(case["expr"], environment, variables, value is None or value["boolValue"])
    if value.get("doubleValue") == "NaN":
        return Asked(f"({case['expr']}) != ({case['expr']})", environment, variables, True)
    return Asked(f"({case['expr']}) == ({_literal(value)})", environment, variables, True)


def _value(asked: Asked) -> bool | None:
    return predicate(check(parse(asked.text), asked.environment))(asked.variables)


def _truth(text: str, environment: Environment) -> str:
    """An expression as a truth value, which is an error where the expression is."""
    try:
        check(parse(text), environment)
    except CelError:
        return f"({text}) == ({text})"
    return text


def _type(declared: dict[str, Any]) -> Type:
    if "ident" not in declared:
        raise NotOurs("functions are not declared by the environment")
    if "." in declared["name"]:
        raise NotOurs("no variables with a dot in their name, and no containers")
    return _type_of(declared["ident"]["type"])


def _type_of(given: dict[str, Any]) -> Type:
    if given.get("primitive") in _PRIMITIVES:
        return _PRIMITIVES[given["primitive"]]
    if "dyn" in given or "null" in given:
        return DYN
    if given.get("wellKnown") == "TIMESTAMP":
        return TIMESTAMP
    if "listType" in given and given["listType"]["elemType"].get("primitive") in _PRIMITIVES:
        return ListType(_type_of(given["listType"]["elemType"]))
    raise NotOurs(f"no variables of the type {given.get('primitive') or next(iter(given))}")


def _document(value: dict[str, Any]) -> Any:
    """A value as a document carries it."""
    [(kind, content)] = value.items()
    if kind == "uint64Value":
        return int(content)
    if kind in ("boolValue", "stringValue", "bytesValue", "nullValue", "int64Value", "doubleValue"):
        return content
    if kind == "listValue":
        return [_document(item) for item in content.get("values", ())]
    raise NotOurs(f"no variables that hold a {kind}")


def _literal(value: dict[str, Any]) -> str:
    """A value as CEL writes it."""
    [(kind, content)] = value.items()
    match kind:
        case "int64Value":
            return str(content)
        case "uint64Value":
            return f"{content}u"
        case "doubleValue":
            return _double(content)
        case "stringValue":
            return json.dumps(content, ensure_ascii=False)
        case "bytesValue":
            return 'b"' + "".join(f"\\x{byte:02x}" for byte in base64.b64decode(content)) + '"'
        case "boolValue" | "nullValue":
            return json.dumps(content, ensure_ascii=False)
        case "listValue":
            return f"[{', '.join(_literal(item) for item in content.get('values', ()))}]"
        case "mapValue":
            pairs = [f"{_literal(each['key'])}: {_literal(each['value'])}" for each in content.get("entries", ())]
            return f"{{{', '.join(pairs)}}}"
        case "typeValue":
            return str(content)
    raise NotOurs(f"no {kind}")


def _double(content: Any) -> str:
    if content in ("Infinity", "-Infinity"):
        raise NotOurs("no infinite numbers")
    return repr(float(content))
