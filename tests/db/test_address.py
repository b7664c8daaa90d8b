"""Which database an address names, and that its password is shown nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vaereg.db.address import database_of, default_url, shown_url
from vaereg.db.sqlite import SqliteDatabase
from vaereg.db.store import open_store
from vaereg.registry.errors import MissingDependency, StoreError, UsageError

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/models/registry.db", "/srv/models/registry.db"),
        ("sqlite+pysqlite:////srv/r.db", "/srv/r.db"),
        ("sqlite:///registry.db", Path.cwd() / "registry.db"),
        ("sqlite:////srv/100% odd?name#1.db", "/srv/100% odd?name#1.db"),
        (default_url(Path("/home/ada/.vaereg")), "/home/ada/.vaereg/registry.db"),
    ],
)
def test_a_sqlite_address_names_a_file(url: str, path: Path) -> None:
    assert database_of(url) == SqliteDatabase(Path(path))


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_all_ways_to_write_postgresql_mean_the_same(scheme: str) -> None:
    database = database_of(f"{scheme}://ada:{SECRET}@db.example.org/vaereg")
    assert database.dialect == "postgresql"
    assert database.shown == "postgresql://ada:***@db.example.org/vaereg"
    assert SECRET not in repr(database)


@pytest.mark.parametrize(
    "rest",
    [
        "/vaereg",
        "localhost",
        "localhost:5433/vaereg",
        "ada@/vaereg?host=/run/postgresql&port=5433",
        f"ada:%40%2F{SECRET}@[::1]:5433/vaereg?sslmode=require",
        f"ada:{SECRET}@one.example.org:5432,two.example.org/vaereg",
        f"ada:{SECRET}@%2Frun%2Fpostgresql/vaereg",
    ],
)
def test_every_form_that_the_driver_knows_is_taken(rest: str) -> None:
    assert SECRET not in database_of(f"postgresql://{rest}").shown


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://root@localhost/x", "mysql"),
        ("postgresql+psycopg2://ada@localhost/x", "psycopg2"),
        ("/srv/registry.db", "no address"),
        ("", "no address"),
        ("sqlite://", "no file"),
        ("sqlite:///", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("sqlite://host/registry.db", "no file"),
        ("sqlite:////srv/a\0b.db", "no address"),
        (f"postgresql://ada:p@{SECRET}@localhost/x", "taken apart"),
        (f"postgresql://ada:p/{SECRET}@localhost/x", "taken apart"),
        (f"postgresql://ada:{SECRET}%zz@localhost/x", "taken apart"),
        (f"postgresql://ada:{SECRET}%00@localhost/x", "taken apart"),
        (f"postgresql://ada:{SECRET}/x", "taken apart"),
        (f"postgresql://ada@localhost:{SECRET}/x", "taken apart"),
    ],
)
def test_other_addresses_are_refused_with_the_right_form(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        database_of(url)
    assert caught.value.hint
    assert SECRET not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://ada:{SECRET}@localhost/x",
        f"postgresql://ada:a@{SECRET}@localhost/x",
        f"postgresql://ada:/{SECRET}@localhost/x",
        f"postgresql://localhost/x?user=ada&password={SECRET}",
        f"postgresql://localhost/x?sslpassword={SECRET}&user=ada",
        f"mysql+driver://ada:{SECRET}@localhost/x",
    ],
)
def test_no_password_is_shown(url: str) -> None:
    assert SECRET not in shown_url(url)
    assert "***" in shown_url(url)


def test_an_address_is_harmless_for_a_terminal() -> None:
    assert "\x1b" not in shown_url("sqlite:///\x1b[31mred.db")
    assert "\x1b" not in database_of("sqlite:///\x1b[31mred.db").shown


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    url = f"postgresql://ada:{SECRET}@/vaereg?host={tmp_path}"
    with open_store(url, tmp_path) as store, pytest.raises(StoreError) as caught:
        store.models()
    assert "cannot be reached" in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert SECRET not in caught.value.message


def test_without_psycopg_the_way_to_install_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with (
        open_store("postgresql://localhost/x", tmp_path) as store,
        pytest.raises(MissingDependency) as caught,
    ):
        store.models()
    assert caught.value.hint == "pip install 'vaereg[postgres]'"
