"""What every command gets: where the registry lies, how to answer, and the store on first use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..registry.errors import UsageError
from ..registry.ports import Store
from .output import Output

if TYPE_CHECKING:
    import typer

    from ..registry.sources.catalog import Sources


@dataclass(frozen=True, slots=True)
class Context:
    """The settings of one run."""

    home: Path
    """Folder of the registry and its pictures."""
    url: str
    """Database URL; SQLite under the home unless told otherwise."""
    output: Output

    @classmethod
    def of(cls, context: typer.Context) -> Context:
        """The settings that the program's callback made."""
        found = context.find_object(cls)
        assert found is not None, "the callback sets the context before any command runs"
        return found

    @classmethod
    def from_options(
        cls, *, db: str | None, home: str | None, as_json: bool, quiet: bool, verbose: bool
    ) -> Context:
        """Options before environment before defaults; raises ``UsageError`` for empty options."""
        if "" in (db, home):
            raise UsageError("--home and --db need a value", "leave them out for the defaults")
        place = (Path(home) if home else _default_home()).expanduser().absolute()
        url = db or os.environ.get("VAEREG_DATABASE_URL") or f"sqlite:///{place / 'registry.db'}"
        return cls(place, url, Output(as_json=as_json, quiet=quiet, verbose=verbose))

    @property
    def has_registry(self) -> bool:
        """Whether there is a registry already, so that looking into it makes none."""
        return not self.url.startswith("sqlite:") or (self.home / "registry.db").exists()

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The registry, opened and given back; created on first use."""
        from ..db.store import open_store

        store = open_store(self.url, self.home)
        try:
            yield store
        finally:
            store.close()

    def sources(self) -> Sources:
        """Hugging Face, Civitai and plain addresses; nothing is asked before it is needed."""
        from ..registry.sources.catalog import Sources

        return Sources(os.environ)


def _default_home() -> Path:
    named = os.environ.get("VAEREG_HOME")
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("vaereg", appauthor=False)
