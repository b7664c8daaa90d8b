"""``vaereg export``: what to paste into a frontend, or onto its command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import UsageError
from . import shapes
from .context import Context
from .feeding import Known, known

if TYPE_CHECKING:
    from ..registry.feeding.base import Choice, Refused, Snippet, Wanted
    from ..registry.values import Model


class Shell(StrEnum):
    """How words of a command line are quoted."""

    POSIX = "posix"
    WINDOWS = "windows"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("export")(export_command)


def export_command(
    context: typer.Context,
    frontend: Annotated[
        str, typer.Argument(metavar="FRONTEND", help="comfyui, a1111, sdcpp, diffusers ...")
    ],
    models: Annotated[
        list[str] | None, typer.Option("--model", metavar="REF", help="Only these checkpoints.")
    ] = None,
    vaes: Annotated[
        list[str] | None, typer.Option("--vae", metavar="REF", help="Choose among these VAEs.")
    ] = None,
    shell: Annotated[
        Shell | None, typer.Option("--shell", help="Quote flag lines for this shell.")
    ] = None,
) -> int:
    """Print what tells a frontend which VAE each recorded checkpoint is to decode with."""
    from ..registry.feeding.base import Refused
    from ..registry.feeding.catalog import EXPORTS, feeder, key_of

    settings = Context.of(context)
    key, export = key_of(frontend), feeder(frontend).export
    if export is None:
        what = f"there is nothing to paste into {key}"
        raise UsageError(what, f"known are {', '.join(EXPORTS)}; see vaereg link")
    with settings.store() as store:
        named = known(store, models or (), vaes or ())
    wanted, left = _wanted(named, key, shell)
    rows = tuple(dict.fromkeys(export(wanted)))
    snippets = [row for row in rows if not isinstance(row, Refused)]
    refused = [row for row in rows if isinstance(row, Refused)]
    for text in (*left, *(f"left out: {one.why}" for one in refused)):
        settings.output.note(f"note: {text}")
    if settings.output.as_json:
        settings.output.json(_document(frontend, snippets, left, refused))
    else:
        _print(settings, snippets)
    return int(bool(refused) and not snippets)


def _document(
    frontend: str, snippets: Sequence[Snippet], left: Sequence[str], refused: Sequence[Refused]
) -> shapes.Json:
    return {
        "frontend": frontend,
        "snippets": [{"title": title, "text": text} for title, text in snippets],
        "left": list(left),
        "refused": [{"path": one.path, "why": one.why} for one in refused],
    }


def _print(settings: Context, snippets: Sequence[Snippet]) -> None:
    several = len(snippets) > 1
    if not several:
        settings.output.note(f"note: {snippets[0][0] if snippets else 'there is nothing to paste'}")
    for title, text in snippets:
        settings.output.lines([*([f"# {_plain(title)}"] if several else []), *text.splitlines()])


def _wanted(named: Known, frontend: str, shell: Shell | None) -> tuple[Wanted, tuple[str, ...]]:
    """Every recorded checkpoint by its own path, or those that were named."""
    from ..registry.feeding.base import Wanted
    from ..registry.feeding.choosing import choices, fitting
    from ..registry.feeding.quoting import own_shell
    from ..registry.frontends.base import Listed

    recorded = named.recorded
    listed = [
        Listed("checkpoint", os.path.basename(path), path)
        for model in named.models or named.matrix.checkpoints
        for path in recorded.places(model)[:1]
    ]
    chosen = choices(listed, recorded, named.matrix, named.vaes, named.models)
    vaes = named.vaes or _used(chosen.choices) or fitting(chosen.choices, named.matrix)
    said = shell.value if shell else own_shell()
    return Wanted(chosen.choices, tuple(vaes), recorded, frontend, said), chosen.left


def _used(chosen: tuple[Choice, ...]) -> list[Model]:
    found = {one.vae.artifact.digests.sha256: one.vae for one in chosen if one.vae}
    return list(found.values())


def _plain(title: str) -> str:
    from ..registry.naming import shown

    return shown(title, 1000)
