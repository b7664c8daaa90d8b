"""``vaereg demo``: the main job on a small library that the package writes itself."""

from __future__ import annotations

import errno
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import typer

from ..registry.errors import NoSpace, Unreadable, UsageError, VaeregError
from ..registry.interrupts import remembered
from ..registry.naming import shown
from .context import Context
from .page import Page

TWIN, OTHER = "vae/sdxl_vae.safetensors", "vae/mirror/sdxl_vae.safetensors"
"""Equal names, shapes and size; one fits harbour_xl, one does not."""
SHAPES_VAES = ("vivid", "grey", "foreign", "scaled", "overflow")
"""A small checkpoint that was trained to draw coloured shapes, and VAEs for it and not for it."""
MARKER = "written-by-vaereg-demo.txt"
"""In the demo's folder: without it nothing there is ever removed."""
OURS = ("models", "pictures", "drawings", "registry.db", "registry.db-wal", "registry.db-shm")
"""What the demo writes beside its marker, and writes anew."""
_ANSWERED = (0, 3, 4)
"""Exit codes of a command that did what was asked; some of the verdicts are no fits."""


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
    told: list[object] = []
    with remembered() as interrupted_again:
        for words in _steps(library, folder / "pictures"):
            if settings.output.as_json:
                said = json.loads(_run(folder, words))
                told.append({"command": ["vaereg", *words], "answer": said})
            else:
                page = Page()
                page.line(f"$ vaereg {' '.join(words)}", style="bold cyan")
                answer(folder, words)
                page.line()
            interrupted_again()
    if settings.output.as_json:
        settings.output.json({"library": str(library), "steps": told})
    else:
        settings.output.note(f"the library, its registry and the pictures lie in {folder}")


def _steps(library: Path, pictures: Path) -> list[list[str]]:
    """The commands, as a user would type them."""
    twin, other = str(library / TWIN), str(library / OTHER)
    decode = ["--probe", "decode", "--out", str(pictures)]
    generate = ["--probe", "generate", "--out", str(pictures)]
    vaes = [word for name in SHAPES_VAES for word in ("--vae", f"shapes_{name}")]
    sheet, page = str(pictures / "shapes.png"), str(pictures / "matrix.html")
    sweep = str(pictures / "clip_skip.png")
    return [
        ["scan", str(library)],
        ["inspect", twin, other],
        ["list", "--compatible"],
        ["check", "--model", "harbour_xl", "--vae", twin, *decode],
        ["check", "--model", "harbour_xl", "--vae", other, *decode],
        ["check", "--model", "harbour_xl", "--vae", "harbour_v0", *decode],
        ["check", "--model", "forest_v1", "--vae", "forest_vivid", *decode],
        ["check", "--model", "forest_v1", "--vae", "vae_final_FIXED"],
        ["check", "--model", "forest_v1", "--vae", "forest_backup"],
        ["check", "--model", "shapes", "--vae", "shapes_foreign", *generate],
        ["compare", "--model", "shapes", *vaes, "--ui", "html", "--out", sheet],
        ["clip", "--model", "shapes", "--sweep", "--out", sweep],
        ["matrix", "--model", "shapes", *vaes, "--probe", "generate", "--out", page],
        ["list", "--compatible"],
    ]


def _library(folder: Path) -> Path:
    """The library, written anew; a registry of its own keeps the user's free of it."""
    from ..registry.samples.library import build

    try:
        clear(folder)
        build(folder / "models")
        _build_shapes(folder / "models" / "shapes")
    except OSError as failure:
        kind = NoSpace if failure.errno == errno.ENOSPC else Unreadable
        raise kind(
            f"the demo's library cannot be written to {shown(str(folder))}: {failure.strerror}",
            "give another folder with --home",
        ) from failure
    return folder / "models"


def clear(folder: Path) -> None:
    """Remove what an earlier demo wrote; raises ``UsageError`` for a folder of somebody else's."""
    marker = folder / MARKER
    ours = marker.is_file() and not marker.is_symlink()
    if not ours and folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{shown(str(folder))} holds files that no demo wrote; the demo would write over them",
            "give another folder with --home",
        )
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text("vaereg demo writes this folder anew each time: keep nothing in it.\n")
    for path in (folder / name for name in OURS):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _build_shapes(folder: Path) -> None:
    """The checkpoint that draws, and its VAEs."""
    from ..probes.shapes.checkpoint import write_folder
    from ..probes.shapes.vaes import write_vae

    write_folder(folder / "shapes")
    for name in SHAPES_VAES:
        write_vae(folder / f"shapes_{name}.safetensors", name)


def answer(folder: Path, words: list[str], *options: str) -> None:
    """Run a step; raises ``KeyboardInterrupt``, and ``VaeregError`` where it could not be done."""
    from .main import dispatch

    place = ["--home", str(folder), "--db", f"sqlite:///{folder / 'registry.db'}"]
    code = dispatch([*place, *options], words)
    if code not in _ANSWERED:
        raise VaeregError(
            f"the demo stopped: vaereg {shown(' '.join(words))} ended with exit code {code}",
            f"run that command by itself, with --home {shown(str(folder))}",
        )


def _run(folder: Path, words: list[str]) -> str:
    with redirect_stdout(io.StringIO()) as told:
        answer(folder, words, "--json")
    return told.getvalue()
