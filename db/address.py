"""The address of the registry's database: which one it names, and how it is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..registry.errors import UsageError
from ..registry.naming import shown as harmless
from .sqlite import SqliteDatabase

if TYPE_CHECKING:
    from .postgres import PostgresDatabase

_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")
_FORMS = (
    "Use sqlite:///FILE (four slashes for an absolute path) or postgresql://USER@HOST/DATABASE."
)

_HOSTS = re.compile(r"(\[[^]]*\]|[^][:,]*)(:\d+)?(,(\[[^]]*\]|[^][:,]*)(:\d+)?)*")
"""``HOST``, ``HOST:PORT`` or several of them; libpq would quote any other text in its errors."""

_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})|%00")


def default_url(home: Path) -> str:
    """The registry in the data folder."""
    return f"sqlite:///{home.absolute() / 'registry.db'}"


def database_of(url: str) -> SqliteDatabase | PostgresDatabase:
    """The database that ``url`` names; nothing is opened. Raises ``UsageError``."""
    scheme, mark, rest = url.partition("://")
    if not mark or "\0" in url:
        raise UsageError(f"{shown_url(url)} is no address of a database.", _FORMS)
    if scheme in _SQLITE:
        return _sqlite(url, rest)
    if scheme in _POSTGRES:
        return _postgres(url, rest)
    raise UsageError(f"vaereg keeps no registry in a database of {harmless(scheme, 40)!r}.", _FORMS)


def shown_url(url: str) -> str:
    """The address without passwords, harmless for a terminal."""
    # Greedy up to the last @: an unescaped @ or / belongs to the password rather than to the host.
    hidden = re.sub(r"(://[^:/@?]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    hidden = re.sub(r"([?&][a-z]*password=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)
    return harmless(hidden, 1000)


def _sqlite(url: str, rest: str) -> SqliteDatabase:
    """All after the third slash is the path as it is: nothing is unquoted, no options."""
    name = rest.removeprefix("/")
    if not rest.startswith("/") or name in ("", ":memory:"):
        message = f"{shown_url(url)} names no file, and a registry must outlive the command."
        raise UsageError(message, _FORMS)
    return SqliteDatabase(Path(name).absolute())


def _postgres(url: str, rest: str) -> PostgresDatabase:
    user, _, hosts = rest.partition("?")[0].partition("/")[0].rpartition("@")
    path = rest.partition("?")[0].partition("/")[2]
    if "@" in user or "@" in path or _BAD_ESCAPE.search(rest) or not _HOSTS.fullmatch(hosts):
        # Not even the address is shown: here nobody can tell which part is the password.
        message = "The address of the PostgreSQL server cannot be taken apart."
        hint = "Percent-encode the user name and the password: %40 for @, %2F for /, %25 for %."
        raise UsageError(message, f"{_FORMS} {hint}")
    from .postgres import PostgresDatabase  # not needed by those who have a file

    return PostgresDatabase(f"postgresql://{rest}", shown_url(f"postgresql://{rest}"))
