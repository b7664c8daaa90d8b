"""Words of a command line, quoted for the shell that they are pasted into."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable

SHELLS = ("posix", "windows")
_PLAIN = re.compile(r"[A-Za-z0-9_@+=:,./\\~-]+")


def own_shell() -> str:
    """The shell of this system."""
    return "windows" if os.name == "nt" else "posix"


def quoted(word: str, shell: str | None = None) -> str:
    """One word.

    ``windows`` is for cmd.exe and PowerShell alike: names there hold no double quotes, and within
    double quotes both take ``& ( ) ^`` and blanks as they are (learn.microsoft.com,
    windows-server/administration/windows-commands/cmd).
    """
    if (shell or own_shell()) == "posix":
        return shlex.quote(word)
    return word if _PLAIN.fullmatch(word) else f'"{word}"'


def line(words: Iterable[str], shell: str) -> str:
    """A line of words."""
    return " ".join(quoted(word, shell) for word in words)
