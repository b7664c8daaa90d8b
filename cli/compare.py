"""``vaereg compare``: one picture through several VAEs, side by side, with figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ..registry.judging.request import Picture, Request
from ..registry.verdicts.judge import reason
from . import shapes
from .context import Context
from .page import Page
from .pictures import SHEET, asked_file, kept_sheet
from .probing import (
    DeviceOption,
    Dtype,
    DtypeOption,
    SeedOption,
    SizeOption,
    StepsOption,
    prober_maker,
)
from .taking import side_of
from .words import size_words

if TYPE_CHECKING:
    from ..registry.drawing import Decoded, Drawing
    from ..registry.judging.comparing import Column, Compared, Files
    from ..registry.judging.sides import Side
    from ..registry.ports import Store

MOST_CHOSEN = 6
"""VAEs that are compared where none is named."""


class Ui(StrEnum):
    """What to make beside the sheet."""

    HTML = "html"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("compare")(compare_command)


def compare_command(
    context: typer.Context,
    model: Annotated[str, typer.Option("--model", metavar="REF", help="The checkpoint.")],
    vae: Annotated[
        list[str] | None,
        typer.Option("--vae", metavar="REF", help="A VAE, again for more; default: what fits."),
    ] = None,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE.png", help="Where the sheet goes.")
    ] = None,
    image: Annotated[
        str | None,
        typer.Option("--image", metavar="FILE", help="Encode this picture, draw none."),
    ] = None,
    ui: Annotated[
        Ui | None, typer.Option("--ui", help="html: a page too, to slide between any two.")
    ] = None,
    steps: StepsOption = None,
    size: SizeOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    dtype: DtypeOption = Dtype.AUTO,
    fresh: Annotated[bool, typer.Option("--fresh", help="Draw again what is kept.")] = False,
) -> None:
    """Draw one picture and decode it with several VAEs, side by side, with figures."""
    from ..registry.judging.comparing import compare

    settings = Context.of(context)
    maker = prober_maker(device, dtype)
    with settings.store() as store:
        checkpoint = side_of(settings, store, model, "model", to_draw=image is None)
        vaes = [side_of(settings, store, ref, "vae") for ref in vae or ()]
        vaes = vaes or _chosen(store, checkpoint)
        drawn = Picture(str(settings.home / "drawings"), seed, steps, size)
        request = Request("generate", maker, image=image, again=fresh, drawn=drawn)
        files = _files(settings, checkpoint, vaes, request.asked, out, ui)
        with settings.output.steps("drawing") as watch:
            request = replace(request, drawn=replace(drawn, watch=watch))
            compared = compare(store, checkpoint, vaes, request, files)
        _remember(settings, store, checkpoint, compared)
    for note in compared.notes:
        settings.output.note(f"note: {note}")
    document = _document(checkpoint, compared)
    settings.output.answer(document, lambda page: _tell(page, checkpoint, compared))


def _chosen(store: Store, checkpoint: Side) -> list[Side]:
    """The recorded VAEs that fit or may fit, the surest first."""
    from ..registry.judging.matrix import Matrix
    from ..registry.judging.sides import Side

    sha256 = checkpoint.artifact.digests.sha256
    models = [found for found in store.models() if found.state == "present"]
    known = next((found for found in models if found.artifact.digests.sha256 == sha256), None)
    if known is None:
        return []
    fits = Matrix(models, store.verdicts(), store.pairs()).fits(known)
    good = [fit.vae for fit in fits if fit.verdict.verdict != "incompatible" and not fit.baked]
    return [Side.of(found) for found in good[:MOST_CHOSEN]]


def _files(
    settings: Context,
    checkpoint: Side,
    vaes: Sequence[Side],
    asked: str,
    out: str | None,
    ui: Ui | None,
) -> Files:
    """Where the sheet and the page go: other VAEs, another picture, another file."""
    from ..registry.judging.comparing import Files

    if out is None:
        shas = [one.artifact.digests.sha256 for one in (checkpoint, *vaes)]
        sheet = kept_sheet(settings, checkpoint.name, "compared", "".join([*shas, asked]))
    else:
        sheet = asked_file(out, SHEET)
    page = os.path.splitext(sheet)[0] + ".html" if ui else None
    return Files(sheet, page)


def _remember(settings: Context, store: Store, checkpoint: Side, compared: Compared) -> None:
    """Record what each picture says, where no deeper look says more."""
    from ..registry.judging.comparing import verdicts_to_keep
    from ..registry.judging.recording import remember

    for stored in verdicts_to_keep(checkpoint, compared):
        for note in remember(store, stored):
            settings.output.note(f"note: {note}")


def _document(checkpoint: Side, compared: Compared) -> shapes.Json:
    comparison, cost = compared.comparison, compared.cost
    others = [_column(column) for column in compared.columns]
    plain = [_decoded(compared.projection)] if compared.projection else []
    return {
        "model": shapes.side(checkpoint, "denoiser"),
        "drawing": _drawing(compared.drawing),
        "pictures": [_decoded(compared.first), *plain, *others],
        "images": [path for path in (comparison.sheet,) if path],
        "page": comparison.page,
        "probe": {
            "level": "generate" if compared.drawing.steps else "decode",
            "device": cost.device,
            "dtype": compared.drawing.dtype,
            "seconds": cost.seconds,
            "peak_memory_bytes": cost.peak_memory_bytes,
        },
    }


def _drawing(drawing: Drawing) -> shapes.Json:
    return {
        "text": drawing.text,
        "steps": drawing.steps,
        "seed": drawing.seed,
        "guidance": drawing.guidance,
        "width": drawing.width,
        "height": drawing.height,
        "device": drawing.device,
        "dtype": drawing.dtype,
        "seconds": drawing.seconds,
        "kept": drawing.kept,
    }


def _decoded(decoded: Decoded) -> shapes.Json:
    return {
        "name": decoded.name,
        "note": decoded.note,
        "kind": decoded.kind,
        "words": decoded.words,
        "grade": decoded.grade,
        "figures": dict(decoded.figures),
        "difference": dict(decoded.difference) if decoded.difference is not None else None,
        "scores": asdict(decoded.scores) if decoded.scores is not None else None,
        "trouble": decoded.trouble,
    }


def _column(column: Column) -> shapes.Json:
    verdict = column.verdict
    seen = _decoded(column.decoded) if column.decoded else {"name": column.vae.name}
    return seen | {
        "path": column.vae.path,
        "sha256": column.vae.artifact.digests.sha256 or None,
        "trouble": column.trouble,
        "verdict": verdict.verdict if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "reason": reason(verdict) if verdict else None,
    }


def _tell(page: Page, checkpoint: Side, compared: Compared) -> None:
    drawing = compared.drawing
    how = f"{drawing.steps} steps, seed {drawing.seed}, " if drawing.steps else "encoded, "
    page.line(
        f"{checkpoint.name}: {drawing.text} ({how}{drawing.width} x {drawing.height})", "bold"
    )
    first = compared.first
    rows = [[f"{first.name} ({first.note})", "", "", "", first.words]]
    if compared.projection:
        plain = compared.projection
        rows.append([plain.name, "", "", "", plain.words])
    rows += [_row(column) for column in compared.columns]
    page.table(["VAE", "Verdict", "Colourfulness", "Sharpness", "In words"], rows, "In words")
    for path in (compared.comparison.sheet, compared.comparison.page):
        if path:
            page.line(f"picture: {path}")
    cost = compared.cost
    kept = "drawn before" if drawing.kept else f"drawn in {drawing.seconds:.1f} s"
    source = f"one sampling, {kept}" if drawing.steps else "your picture, encoded once"
    page.line(
        f"done: {source}; {cost.seconds:.1f} s on {cost.device}, "
        f"{size_words(cost.peak_memory_bytes)} of memory"
    )


def _row(column: Column) -> list[str]:
    verdict = column.verdict.verdict if column.verdict else ""
    seen = column.decoded
    if seen is None or column.trouble is not None:
        return [column.vae.name, verdict, "", "", column.trouble or ""]
    beside = seen.difference or {}
    return [
        column.vae.name,
        verdict,
        _times(beside.get("colourfulness_gain")),
        _times(beside.get("sharpness_gain")),
        seen.words,
    ]


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"x {ratio:.2f}"
