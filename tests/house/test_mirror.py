"""The tests stand where the code stands."""

from __future__ import annotations

from pathlib import Path

from tests.house.tree import PACKAGE, TESTS, imports, modules

FLOORS = ("kit", "contract", "client", "server", "testing", "cli")
# What is between modules, and why it can't be one module's.
BETWEEN = {
    "client/local/test_against_the_server.py": "the local store and the real server together",
    "client/local/test_copies.py": "a store's file that was copied or restored, and the real server",
    "client/local/test_convergence.py": "several devices and all that can go wrong between them",
    "client/local/test_kill.py": "an app that is killed, as a process",
    "client/local/test_integer_ids.py": "devices that do not know which ids the server gives, and the real server",
    "client/local/test_restored_server.py": "a device and a real server that was set back to an older database",
    "client/local/test_same_questions.py": "the local store's answers beside the server's",
    "client/test_real_server.py": "the client and the real server together",
    "client/vault/test_vaults.py": "every vault passes the one shipped suite",
    "contract/test_messages.py": "every message comes back from JSON as it was",
    "kit/cel/test_agreement.py": "predicate, SQL and another implementation give the same answers",
    "server/auth/test_secrets.py": "what no operation on accounts may keep or tell",
    "server/data/test_large.py": "reader, pull and feed with records that are large",
    "server/data/test_request_instant.py": "readers, writers and rules that ask others decide at one instant",
    "server/data/test_rivals.py": "two processes' writers on one database",
    "server/data/test_turns.py": "nobody's long request keeps the loop from the others",
    "server/protocols/graphql/test_attacks.py": "what no honest client asks of GraphQL",
    "server/protocols/rest/test_abuse.py": "what no honest client asks, of any path",
    "server/storage/test_faulty_disk.py": "SQLite's storage on a disk that is full or broken",
    "server/storage/test_killed.py": "SQLite's storage in a process that is killed",
    "server/storage/test_two_processes.py": "PostgreSQL's storage in several processes",
}


def subject(test: Path) -> Path:
    """What a test module is named after, as a path within the package, without an ending."""
    return test.relative_to(TESTS).parent / test.stem.removeprefix("test_")


def is_mirrored(test: Path) -> bool:
    """Whether a module of the test's name, or of its name's beginning, stands where the test stands."""
    named = PACKAGE / subject(test)
    words = named.name.split("_")
    beginnings = ("_".join(words[:count]) for count in range(1, len(words) + 1))
    is_face = named.name == "face" and (named.parent / "__init__.py").exists()
    return is_face or any((named.parent / f"{beginning}.py").exists() for beginning in beginnings)


def floor_tests() -> list[Path]:
    """The test modules of the floors."""
    return [file for floor in FLOORS for file in modules(TESTS / floor) if file.name.startswith("test_")]


def test_tests_mirror_the_tree() -> None:
    """The tests of `room/thing.py` are `room/test_thing.py`, or several `room/test_thing_….py`, whose names begin so;
    what is between modules is named in a list, with its reason."""
    strays = {str(test.relative_to(TESTS)) for test in floor_tests() if not is_mirrored(test)}
    assert strays == BETWEEN.keys()


def test_no_test_imports_a_test() -> None:
    """What several test modules use is a module of its own: none imports a `test_…`."""
    borrowed = [
        str(found)
        for file in modules(TESTS)
        for found in imports(file)
        if any(part.startswith("test_") for part in f"{found.module}.{found.name}".split(".")[1:-1])
        and found.module.startswith("tests.")
    ]
    assert borrowed == []
