"""``vaereg matrix``: every checkpoint against every VAE, probed as deep as asked."""

from __future__ import annotations

import importlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.errors import NotFound
from ..registry.judging.request import Picture, Request
from ..registry.judging.sides import Side, checkpoint_of, vae_of
from . import shapes
from .check import Probe
from .context import Context
from .pictures import PAGE, asked_file, pair_picture
from .probing import (
    DeviceOption,
    Dtype,
    DtypeOption,
    SeedOption,
    SizeOption,
    StepsOption,
    prober_maker,
)
from .sizes import size_of
from .taking import side_of

if TYPE_CHECKING:
    from ..registry.ports import Store
    from ..registry.surveying.plan import Plan
    from ..registry.surveying.values import Cell, Failure, Surveyed
    from ..registry.values import Model

TORCH_NAMES = {"auto": "auto", "fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
MOST_NOTES = 5
"""Notes on stderr: every pair may have one of its own."""
VERDICTS = ("compatible", "degraded", "unknown", "incompatible")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("matrix")(matrix_command)


def matrix_command(
    context: typer.Context,
    probe: Annotated[
        Probe, typer.Option("--probe", help="How far to go with each pair.")
    ] = Probe.AUTO,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.html", help="Write a page too.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="REF", help="Only this checkpoint, again for more."),
    ] = None,
    vae: Annotated[
        list[str] | None,
        typer.Option("--vae", metavar="REF", help="Only this VAE, again for more."),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option("--memory", metavar="SIZE", help="Most that probes may hold: 6G, 800M."),
    ] = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    steps: StepsOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Judge again what is recorded already.")
    ] = False,
) -> int:
    """Judge every recorded checkpoint against every recorded VAE; goes on where it was stopped."""
    from ..registry.surveying.survey import survey
    from .matrix_progress import watching

    settings = Context.of(context)
    maker = prober_maker(device, dtype, size_of(memory) if memory is not None else None)
    page = asked_file(out, PAGE) if out is not None else None
    started = time.monotonic()
    drawn = Picture(str(settings.home / "drawings"), seed, steps, size)
    if memory is not None:
        # What writes verdicts counts among the libraries, which are there before any model.
        importlib.import_module("vaereg.db.writer")
    with settings.store() as store:
        plan = _plan(settings, store, model, vae, Request(probe.value, maker, drawn=drawn))
        plan = replace(plan, fresh=fresh, device=device, dtype=TORCH_NAMES[dtype.value])
        with watching(settings.output) as watcher:
            surveyed = survey(store, plan, watcher)
        models = {found.artifact.digests.sha256: found for found in store.models()}
    _tell_notes(settings, surveyed)
    seconds = round(time.monotonic() - started, 3)
    rows, columns = ([models[one] for one in side] for side in (plan.checkpoints, plan.vaes))
    if page is not None:
        _write_page(page, rows, columns, surveyed, probe, seconds)
    _answer(settings, rows, columns, surveyed, seconds, page)
    return 1 if surveyed.in_vain else 0


# -- what is asked ----------------------------------------------------------------------------


def _plan(
    settings: Context,
    store: Store,
    model: Sequence[str] | None,
    vae: Sequence[str] | None,
    request: Request,
) -> Plan:
    """Raises ``NotFound`` where there is nothing to judge, and as ``side_of`` for what is named."""
    from ..registry.surveying.plan import Plan, chosen

    named = [_named(settings, store, ref, "model") for ref in model or ()]
    decoders = [_named(settings, store, ref, "vae") for ref in vae or ()]
    checkpoints, vaes = chosen(store.models(), named, decoders)
    if not checkpoints:
        raise NotFound(
            "no recorded checkpoint is on this machine",
            "record a folder of models with vaereg scan DIR",
        )

    def picture(checkpoint: Side, decoder: Side) -> str:
        return with_settings(pair_picture(settings, None, checkpoint, decoder), request)

    return Plan(checkpoints, vaes, request, not decoders, picture)


def _named(settings: Context, store: Store, ref: str, role: str) -> str:
    """The SHA-256 of a model on this machine; a path that is new is recorded first."""
    from ..registry.lookup import path_of, recorded

    side = (
        side_of(settings, store, ref, role)
        if path_of(ref) is not None
        else Side.of(recorded(store, ref))
    )
    (checkpoint_of if role == "model" else vae_of)(side)
    return side.artifact.digests.sha256


def with_settings(path: str, request: Request) -> str:
    """Where a pair's pictures go if they are drawn otherwise than usual.

    A recorded verdict is taken where its pictures lie as asked: only for those settings, that is.
    """
    drawn = request.drawn
    wishes = {"steps": drawn.steps, "px": drawn.size, "seed": drawn.seed or None}
    told = "".join(f"--{value}{name}" for name, value in wishes.items() if value is not None)
    stem, extension = os.path.splitext(path)
    return stem + told + extension if request.probe == "generate" else path


# -- what is answered -------------------------------------------------------------------------


def _tell_notes(settings: Context, surveyed: Surveyed) -> None:
    notes = list(dict.fromkeys(note for cell in surveyed.cells for note in cell.notes))
    for note in notes[:MOST_NOTES]:
        settings.output.note(f"note: {note}")
    if len(notes) > MOST_NOTES:
        settings.output.note(f"note: {len(notes) - MOST_NOTES} more notes; --json tells all")


def _answer(
    settings: Context,
    rows: Sequence[Model],
    columns: Sequence[Model],
    surveyed: Surveyed,
    seconds: float,
    page: str | None,
) -> None:
    if not settings.output.as_json:
        from .matrix_words import tell
        from .page import Page

        tell(Page(), rows, columns, surveyed, seconds, page)
        return
    settings.output.json(
        {
            "checkpoints": [shapes.model(found) for found in rows],
            "vaes": [shapes.model(found) for found in columns],
            "cells": [_cell(cell) for cell in surveyed.cells],
            "counts": counts(surveyed.cells),
            "errors": [_failure(failure) for failure in surveyed.failures],
            "seconds": seconds,
            "peak_memory_bytes": surveyed.peak_memory,
            "page": page,
        }
    )


def counts(cells: Iterable[Cell]) -> dict[str, int]:
    """How many pairs there are, of each verdict, judged before, and not to be judged at all."""
    cells = list(cells)
    found = Counter(cell.verdict.verdict for cell in cells if cell.failure is None)
    return {
        "pairs": len(cells),
        **{verdict: found[verdict] for verdict in VERDICTS},
        "failed": sum(cell.failure is not None for cell in cells),
        "recalled": sum(cell.recalled for cell in cells),
    }


def _cell(cell: Cell) -> shapes.Json:
    cost = cell.cost
    return {
        "model": cell.key[0],
        "vae": cell.key[1],
        "baked": cell.baked,
        "reason": cell.reason,
        "level": cell.level,
        **shapes.verdict(cell.verdict),
        "images": list(cell.images),
        "device": cost.device if cost else None,
        "dtype": cost.dtype if cost else None,
        "seconds": cost.seconds if cost else None,
        "decided_at": cell.decided_at,
        "recalled": cell.recalled,
        "notes": list(cell.notes),
        "error": _failure(cell.failure) if cell.failure else None,
    }


def _failure(failure: Failure) -> shapes.Json:
    return asdict(failure)


def _write_page(
    path: str,
    rows: Sequence[Model],
    columns: Sequence[Model],
    surveyed: Surveyed,
    probe: Probe,
    seconds: float,
) -> None:
    from .matrix_sheet import page_of
    from .pages.matrix_page import write_matrix_page

    write_matrix_page(path, page_of(rows, columns, surveyed, probe.value, seconds))
