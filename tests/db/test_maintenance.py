"""Copying and checking a registry."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vaereg.db import maintenance
from vaereg.db.sqlite import SqliteDatabase
from vaereg.db.store import open_store
from vaereg.registry.errors import StoreError, UsageError
from vaereg.registry.values import Finding, Rejection

from .samples import STAMP, at, checkpoint, vae, verdict


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A registry in which something is recorded."""
    path = tmp_path / "registry.db"
    with open_store(f"sqlite:///{path}", tmp_path) as store:
        store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
        store.keep_verdict(verdict(checkpoint(), vae()))
        store.reject([(Rejection("/m/x.pt", "unreadable_file", "cut short"), STAMP)])
    return path


def findings(path: Path) -> dict[str, Finding]:
    return {finding.check: finding for finding in maintenance.check(f"sqlite:///{path}")}


def count(path: Path) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM artifacts").fetchone()[0]


def test_a_copy_of_a_live_registry_has_every_row(path: Path, tmp_path: Path) -> None:
    with closing(SqliteDatabase(path).connect()) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("BEGIN IMMEDIATE")
        writer.executemany(
            "INSERT INTO artifacts (sha256, size, format, kind, notices, identified_at)"
            " VALUES (?, 1, 'gguf', 'vae', '[]', '')",
            [(f"{number:064}",) for number in range(100)],
        )
        writer.execute("COMMIT")
        copy = maintenance.backup(f"sqlite:///{path}")
        shutil.copy(path, tmp_path / "naive.db")
        assert count(tmp_path / "naive.db") == 2
    assert copy.parent == path.parent
    assert copy.name.startswith("registry.db.saved-")
    assert copy.stat().st_mode & 0o077 == 0
    assert count(copy) == 102
    assert not list(tmp_path.glob("*.saved-*-wal"))


def test_a_copy_is_a_registry_by_itself(path: Path, tmp_path: Path) -> None:
    target = maintenance.backup(f"sqlite:///{path}", tmp_path / "copy.db")
    assert target == tmp_path / "copy.db"
    with open_store(f"sqlite:///{target}", tmp_path) as store:
        assert len(store.models()) == 2
    (tmp_path / "folder").mkdir()
    assert (
        maintenance.backup(f"sqlite:///{path}", tmp_path / "folder").parent == tmp_path / "folder"
    )


def test_two_copies_in_one_second_are_two(path: Path) -> None:
    made = {maintenance.backup(f"sqlite:///{path}") for _ in range(3)}
    assert len(made) == 3


def test_a_copy_never_overwrites(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        maintenance.backup(f"sqlite:///{path}", tmp_path / "precious.txt")
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_nothing_to_copy_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no registry"):
        maintenance.backup(f"sqlite:///{tmp_path}/registry.db")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_into_no_folder_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        maintenance.backup(f"sqlite:///{path}", path / "below" / "copy.db")


def test_a_server_is_copied_by_its_own_tool() -> None:
    with pytest.raises(UsageError) as caught:
        maintenance.backup("postgresql://ada:hunter2@localhost/vaereg")
    assert "pg_dump" in caught.value.hint
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_sound_registry_passes_every_check(url: str, tmp_path: Path) -> None:
    with open_store(url, tmp_path) as store:
        store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
        store.keep_verdict(verdict(checkpoint(), vae()))
    found = maintenance.check(url)
    assert all(finding.outcome != "fail" for finding in found), found
    assert found[-1] == Finding("contents", "pass", "2 models, 2 files here, 1 verdicts.")


def test_checking_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = {child.name: child.read_bytes() for child in tmp_path.iterdir()}
    maintenance.check(f"sqlite:///{path}")
    assert {child.name: child.read_bytes() for child in tmp_path.iterdir()} == before


def test_no_registry_yet_is_no_damage(tmp_path: Path) -> None:
    (finding,) = maintenance.check(f"sqlite:///{tmp_path}/registry.db")
    assert finding.outcome in ("pass", "warn")
    assert "no registry" in finding.message
    assert list(tmp_path.iterdir()) == []


def test_damage_is_found_and_told(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    path.write_bytes(content)
    found = findings(path)
    assert found["integrity"].outcome == "fail"
    assert "vaereg scan" in found["integrity"].message


def test_no_database_at_all_is_found(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)
    found = findings(path)
    assert found["integrity"].outcome == "fail"
    assert found["schema"].outcome == "fail"


@pytest.mark.parametrize(
    ("name", "statement", "says"),
    [
        ("foreign-keys", "DELETE FROM artifacts WHERE sha256 LIKE '%'", "lost their owner"),
        ("schema", "UPDATE alembic_version SET version_num = 'm999'", "m999"),
        ("contents", "UPDATE artifacts SET notices = 'no json'", "makes no sense"),
        ("contents", "UPDATE locations SET inode = 'many'", "makes no sense"),
    ],
)
def test_what_is_wrong_is_told(path: Path, name: str, statement: str, says: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    finding = findings(path)[name]
    assert finding.outcome == "fail"
    assert says in finding.message


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM evidence", "1 verdicts without evidence"),
        ("DELETE FROM fingerprints", "3 VAEs and denoisers without a fingerprint"),
    ],
)
def test_rows_that_lack_their_complement_are_told(path: Path, statement: str, says: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    assert says in findings(path)["contents"].message


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
    ],
)
def test_the_versions_that_may_lose_writes_are_known(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], sound: bool
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    finding = findings(path)["journal"]
    assert finding.outcome in ("pass", "warn")
    assert ("lose" in finding.message) is not sound
