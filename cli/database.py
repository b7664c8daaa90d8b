"""``vaereg db``: upgrade, back up and check the registry's database."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .context import Context


def register(app: typer.Typer) -> None:
    """Add the command group to the program."""
    group = typer.Typer(
        help="Upgrade, back up or check the registry's database.",
        rich_markup_mode=None,
    )
    group.command("upgrade")(upgrade_command)
    group.command("backup")(backup_command)
    group.command("check")(check_command)
    app.add_typer(group, name="db")


def upgrade_command(context: typer.Context) -> None:
    """Bring the database to this version's schema; a copy is kept before."""
    settings = Context.of(context)
    from ..db.maintenance import upgrade

    before, after = upgrade(settings.url, settings.home)
    words = "is up to date" if before == after else f"went from {before or 'nothing'} to {after}"
    settings.output.answer(
        {"before": before, "after": after},
        lambda page: page.line(f"the schema {words}"),
    )


def backup_command(
    context: typer.Context,
    target: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A dated file beside it if none.")
    ] = None,
) -> None:
    """Copy the database as it is now, also while others write to it; prints the copy's path."""
    settings = Context.of(context)
    from ..db.maintenance import backup

    path = backup(settings.url, target)
    if settings.output.as_json:
        settings.output.json({"path": str(path)})
    else:
        settings.output.lines([str(path)])


def check_command(context: typer.Context) -> int:
    """Check the database for damage; leaves with code 1 where some is found."""
    settings = Context.of(context)
    from ..db.maintenance import check

    findings = check(settings.url)
    sound = all(finding.outcome != "fail" for finding in findings)
    rows = [[found.outcome, found.check, found.message] for found in findings]
    settings.output.answer(
        {"ok": sound, "findings": [asdict(finding) for finding in findings]},
        lambda page: page.table(["", "Check", "What was found"], rows),
    )
    return 0 if sound else 1
