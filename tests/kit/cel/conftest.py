"""The two databases, with a table of records each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.kit.cel.engines import PostgresRecords, SqliteRecords
from tests.support.postgres import PostgresCluster

# `pytest tests/kit/cel --hypothesis-profile=thorough` looks for long.
settings.register_profile("thorough", settings.get_profile("house"), max_examples=5000)


@pytest.fixture(scope="session")
def sqlite_records() -> SqliteRecords:
    """Records in SQLite."""
    return SqliteRecords()


@pytest.fixture(scope="session")
def postgres_records(postgres_cluster: PostgresCluster) -> Iterator[PostgresRecords]:
    """Records in PostgreSQL."""
    with postgres_cluster.database() as dsn:
        records = PostgresRecords(dsn)
        yield records
        records.close()
