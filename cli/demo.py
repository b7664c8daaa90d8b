"""``vaereg demo``: the main job on a small library that the package writes itself."""

from __future__ import annotations

import errno
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import typer

from ..registry.errors import NoSpace, Unreadable
from .context import Context
from .page import Page


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo")(demo_command)


def demo_command(context: typer.Context) -> None:
    """Try it all on a small library that is written for it.

    Nothing is written outside the registry's folder.
    """
    settings = Context.of(context)
    folder = settings.home / "demo"
    library = _library(folder)
    steps = (
        ["scan", str(library)],
        ["list", "--compatible"],
        ["check", "--model", "forest_v1", "--vae", "vae_final_FIXED"],
        ["check", "--model", "forest_v1", "--vae", "ae"],
    )
    told: list[object] = []
    for words in steps:
        if settings.output.as_json:
            told.append({"command": ["vaereg", *words], "answer": json.loads(_run(folder, words))})
        else:
            page = Page()
            page.line(f"$ vaereg {' '.join(words)}", style="bold cyan")
            _answer(folder, words)
            page.line()
    if settings.output.as_json:
        settings.output.json({"library": str(library), "steps": told})
    else:
        settings.output.note(f"the library and its registry lie in {folder}")


def _library(folder: Path) -> Path:
    """The library, written anew; a registry of its own keeps the user's free of it."""
    from ..registry.samples.library import build

    try:
        shutil.rmtree(folder, ignore_errors=True)
        build(folder / "models")
    except OSError as failure:
        kind = NoSpace if failure.errno == errno.ENOSPC else Unreadable
        raise kind(
            f"the demo's library cannot be written to {folder}: {failure.strerror}",
            "give another folder with --home",
        ) from failure
    return folder / "models"


def _answer(folder: Path, words: list[str], *options: str) -> None:
    from .app import app_for

    line = ["--home", str(folder), "--db", f"sqlite:///{folder / 'registry.db'}", *options, *words]
    app_for(words)(line, standalone_mode=False, prog_name="vaereg")


def _run(folder: Path, words: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as told:
        _answer(folder, words, "--json")
    return told.getvalue()
