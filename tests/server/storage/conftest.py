"""The shipped suite's asserts explain themselves here as this folder's own do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "hinterland.testing.storage_suite",
    "hinterland.testing.storage_log_suite",
    "hinterland.testing.storage_system_suite",
    "hinterland.testing.storage_values_suite",
)
