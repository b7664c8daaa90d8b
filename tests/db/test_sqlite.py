"""The SQLite file: how it is opened, and what its faults are called."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from vaereg.db import disks, sqlite
from vaereg.db.session import open_engine
from vaereg.db.sqlite import SqliteDatabase
from vaereg.db.store import RegistryStore, open_store
from vaereg.registry.errors import DatabaseLocked, StoreError

from .samples import at, sha, vae


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "registry.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """The path of a registry with one model in it."""
    with opened(path) as store:
        store.remember([(vae(), at("/m/a.pt"))])
    return path


def opened(path: Path) -> RegistryStore:
    return open_store(f"sqlite:///{path}", path.parent)


def names(path: Path) -> list[str]:
    with opened(path) as store:
        return [model.name for model in store.models()]


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


@contextmanager
def as_another_user() -> Iterator[None]:
    """Root may write anything, so nothing is read-only to it."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if own == 0:
            os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="registry"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_writing_connection_follows_every_rule(filled: Path) -> None:
    with closing(SqliteDatabase(filled).connect()) as connection:
        assert pragma(connection, "foreign_keys") == 1
        assert pragma(connection, "busy_timeout") == 30_000
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 1
        assert pragma(connection, "mmap_size") == 0
        assert connection.isolation_level is None


def test_a_transaction_holds_the_write_lock_from_its_start(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 0)
    engine = open_engine(SqliteDatabase(filled))
    with engine.begin(), closing(SqliteDatabase(filled).connect()) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        assert names(filled) == ["a"]


def test_a_network_disk_gets_no_write_ahead_log(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "is_local", lambda path: False)
    with closing(SqliteDatabase(filled).connect()) as connection:
        assert pragma(connection, "journal_mode") == "delete"
        assert pragma(connection, "synchronous") == 2
    assert names(filled) == ["a"]


MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
nas:/models /mnt/nas nfs4 rw 0 0
//box/share /mnt/with\040space cifs rw 0 0
ada@far:/ /mnt/far fuse.sshfs rw 0 0
/dev/sdb1 /mnt/nas/local ext4 rw 0 0
/dev/sdc1 /mnt/usb fuseblk rw 0 0
proc /proc proc rw 0 0
C: /mnt/c 9p rw 0 0
none / overlay rw 0 0
"""


@pytest.mark.parametrize(
    ("where", "kind", "local"),
    [
        ("/home/ada/registry.db", "overlay", True),
        ("/mnt/nas/registry.db", "nfs4", False),
        ("/mnt/nas2/registry.db", "overlay", True),
        ("/mnt/nas/local/registry.db", "ext4", True),
        ("/mnt/with space/registry.db", "cifs", False),
        ("/mnt/far/a/b/registry.db", "fuse.sshfs", False),
        ("/mnt/usb/registry.db", "fuseblk", True),
        ("/mnt/c/Users/ada/registry.db", "9p", False),
    ],
)
def test_the_disk_is_known_by_the_mounts(
    where: str, kind: str, local: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    assert disks.file_system(Path(where), MOUNTS) == kind
    disks.is_local.cache_clear()
    assert disks.is_local(Path(where)) is local
    disks.is_local.cache_clear()


def test_the_file_is_its_owners_alone(filled: Path) -> None:
    assert stat.S_IMODE(filled.stat().st_mode) == 0o600
    assert stat.S_IMODE(filled.parent.stat().st_mode) == 0o700


def test_a_file_of_no_bytes_is_an_empty_registry(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert names(path) == []
    with opened(path) as store:
        store.remember([(vae(), at("/m/a.pt"))])
    assert names(path) == ["a"]


def garbage(path: Path) -> None:
    path.write_bytes(b"<html>please sign in</html>" * 200)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def scratched(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [garbage, zeros, cut, scratched])
def test_a_damaged_file_is_named_and_never_touched(
    filled: Path, harm: Callable[[Path], None]
) -> None:
    harm(filled)
    before = filled.read_bytes()
    with opened(filled) as store, pytest.raises(StoreError) as caught:
        store.models()
    assert str(filled) in caught.value.message
    assert "vaereg db check" in caught.value.hint
    assert "vaereg scan" in caught.value.hint
    assert filled.read_bytes() == before


def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with opened(path) as store, pytest.raises(StoreError, match="belongs to another program"):
        store.remember([(vae(), at("/m/a.pt"))])
    assert path.read_bytes() == before


def test_a_registry_that_stays_locked_is_told(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 50)
    with closing(sqlite3.connect(filled, isolation_level=None)) as other, opened(filled) as store:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseLocked, match="Another process"):
            store.forget(sha(0))
        assert len(store.models()) == 1


def test_a_full_disk_is_told_and_changes_nothing(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = SqliteDatabase.connect

    def on_a_small_disk(self: SqliteDatabase, *, foreign_keys: bool = True) -> Any:
        connection = real(self, foreign_keys=foreign_keys)
        connection.execute("PRAGMA max_page_count=1")
        return connection

    monkeypatch.setattr(SqliteDatabase, "connect", on_a_small_disk)
    with opened(filled) as store, pytest.raises(StoreError, match="full"):
        store.remember([(vae(number), at(f"/m/{number}.pt")) for number in range(1, 400)])
    assert names(filled) == ["a"]


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "registry.db").mkdir()
    with opened(tmp_path / "registry.db") as store, pytest.raises(StoreError, match="be opened"):
        store.models()


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with opened(tmp_path / "file" / "registry.db") as store, pytest.raises(StoreError):
        store.remember([(vae(), at("/m/a.pt"))])


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_read_only_registry_can_be_read(open_folder: Path, mode: str) -> None:
    path = open_folder / "registry.db"
    with opened(path) as store:
        store.remember([(vae(), at("/m/a.pt"))])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    path.chmod(0o444)
    (open_folder / "registry.db.lock").chmod(0o444)
    open_folder.chmod(0o555)
    with as_another_user(), opened(path) as store:
        assert [model.name for model in store.models()] == ["a"]
        with pytest.raises(StoreError, match=r"only be read|cannot be opened"):
            store.forget(sha(0))
    assert {child.name for child in open_folder.iterdir()} == {"registry.db", "registry.db.lock"}


def test_a_home_that_may_not_be_written_is_told(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_another_user(), opened(open_folder / "registry.db") as store:  # noqa: SIM117
        with pytest.raises(StoreError, match="cannot be created") as caught:
            store.remember([(vae(), at("/m/a.pt"))])
    assert "--home" in caught.value.hint
