"""``vaereg verify``: hash recorded files again and compare."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from ..registry.lookup import recorded
from ..registry.verify import Checked, verify
from .context import Context
from .page import Page


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify")(verify_command)


def verify_command(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="All models if none.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Files read at once.")] = 2,
) -> int:
    """Hash recorded files again and compare.

    Leaves with code 1 where one changed, vanished or broke.
    """
    settings = Context.of(context)
    with settings.store() as store:
        models = store.models()
        chosen = [recorded(store, name, models) for name in names] if names else list(models)
    with settings.output.progress("verifying") as watcher:
        checked = verify(chosen, jobs, watcher)
    counts = Counter(entry.outcome for entry in checked)
    outcomes = {name: counts[name] for name in ("ok", "changed", "missing", "unreadable")}
    document = outcomes | {"files": [asdict(entry) for entry in checked]}
    settings.output.answer(document, lambda page: _tell(page, checked, outcomes))
    return 0 if counts["ok"] == len(checked) else 1


def _tell(page: Page, checked: list[Checked], outcomes: dict[str, int]) -> None:
    rows = [
        [entry.outcome, entry.path, entry.message] for entry in checked if entry.outcome != "ok"
    ]
    if rows:
        page.table(["", "Path", "What was found"], rows, stretch="What was found")
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
    page.line(told or "nothing to verify")
