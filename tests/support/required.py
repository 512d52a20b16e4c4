"""What a machine may lack, and the rule for it: skipped with a printed reason, or failed where all is required.

A pytest plugin: with `HINTERLAND_REQUIRE_ALL=1` every skip, by whatever test, is reported as a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

REQUIRE_ALL = "HINTERLAND_REQUIRE_ALL"
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def require(name: str, present: object, how: str = "") -> None:
    """Skips the running test unless `present` is true; `name` is what is missing, `how` what would bring it."""
    if not present:
        pytest.skip(f"{name} is not on this machine" + (f": {how}" if how else ""))


def require_program(name: str, how: str = "") -> Path:
    """The program's path; skips the test where it is not on the path."""
    found = shutil.which(name)
    require(name, found, how or f"install {name}")
    return Path(str(found))


def require_chromium() -> Path:
    """The browser that pages are tried in; skips the test where there is none."""
    found = next((path for name in _CHROMIUM_NAMES if (path := shutil.which(name))), None)
    require("Chromium", found, "apt-get install chromium")
    return Path(str(found))


def require_node() -> Path:
    """Node's path; skips the test where Node or npm is missing."""
    require_program("npm", "install Node and npm")
    return require_program("node", "install Node and npm")


def require_jdk() -> Path:
    """The `java` that runs a source file; skips the test where there is no JDK."""
    require_program("javac", "apt-get install default-jdk-headless")
    return require_program("java", "apt-get install default-jdk-headless")


def is_all_required() -> bool:
    """Whether a skip counts as a failure in this run."""
    return os.environ.get(REQUIRE_ALL, "") not in ("", "0")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns the report of a skipped test into that of a failed one, where all is required."""
    report = yield
    if report.skipped and is_all_required() and not hasattr(report, "wasxfail"):
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report = yield
    if report.skipped and is_all_required():
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{REQUIRE_ALL}=1, and this was skipped: {reason}"
