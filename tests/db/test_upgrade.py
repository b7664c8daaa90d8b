"""Making the schema and bringing an older one up to date, on both databases."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from vaereg.db import copies, maintenance, schema
from vaereg.db.address import database_of
from vaereg.db.session import open_engine
from vaereg.db.sqlite import SqliteDatabase
from vaereg.db.store import open_store
from vaereg.db.tables import METADATA
from vaereg.registry.errors import NewerDatabase, StoreError

from .postgres_server import Server
from .samples import at, checkpoint, origin, reading, vae, verdict

Install = Callable[..., None]

NEXT_STEP = '''
"""A step of the next version: one column gone, one index new."""
import sqlalchemy as sa
from alembic import op

revision = "m004"
down_revision = "m003"


def upgrade() -> None:
    with op.batch_alter_table("artifacts", recreate="RECREATE") as table:
        table.add_column(sa.Column("rating", sa.Integer))
        table.drop_column("crc32")
    op.create_index("ix_artifacts_kind", "artifacts", ["kind"])
'''


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a vaereg with one more migration in place of this one; ``step`` is its body."""

    def install(step: str = NEXT_STEP) -> None:
        folder = tmp_path / "migrations 100%"
        shutil.copytree(schema.MIGRATIONS, folder)
        (folder / "versions" / "m004_next.py").write_text(step)
        monkeypatch.setattr(schema, "MIGRATIONS", folder)
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "m004"))

    return install


def step_for(url: str, step: str = NEXT_STEP) -> str:
    return step.replace("RECREATE", "always" if url.startswith("sqlite") else "never")


def execute(url: str, *statements: object) -> Any:
    engine = open_engine(database_of(url))
    with engine.begin() as connection:
        answers = [connection.exec_driver_sql(statement) for statement in statements]
        rows = [answer.fetchall() if answer.returns_rows else None for answer in answers]
    engine.dispose()
    return rows


def revision(url: str) -> object:
    database = database_of(url)
    with closing(database):
        return schema.revision_of(database)


def fill(url: str, tmp_path: Path) -> None:
    with open_store(url, tmp_path) as store:
        store.remember([(checkpoint(), at("/m/c.pt")), (vae(), at("/m/v.pt"))])
        store.keep_verdict(verdict(checkpoint(), vae()))


def test_the_listed_revisions_are_the_migrations() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    steps = [step.revision for step in scripts.walk_revisions()]
    assert tuple(reversed(steps)) == schema.REVISIONS
    assert scripts.get_heads() == [schema.head()]
    for step in scripts.walk_revisions():
        assert step.module.__doc__
        assert step.path.rpartition("/")[2].startswith(f"{step.revision}_")


