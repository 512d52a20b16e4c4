"""What became of a suite's cases."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Tally:
    """Counts cases that passed, that failed, and that were refused with a reason: what the project says it can't do."""

    def __init__(self, suite: str) -> None:
        self.suite = suite
        self.passed = 0
        self.failures: list[str] = []
        self.refusals: Counter[str] = Counter()

    def passes(self) -> None:
        """A case gave the right result."""
        self.passed += 1

    def fails(self, case: str) -> None:
        """A case gave a wrong result; `case` names it and says which."""
        self.failures.append(case)

    def refuses(self, reason: str) -> None:
        """A case was refused."""
        self.refusals[reason] += 1

    def as_row(self) -> dict[str, Any]:
        """The suite's row of the report."""
        refused = self.refusals.total()
        return {
            "suite": self.suite,
            "passed": self.passed,
            "total": self.passed + len(self.failures) + refused,
            "failed": len(self.failures),
            "refused": refused,
            "failures": self.failures,
            "refusals": dict(self.refusals.most_common()),
        }
