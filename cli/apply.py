"""``vaereg apply``: settings and per-checkpoint choices into a frontend, and back out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import UsageError
from ..registry.restamp import only_names_change
from . import shapes
from .context import Context
from .feeding import Change, Told, journals, known, order_for, require_frontend, table, with_left

if TYPE_CHECKING:
    from ..registry.changes.base import Plan
    from ..registry.changes.records import Run
    from ..registry.feeding.base import Feed, Order
    from ..registry.feeding.running import Running
    from .page import Page


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("apply")(apply_command)


def apply_command(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="With --undo: the run, else the latest.")
    ] = None,
    frontend: Annotated[
        list[str] | None,
        typer.Option("--frontend", metavar="NAME=ROOT", help="The frontend and its folder."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Where the frontend runs.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--model", metavar="REF", help="Only these checkpoints.")
    ] = None,
    vaes: Annotated[
        list[str] | None, typer.Option("--vae", metavar="REF", help="Choose among these VAEs.")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy where no link can be made.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes; else plan.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take a run's changes back.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="The runs so far.")] = False,
) -> int:
    """Have each checkpoint decode with the VAE that fits; nothing is written without --apply."""
    settings = Context.of(context)
    if run is not None and not undo:
        raise UsageError(f"{run} goes with --undo only", f"vaereg apply --undo {run}")
    if listing:
        return _list(settings)
    if undo:
        return _undo(settings, run, url)
    with settings.store() as store:
        named = known(store, models or (), vaes or ())
        order, chosen = order_for(settings, store, require_frontend(frontend), named)
    order = replace(order, copy=copy, live=url is not None)
    return _feed(settings, order, chosen.left, url, apply)


def _feed(
    settings: Context, order: Order, left: Sequence[str], url: str | None, apply: bool
) -> int:
    from ..registry.changes.engine import carry_out, preview
    from ..registry.feeding.catalog import feeder

    act = feeder(order.installation.frontend).apply
    if act is None:
        raise UsageError(f"{order.frontend.title} chooses no VAE itself", "see vaereg link")
    feed = with_left(act(order), left)
    live = _running(order, feed, url)
    refused = (*feed.refused, *(live.refused if live else ()))
    plan = replace(feed.plan, kept=(*feed.plan.kept, *(live.kept if live else ())))
    where = live.live.url if live else None
    if apply:
        with settings.store() as store, only_names_change(store):
            report = (live.carry_out if live else carry_out)(plan, journals(settings))
        told = Told.of(order.installation, _reminded(plan, live), report.steps, refused)
        confirmed = tuple(live.confirmed) if live else ()
        told = replace(told, journal=report.journal, applied=True, confirmed=confirmed, url=where)
    else:
        calls = live.calls if live else ()
        steps = preview(replace(plan, changes=(*plan.changes, *calls)))
        told = Told.of(order.installation, _reminded(plan, live), steps, refused)
    settings.output.answer(told.document(), told.tell)
    return told.code


def _reminded(plan: Plan, live: Running | None) -> Plan:
    return replace(plan, reminders=(*plan.reminders, *(live.reminders if live else ())))


def _running(order: Order, feed: Feed, url: str | None) -> Running | None:
    if url is None:
        return None
    from ..registry.feeding.running import can_be_asked, running

    if not can_be_asked(order.frontend.name):
        title = order.frontend.title
        raise UsageError(f"{title} cannot be told of a VAE while it runs", "leave out --url")
    return running(order, feed, url)


def _undo(settings: Context, run: str | None, url: str | None) -> int:
    from ..registry.changes.undoing import LATEST, undo
    from ..registry.changes.undoing import journals as runs

    live = None
    if url is not None:
        from ..registry.live.catalog import connect

        live = connect(url)
    told = (live.take_back, live.url) if live else (None, None)
    with settings.store() as store, only_names_change(store):
        report = undo(journals(settings), run or LATEST, *told)
    done = next(one for one in runs(journals(settings)) if one.id == report.journal)
    steps = [Change.of(step) for step in report.steps]
    found = {
        "frontend": done.frontend,
        "root": done.root,
        "journal": done.id,
        "changes": [asdict(step) for step in steps],
    }

    def words(page: Page) -> None:
        page.line(f"run {done.id}, {done.frontend} in {done.root}:", style="bold")
        table(page, steps)

    settings.output.answer(found, words)
    return 0 if report.complete else 1


def _list(settings: Context) -> int:
    from ..registry.changes.undoing import journals as runs

    rows = [_run(one) for one in runs(journals(settings))]

    def words(page: Page) -> None:
        if not rows:
            page.line("nothing was changed in any frontend yet")
            return
        columns = ["Run", "Started", "Frontend", "Root", "Changes", "State"]
        page.table(columns, [[str(cell) for cell in row.values()] for row in rows], stretch="Root")

    settings.output.answer(rows, words)
    return 0


def _run(one: Run) -> shapes.Json:
    """``undone`` | ``partly undone`` | ``interrupted`` | ``made``."""
    state = "made" if one.ended else "interrupted"
    state = "partly undone" if one.partly_undone else state
    return {
        "id": one.id,
        "started": one.started,
        "frontend": one.frontend,
        "root": one.root,
        "changes": len(one.steps),
        "state": "undone" if one.undone or not one.open else state,
    }