def test_the_migrations_make_the_tables_that_the_code_sees(url: str, tmp_path: Path) -> None:
    assert maintenance.upgrade(url, tmp_path) == (None, schema.head())
    assert maintenance.upgrade(url, tmp_path) == (schema.head(), schema.head())
    engine = open_engine(database_of(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_an_empty_address_means_the_data_folder(tmp_path: Path) -> None:
    maintenance.upgrade("", tmp_path / "home")
    assert (tmp_path / "home" / "registry.db").stat().st_size


def test_an_older_registry_is_upgraded_with_all_its_rows(
    url: str, tmp_path: Path, next_version: Install
) -> None:
    fill(url, tmp_path)
    next_version(step_for(url))
    assert maintenance.upgrade(url, tmp_path) == ("m003", "m004")
    counts = "SELECT count(*) FROM"
    tables = ("artifacts", "components", "fingerprints", "locations", "verdicts", "evidence")
    found = execute(url, *(f"{counts} {table}" for table in tables))
    assert [rows[0][0] for rows in found] == [2, 4, 3, 2, 1, 2]
    assert execute(url, "SELECT rating FROM artifacts")[0][0][0] is None


SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted({path.name.partition(".")[0] for path in SCHEMAS.glob("*.sql")})
"""Every schema that was released, with rows in it; each registry was filled by that version."""


@pytest.mark.parametrize("version", RELEASED)
def test_every_released_schema_is_upgraded_with_all_its_rows(
    url: str, tmp_path: Path, version: str
) -> None:
    kind = url.partition(":")[0]
    other_program(url, (SCHEMAS / f"{version}.{kind}.sql").read_text("utf-8"))
    assert maintenance.upgrade(url, tmp_path) == (version, schema.head())
    with open_store(url, tmp_path, "machine") as store:
        found = {model.name: model.artifact for model in store.models()}
        assert found == {"c": checkpoint(), "v": vae()}
        assert store.verdicts() == (verdict(checkpoint(), vae()),)
        assert [refused.code for refused in store.rejections()] == ["unsafe_pickle"]
        assert store.roots() == ("/m",)
        assert execute(url, "SELECT count(*) FROM readings") == [[(0 if version == "m001" else 1,)]]
        assert (store.origins(), store.pairs(), store.lookups("civitai")) == ({}, (), {})
        store.keep_origin(vae().digests.sha256, origin())
        store.keep_reading(vae().digests.sha256, reading())
        store.forget(vae().digests.sha256)
        assert (store.readings(), store.origins()) == ({}, {})
    assert "fail" not in {found.outcome for found in maintenance.check(url)}
    engine = open_engine(database_of(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_every_released_schema_but_the_newest_is_kept() -> None:
    assert set(schema.REVISIONS[:-1]) <= set(RELEASED)


def test_a_listing_upgrades_too(url: str, tmp_path: Path, next_version: Install) -> None:
    fill(url, tmp_path)
    step = step_for(url).replace('        table.drop_column("crc32")\n', "")
    next_version(step)
    with open_store(url, tmp_path) as store:
        assert [model.name for model in store.models()] == ["c", "v"]
        assert len(store.verdicts()) == 1


def test_a_step_that_fails_leaves_the_registry_as_it_was(
    url: str, tmp_path: Path, next_version: Install
) -> None:
    fill(url, tmp_path)
    before = execute(url, "SELECT * FROM artifacts", "SELECT * FROM components")
    next_version(step_for(url) + '    raise RuntimeError("power cut")\n')
    with pytest.raises(RuntimeError, match="power cut"):
        maintenance.upgrade(url, tmp_path)
    assert revision(url) == "m003"
    assert execute(url, "SELECT * FROM artifacts", "SELECT * FROM components") == before


def test_a_new_schema_that_fails_leaves_nothing(
    url: str, tmp_path: Path, next_version: Install
) -> None:
    next_version(step_for(url) + '    raise RuntimeError("power cut")\n')
    with pytest.raises(RuntimeError, match="power cut"):
        maintenance.upgrade(url, tmp_path)
    database = database_of(url)
    with database.reading() as query:
        assert query(database.tables) == []
    database.close()


def test_a_step_that_leaves_orphans_is_undone(tmp_path: Path, next_version: Install) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    fill(url, tmp_path)
    next_version(
        NEXT_STEP.partition("def upgrade")[0]
        + "def upgrade():\n    op.execute('DELETE FROM artifacts')\n"
    )
    with pytest.raises(StoreError, match="without their owner"):
        maintenance.upgrade(url, tmp_path)
    assert revision(url) == "m003"
    assert execute(url, "SELECT count(*) FROM artifacts") == [[(2,)]]


def test_what_a_step_committed_by_itself_is_put_back(tmp_path: Path, next_version: Install) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    fill(url, tmp_path)
    body = """
    op.execute("UPDATE alembic_version SET version_num = 'half'")
    op.execute("DELETE FROM evidence")
    op.execute("COMMIT")
    raise RuntimeError("power cut")
"""
    next_version(NEXT_STEP.partition("def upgrade")[0] + "def upgrade():" + body)
    with pytest.raises(RuntimeError, match="power cut"):
        maintenance.upgrade(url, tmp_path)
    assert revision(url) == "m003"
    assert execute(url, "SELECT count(*) FROM evidence") == [[(2,)]]


def test_a_file_is_copied_before_it_is_upgraded(tmp_path: Path, next_version: Install) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    fill(url, tmp_path)
    assert not list(tmp_path.glob("*.backup-*"))
    next_version(step_for(url))
    maintenance.upgrade(url, tmp_path)
    (copy,) = tmp_path.glob("*.backup-*")
    assert re.fullmatch(r"registry\.db\.backup-\d{8}T\d{6}Z", copy.name)
    assert copy.stat().st_mode & 0o077 == 0
    assert schema.revision_of(SqliteDatabase(copy)) == "m003"
    assert execute(f"sqlite:///{copy}", "SELECT count(*) FROM evidence") == [[(2,)]]


def test_only_the_newest_copies_stay(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    fill(url, tmp_path)
    asked_for = maintenance.backup(url)
    for day in range(1, 6):
        (tmp_path / f"registry.db.backup-2020010{day}T000000Z").touch()
    copies.copy_before_upgrade(SqliteDatabase(tmp_path / "registry.db"))
    kept = [path.name for path in copies.backups(SqliteDatabase(tmp_path / "registry.db"))]
    assert len(kept) == copies.KEPT
    assert kept[:2] == [f"registry.db.backup-2020010{day}T000000Z" for day in (4, 5)]
    assert asked_for.exists()


def test_a_damaged_file_is_not_upgraded(tmp_path: Path, next_version: Install) -> None:
    path = tmp_path / "registry.db"
    fill(f"sqlite:///{path}", tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET rootpage=2 WHERE name='evidence'")
    next_version(step_for("sqlite"))
    before = path.read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        maintenance.upgrade(f"sqlite:///{path}", tmp_path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*.backup-*"))
    assert not list(tmp_path.glob(".*.part*"))


def test_a_registry_of_a_newer_vaereg_is_refused(url: str, tmp_path: Path) -> None:
    fill(url, tmp_path)
    execute(url, "UPDATE alembic_version SET version_num = 'm999'")
    with open_store(url, tmp_path) as store:
        for call in (store.models, store.places, lambda: store.forget("0" * 64)):
            with pytest.raises(NewerDatabase, match=r"m999.*m003") as caught:
                call()
            assert "Update vaereg" in caught.value.hint
    with pytest.raises(NewerDatabase):
        maintenance.upgrade(url, tmp_path)


def other_program(url: str, *statements: str) -> None:
    """A program without vaereg's care for how a file is opened."""
    if url.startswith("postgresql"):
        execute(url, *statements)
        return
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.executescript(";".join(statements))


@pytest.mark.parametrize("table", ["artifacts", "alembic_version"])
def test_tables_of_another_program_are_left_alone(url: str, tmp_path: Path, table: str) -> None:
    other_program(
        url, f"CREATE TABLE {table} (version_num TEXT)", f"INSERT INTO {table} VALUES ('a1')"
    )
    with open_store(url, tmp_path) as store, pytest.raises(StoreError, match="another program"):
        store.models()


@pytest.mark.postgres
def test_a_server_may_hold_other_tables_too(server: Server, tmp_path: Path) -> None:
    url = server.database()
    server.execute("CREATE TABLE bookmarks (url TEXT)", url)
    fill(url, tmp_path)
    with open_store(url, tmp_path) as store:
        assert len(store.models()) == 2
