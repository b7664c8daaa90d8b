"""What came of a plan, or would come of it now: one step for each change, as immutable values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .records import Sent

MAKE, SAME, CONFLICT = "make", "same", "conflict"
MADE, FAILED = "made", "failed"
UNDONE, LEFT, GONE = "undone", "left", "gone"

Send = Callable[[str, str, object], None]
"""Sends a request to a running frontend: method, URL, body. Raises ``VaeregError`` where it was
not taken. It knows the user's password or token itself: neither is ever written down here."""
TakeBack = Callable[[Sent], bool]
"""Takes a request back in a running frontend, looks before whether it is still as it was left and
after whether it is as it was; False where nothing is left to take back. Raises ``Left``, and
``VaeregError`` where it could not be done."""


class Left(Exception):
    """Something stays as it is, for it is the user's by now; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came, or would come, of one change."""

    kind: str
    """``link`` | ``text`` | ``call`` | ``folder`` (made on the way to one of the others)."""
    path: str
    """Absolute path of the link, file or folder; for a call its URL without secrets."""
    outcome: str
    """Before: ``make`` | ``same`` (it is so already) | ``conflict`` (left alone). After: ``made`` |
    ``same`` | ``conflict`` | ``failed``. Undone: ``undone`` | ``gone`` (it was not there any more)
    | ``left`` (it is not as vaereg left it) | ``failed``."""
    why: str = ""
    """The reason of a conflict or failure as a sentence, else the change's own phrase."""
    made_as: str | None = None
    """Of a link: ``hard`` | ``symlink`` | ``junction`` | ``copy``."""

    def became(self, outcome: str, why: str = "", made_as: str | None = None) -> Step:
        """The same step with what came of it."""
        return replace(self, outcome=outcome, why=why or self.why, made_as=made_as)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a plan or of undoing one."""

    journal: str | None
    """What to undo it by; None where nothing was to be made."""
    steps: tuple[Step, ...]
    """Of a plan: one for each of its changes, in their order. Of undoing: the last made first."""

    @property
    def complete(self) -> bool:
        """Whether everything is as it was asked for."""
        return all(step.outcome in (MADE, SAME, UNDONE, GONE) for step in self.steps)

    def of(self, *outcomes: str) -> tuple[Step, ...]:
        """The steps that ended so."""
        return tuple(step for step in self.steps if step.outcome in outcomes)
