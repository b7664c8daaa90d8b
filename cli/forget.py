"""``vaereg rm``: forget a model; its file is left alone."""

from __future__ import annotations

from typing import Annotated

import typer

from ..registry.lookup import recorded
from ..registry.naming import shown
from .context import Context


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("rm")(rm_command)


def rm_command(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name, a path or the start of a hash.")
    ],
) -> None:
    """Forget a model and its verdicts; its file is not touched."""
    settings = Context.of(context)
    with settings.store() as store:
        model = recorded(store, name)
        store.forget(model.artifact.digests.sha256)
    document = {
        "forgotten": model.name,
        "sha256": model.artifact.digests.sha256,
        "paths": [place.path for place in model.locations],
    }
    settings.output.answer(
        document,
        lambda page: page.line(f"forgot {shown(model.name)}; no file was touched"),
    )
