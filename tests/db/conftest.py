"""A registry of each kind for every test of the store, PostgreSQL's on a server started here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vaereg.db.store import open_store
from vaereg.registry.ports import Store

from .postgres_server import Server, programs

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    pytest.importorskip("psycopg")
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    running = Server(folder)
    yield running
    running.stop()


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, SQLite's and PostgreSQL's in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def store(url: str, tmp_path: Path) -> Iterator[Store]:
    with open_store(url, tmp_path) as opened:
        yield opened
