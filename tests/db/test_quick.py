"""A listing must not wait for imports that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vaereg.db.store import open_store
from vaereg.registry.values import DeclaredPair

from .samples import at, origin, reading, sha, vae, verdict

LISTING = """
import sys
from pathlib import Path
from vaereg.db.store import open_store
with open_store(sys.argv[1], Path(sys.argv[2])) as store:
    assert len(store.models()) == 1
    assert store.places() and store.verdicts() and store.by_sha256(sys.argv[3])
    assert store.rejections() == () and store.roots() == () and len(store.readings()) == 1
    assert store.origins() and store.pairs() and store.lookups("civitai")
print(*sys.modules)
"""

SLOW = {"sqlalchemy", "alembic", "filelock", "asyncio", "email", "torch", "numpy", "rich"}


@pytest.fixture
def filled(url: str, tmp_path: Path) -> str:
    with open_store(url, tmp_path) as store:
        store.remember([(vae(), at("/m/a.pt"))])
        store.keep_verdict(verdict(vae(), vae()))
        store.keep_reading(vae().digests.sha256, reading())
        store.keep_origin(vae().digests.sha256, origin())
        store.keep_pairs([DeclaredPair(sha(1), sha(2), "civitai:1@2")])
        store.keep_lookups("civitai", {sha(1): True})
    return url


def test_reading_imports_no_sqlalchemy(filled: str, tmp_path: Path) -> None:
    arguments = [filled, str(tmp_path), vae().digests.sha256]
    answer = subprocess.run(
        [sys.executable, "-c", LISTING, *arguments], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    modules = set(answer.stdout.split())
    slow = SLOW - {"asyncio", "email"} if filled.startswith("postgresql") else SLOW
    assert not slow & modules
    assert ("psycopg" in modules) is filled.startswith("postgresql")
