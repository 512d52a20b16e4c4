"""Makes the files of vectors: `python -m tests.vectors.making`, or `make vectors`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from hinterland.contract.errors import CODES
from tests.vectors import given, given_forms, given_questions, given_steps
from tests.vectors.given import Case
from tests.vectors.runners import RUNNERS, described, described_kind

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contract" / "vectors"


class Topic(NamedTuple):
    """What a file of vectors says of itself, its inputs that are written by hand, and the names of declarations that
    its cases use."""

    description: str
    cases: list[Case]
    schemas: tuple[str, ...] = ()


_NOTES = ("notes", "open_notes")
_ALL = (*_NOTES, "hooked_notes", "later_notes", "private_notes", "odd_notes")
TOPICS = {
    "merges": Topic("Merges of a field that two sides changed, merge patches, and lists as sets.", given.MERGES),
    "transforms": Topic(
        "Transforms of a patch, and objects that are escaped so as not to be one.", given.TRANSFORMS, _NOTES
    ),
    "writes": Topic("The document after a write, by the collection's declaration, or the refusal.", given.WRITES, _ALL),
    "validation": Topic("The stored form of a field's value, or the message for the user.", given_forms.VALIDATION),
    "overlay": Topic(
        "The record with unsent writes on top; schema null: the declaration is not known.", given.OVERLAY, _NOTES
    ),
    "temporary": Topic(
        "Temporary ids in writes, and the ids that the server gave in their place.", given.TEMPORARY, _NOTES
    ),
    "expressions": Topic(
        "What an expression says of a record and a caller.", given_questions.EXPRESSIONS, (*_NOTES, "odd_notes")
    ),
    "order": Topic("The ids of records in the order of a local list.", given_questions.ORDER, _NOTES),
    "values": Topic("Equality, and the forms of instants, 64-bit integers and bytes.", given_forms.VALUES),
    "ids": Topic("What is an id, and the first 12 characters of new ones; 14 random ones follow.", given_forms.IDS),
    "queries": Topic("The pairs of a list's query string, before they are encoded.", given_questions.QUERIES),
    "retry": Topic("Which requests are tried again, and when.", given_forms.RETRY),
    "steps": Topic(
        "What a device's store makes of writes, pushes, pulls and live commits.",
        given_steps.STEPS,
        tuple(given_steps.SCHEMAS),
    ),
    "errors": Topic(
        "The error of a response.", given_forms.error_cases({code: row.status for code, row in CODES.items()})
    ),
}


def drawn_inputs(*arguments: str) -> dict[str, list[Case]]:
    """The inputs that hypothesis draws, by topic, from a process of its own with the `arguments` of `drawing.main`."""
    command = [sys.executable, "-m", "tests.vectors.drawing", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=3600)
    found: dict[str, list[Case]] = json.loads(done.stdout)
    return found


def run(topic: str, schemas: Case, case: Case) -> Any:
    """What the product's own code makes of a case."""
    name = case.get("schema")
    return RUNNERS[topic]({**case, "schema": schemas[name] if name else None})


def texts(drawn: dict[str, list[Case]]) -> dict[str, str]:
    """The files by topic, with the cases that are written by hand before those that were `drawn`."""
    return {topic: _text(topic, drawn.get(topic, [])) for topic in TOPICS}


def _text(topic: str, drawn: list[Case]) -> str:
    description, own, names = TOPICS[topic]
    schemas = {name: described((given.SCHEMAS | given_steps.SCHEMAS)[name]) for name in names}
    named = [*_named("given", own), *_named("drawn", drawn)]
    for case in named:
        if topic == "validation":
            case["field"] = described_kind(case["field"])
            if case["field"].get("format") == "email" and not str(case["value"]).isascii():
                case["is_left_to_the_server"] = True
    cases = [{**case, "expected": run(topic, schemas, case)} for case in named]
    if topic == "expressions":  # of what the server refuses, nothing is promised
        cases = [case for case in cases if case["expected"] != "invalid" or case["name"].startswith("given")]
    head: Case = {"description": description, **({"schemas": schemas} if schemas else {})}
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    return f'{json.dumps(head, indent=1)[:-2]},\n "cases": [\n{lines}\n ]\n}}\n'


def _named(source: str, cases: list[Case]) -> list[Case]:
    """The cases with unique names."""
    return [{"name": f"{source} {number}", **_whole(case)} for number, case in enumerate(cases, 1)]


def _whole(case: Case) -> Case:
    """A case as JSON gives it back."""
    found: Case = json.loads(json.dumps(case))
    return found


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for topic, text in texts(drawn_inputs()).items():
        (FOLDER / f"{topic}.json").write_text(text)
