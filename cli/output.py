"""All output: answers to stdout, notes and progress to stderr, JSON or words by one switch."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..registry.errors import VaeregError
from ..registry.naming import shown
from ..registry.progress import Watcher
from .page import Page


@dataclass(frozen=True, slots=True)
class Output:
    """How this run answers."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def answer(self, document: object, words: Callable[[Page], None]) -> None:
        """The answer: a JSON document, or what ``words`` writes on a page."""
        if self.as_json:
            self.json(document)
        else:
            words(Page())

    def json(self, document: object) -> None:
        """One JSON document; indented for a person, compact and quick for a program."""
        indent = 2 if sys.stdout.isatty() else None
        sys.stdout.write(json.dumps(document, indent=indent) + "\n")

    def lines(self, texts: Sequence[str], zero: bool = False) -> None:
        """Plain texts for a pipe, each ended by a newline or, with ``zero``, by NUL.

        With ``--json`` they are one JSON list.
        """
        if self.as_json:
            self.json(list(texts))
            return
        if sys.stdout.isatty() and not zero:
            texts = [shown(text, 10_000) for text in texts]
        end = b"\0" if zero else b"\n"
        sys.stdout.flush()
        data = b"".join(text.encode("utf-8", "surrogateescape") + end for text in texts)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def note(self, text: str) -> None:
        """A remark on stderr."""
        if not self.quiet:
            sys.stderr.write(shown(text, 2000) + "\n")

    def detail(self, text: str) -> None:
        """A remark on stderr for those who asked for more."""
        if self.verbose:
            self.note(text)

    def error(self, error: VaeregError, code: str | None = None) -> None:
        """An error, in words on stderr or as the JSON document on stdout."""
        message, hint = shown(error.message, 2000), shown(error.hint or "", 2000) or None
        if self.as_json:
            self.json({"error": {"code": code or error.code, "message": message, "hint": hint}})
            return
        sys.stderr.write(f"vaereg: {message}\n" + (f"  hint: {hint}\n" if hint else ""))

    @contextmanager
    def progress(self, what: str) -> Iterator[Watcher]:
        """A progress bar with speed and time left, on a terminal only."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            yield _Teller(self) if self.verbose else Watcher()
            return
        from .progress import Bar

        with Bar(what) as bar:
            yield bar

    @contextmanager
    def steps(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar that counts steps, told which one it is and of how many; on a terminal only."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            yield _silent
            return
        from .progress import Steps

        with Steps(what) as bar:
            yield bar


def _silent(step: int, of: int) -> None:
    del step, of


class _Teller(Watcher):
    """Names every file that was read, where there is no terminal for a bar."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def finished(self, path: str) -> None:
        self._output.detail(f"read {path}")
