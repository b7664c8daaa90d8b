"""``vaereg link``: recorded VAEs shown in a frontend's lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from ..registry.errors import UsageError
from ..registry.restamp import only_names_change
from .context import Context
from .feeding import Told, journals, known, order_for, require_frontend, with_left


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("link")(link_command)


def link_command(
    context: typer.Context,
    frontend: Annotated[
        list[str] | None,
        typer.Option("--frontend", metavar="NAME=ROOT", help="The frontend and its folder."),
    ] = None,
    vaes: Annotated[
        list[str] | None,
        typer.Option("--vae", metavar="REF", help="These; else all that fit a checkpoint there."),
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy where no link can be made.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Make the changes; else plan.")] = False,
) -> int:
    """Show recorded VAEs in a frontend; nothing is written without --apply."""
    from ..registry.changes.engine import carry_out, preview
    from ..registry.feeding.catalog import feeder
    from ..registry.feeding.choosing import fitting

    settings = Context.of(context)
    with settings.store() as store:
        named = known(store, (), vaes or ())
        order, chosen = order_for(settings, store, require_frontend(frontend), named)
    link = feeder(order.installation.frontend).link
    if link is None:
        raise UsageError(f"{order.frontend.title} shows no VAE by a link", "see vaereg export")
    shown = named.vaes or fitting(order.choices, order.matrix)
    feed = with_left(link(replace(order, vaes=shown, copy=copy)), () if vaes else chosen.left)
    told = Told.of(order.installation, feed.plan, preview(feed.plan), feed.refused)
    if apply:
        with settings.store() as store, only_names_change(store):
            report = carry_out(feed.plan, journals(settings))
        made = Told.of(order.installation, feed.plan, report.steps, feed.refused)
        told = replace(made, journal=report.journal, applied=True)
    settings.output.answer(told.document(), told.tell)
    return told.code
