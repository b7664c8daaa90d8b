"""Fixtures for downloads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.storage import Storage
from vaereg.registry.transfer import waits


@pytest.fixture
def storage() -> Iterator[Storage]:
    """A file server on loopback."""
    with Storage("127.0.0.1") as server:
        yield server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between tries that are a tenth as long."""
    monkeypatch.setattr(waits, "_FIRST", waits._FIRST / 10)
