"""Drawn latents through several VAEs: one decode each, then figures, a sheet and a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from ...registry.drawing import CompareTask, Comparison, Decoded, Shown
from ...registry.errors import CannotRun, FileError, MissingDependency, NotFound, ProbeError
from ...registry.naming import shown
from ..measures.bench import Bench, Latents, Load
from ..measures.showing import drawn_latents
from . import compared
from .compared import Column, Compared, Seen
from .difference import Difference
from .figures import HUES, Cast, Figures
from .page import write_page
from .projection import projected
from .sheet import write_sheet


def compare(task: CompareTask, load: Load, device: torch.device) -> Comparison:
    """Every VAE's picture of one drawing beside the first one's, in float32.

    Each VAE is loaded, decodes once and is let go; pictures are cut alike where memory is short. A
    VAE that cannot decode these latents is told by ``Decoded.trouble``, and the others go on; where
    it is the first one, the others stand beside the next, without ``scores``. Raises ``CannotRun``
    for a drawing that is not finite or without any VAE, ``NotFound`` and ``Unreadable`` for its
    file, and as ``write_sheet`` and ``write_page`` do.
    """
    if not task.vaes:
        raise CannotRun("there is no VAE to compare", "name at least one with --vae")
    latents = drawn_latents(task.drawing)
    bench = Bench(load, device, torch.float32, task.vaes[0].scaling)
    with torch.inference_mode():
        results = _decoded_alike(bench, task.vaes, latents)
        projection = _projection(task, latents, bench.notes)
    made = _arranged(results, projection, bench.notes)
    if made is not None:
        _write(task, made, results)
    return Comparison(
        pictures=tuple(_pictures(task.vaes, results, made)),
        sheet=task.sheet if made else None,
        page=task.page if made else None,
        notes=tuple(bench.notes),
    )


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one VAE: a picture or a trouble."""

    column: Column | None = None
    trouble: str | None = None
    tile: int | None = None
    """How the picture was cut, see ``Bench.tile``."""


def _decoded_alike(bench: Bench, vaes: Sequence[Shown], latents: Latents) -> list[_Result]:
    """Every VAE's result; those that decoded before memory ran short are cut as the last one."""
    results = [_decoded(bench, one, latents) for one in vaes]
    last = bench.tile
    return [
        _decoded(bench, one, latents) if result.column and result.tile != last else result
        for one, result in zip(vaes, results, strict=True)
    ]


def _decoded(bench: Bench, one: Shown, latents: Latents) -> _Result:
    try:
        pictures = bench.decoding(one.vae, latents)(latents.values, one.scaling)
    except (ProbeError, FileError, NotFound, MissingDependency) as failure:
        return _Result(trouble=failure.message)
    column = Column(one.vae.name, ((pictures[0] + 1) / 2).numpy(), one.note)
    return _Result(column, tile=bench.tile)


def _projection(task: CompareTask, latents: Latents, notes: list[str]) -> Column | None:
    if task.family is None:
        return None
    try:
        drawing = task.drawing
        return projected(latents.values.numpy(), task.family, drawing.width, drawing.height)
    except CannotRun as failure:
        notes.append(f"no picture without a VAE: {failure.message}")
        return None


def _arranged(
    results: Sequence[_Result], projection: Column | None, notes: list[str]
) -> Compared | None:
    """The pictures there are: the first, the projection, the others; None without any."""
    columns = [result.column for result in results if result.column]
    if projection:
        columns.insert(min(1, len(columns)), projection)
    if not columns:
        return None
    made = compared.compare(columns)
    if results[0].column or columns[0] is projection:
        return made
    # Beside a VAE that nobody trusts a picture may differ: that must not become a verdict.
    notes.append(f"the pictures are compared with that of {shown(columns[0].name)}")
    unjudged = tuple(replace(seen, scores=None) for seen in made.columns)
    return replace(made, columns=unjudged)


def _write(task: CompareTask, made: Compared, results: Sequence[_Result]) -> None:
    troubles = [f"not shown: {result.trouble}" for result in results if result.trouble]
    captions = (*task.captions, *troubles)
    if task.sheet is not None:
        write_sheet(task.sheet, made, captions)
    if task.page is not None:
        write_page(task.page, made, captions)


def _pictures(
    vaes: Sequence[Shown], results: Sequence[_Result], made: Compared | None
) -> Iterator[Decoded]:
    """The VAEs in their order, with or without a picture, and the projection behind the first."""
    seen = list(made.columns) if made else []
    projection = None
    if len(seen) > sum(result.column is not None for result in results):
        projection = seen.pop(min(1, len(seen) - 1))
    for number, (one, result) in enumerate(zip(vaes, results, strict=True)):
        yield _told(seen.pop(0)) if result.column else _troubled(one, result)
        if number == 0 and projection:
            yield replace(_told(projection), scores=None)


def _told(seen: Seen) -> Decoded:
    return Decoded(
        name=seen.column.name,
        note=seen.column.note,
        kind=seen.kind,
        words=seen.words,
        grade=seen.grade,
        figures=_flat(seen.figures),
        difference=_flat(seen.difference) if seen.difference else None,
        scores=seen.scores,
    )


def _troubled(one: Shown, result: _Result) -> Decoded:
    words = "could not be decoded"
    return Decoded(one.vae.name, one.note, "", words, "fault", {}, None, None, result.trouble)


def _flat(figures: Figures | Difference) -> dict[str, float]:
    """By name; a cast's hue in degrees of the colour circle, from red."""
    told = asdict(figures) | {f"cast_{name}": value for name, value in _cast(figures.cast).items()}
    del told["cast"]
    return told


def _cast(cast: Cast) -> dict[str, float]:
    return {"hue": 360 / len(HUES) * HUES.index(cast.hue), "strength": cast.strength}
