"""Carries out or undoes plans in processes that kill themselves at one event after the other."""

from __future__ import annotations

import builtins
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trees

from vaereg.registry.changes.engine import carry_out
from vaereg.registry.changes.undoing import undo

EVENTS = {
    os: ("link", "symlink", "replace", "rename", "mkdir", "rmdir", "unlink", "fsync", "chmod"),
    shutil: ("copy2", "copytree", "rmtree"),
    builtins: ("open",),
}


class Killer:
    """Kills this process just before or just after its n-th event."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def install(self) -> None:
        """Watch every event."""
        for place, names in EVENTS.items():
            for name in names:
                act = nothing if name == "fsync" else getattr(place, name)
                setattr(place, name, self.watched(act))

    def watched(self, act: Callable) -> Callable:
        """The function with a moment of death on either side of it."""

        def doing(*words, **more):
            self.tick()
            result = act(*words, **more)
            self.tick()
            return result

        return doing

    def tick(self) -> None:
        """One moment passed."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def nothing(_: int) -> None:
    """Instead of fsync: a process that is killed loses nothing that it wrote."""


def forked(act: Callable[[], object]) -> bool:
    """Whether a process of its own came to the end of it, alive."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the child failed")
    return os.WIFEXITED(status)


def die_at(moment: int, mode: str, root: Path) -> None:
    """Change everything, or change everything and take it back, up to that moment."""
    killer, folder = Killer(moment), str(root / "journals")
    if mode == "apply":
        killer.install()
    carry_out(trees.plan(root), folder)
    if mode == "undo":
        killer.install()
        undo(folder)


def main() -> None:
    """``apply`` or ``undo``, the folder in which trees are built, and at each how many moments."""
    mode, base, each = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    for moment in range(1, 1000, each):
        root = trees.build(base / f"{moment:03}")
        act = partial(die_at, moment, mode, root)
        if forked(act):
            return
    raise SystemExit("it never came to an end")


if __name__ == "__main__":
    import filelock  # noqa: F401  # so that its import is no event

    main()
