"""What is to be changed on the disk, as immutable values; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Link:
    """A model file to be shown in another folder under a name of its own."""

    source: str
    """Absolute path of the model; its name as given, never resolved."""
    target: str
    """Absolute path of the link."""
    kinds: tuple[str, ...] = ("hard", "symlink")
    """Tried in this order: ``hard`` | ``symlink`` | ``junction`` (Windows) | ``copy``."""
    why: str = ""
    """One phrase for people."""


@dataclass(frozen=True, slots=True)
class WriteText:
    """A text file to be made, or replaced by a merged one."""

    path: str
    content: str
    before: str | None
    """The content that the plan was made from; None where there was no file. The file is only
    written while it still says that."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a running frontend."""

    method: str
    url: str
    body: object = None
    why: str = ""
    undo: tuple[str, str, object] | None = None
    """Method, URL and body that take it back; None where that cannot be done."""


Change: TypeAlias = Link | WriteText | Call


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to be changed for one frontend, and what the user must do by hand."""

    frontend: str
    root: str
    changes: tuple[Change, ...]
    kept: tuple[str, ...] = ()
    """What is as wanted already, and what is left alone and why: sentences."""
    reminders: tuple[str, ...] = ()
    """What only the user can do: start with this flag, press reload."""
    snippets: tuple[tuple[str, str], ...] = field(default=())
    """Title and text to paste: a flag line, a yaml, a payload."""
