"""The generation probe of a climb: the checkpoint draws, the VAE and a reference decode."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..drawing import CheckpointFile, DrawTask, ShowTask
from ..errors import CannotRun
from ..frontends.support import ordered
from ..measures import VaeFile
from ..ports import Prober
from ..verdicts.conventions import conventions
from ..verdicts.made import Made
from ..verdicts.pair import Pair
from .request import Request
from .sides import Side


@dataclass(frozen=True, slots=True)
class Generation:
    """What was made, and the strip that shows it."""

    made: Made
    picture: str | None
    notes: tuple[str, ...]


def generate(
    prober: Prober, model: Side, vae: Side, pair: Pair, file: VaeFile,
    references: Iterable[VaeFile], request: Request,
) -> Generation:  # fmt: skip
    """The checkpoint's drawn latents through the VAE in question and through a reference.

    The first reference serves. Raises ``CannotRun`` where the checkpoint draws nothing, and what
    ``Prober.draw`` and ``Prober.show`` raise.
    """
    drawing = prober.draw(draw_task(model, request), request.drawn.watch)
    if not drawing.finite:
        raise CannotRun(
            f"{model.name} itself makes latents that are not finite (step {drawing.failed_at} of "
            f"{drawing.steps} in {drawing.dtype}), whatever VAE decodes them",
            "use another copy of the checkpoint",
        )
    reference = next(iter(references), None)
    files = (file, reference) if reference else (file,)
    asked = conventions(pair.denoiser, vae, pair.vae, files, pair.own)
    task = ShowTask(
        drawing,
        reference,
        file,
        normalisation=asked[0].scaling,
        conventions=ordered(asked, request.frontend),
        picture=beside(request.picture),
        captions=(
            f"{vae.name} for {model.name}",
            f"{drawing.text!r}, {drawing.steps} steps, seed {drawing.seed}, drawn once by "
            f"{model.name}",
        ),
    )
    shown = prober.show(task)
    made = Made.of(drawing, shown, reference.name if reference else None, task.conventions)
    return Generation(made, shown.picture, (*drawing.notes, *shown.notes))


def draw_task(model: Side, request: Request) -> DrawTask:
    """What a checkpoint is to draw; raises ``CannotRun`` for one that is not on this machine."""
    if model.path is None or not os.path.exists(model.path):
        raise CannotRun(
            f"{model.name} is not on this machine, so it draws nothing",
            "vaereg pull fetches it",
        )
    file = CheckpointFile(
        model.name, model.path, model.artifact.digests.sha256, model.artifact.identity
    )
    drawn = request.drawn
    return DrawTask(file, drawn.folder, drawn.seed, drawn.steps, drawn.size, again=request.again)


def beside(picture: str | None) -> str | None:
    """The path of the generated picture's strip, beside the cross-decode's."""
    if picture is None:
        return None
    stem, extension = os.path.splitext(picture)
    return f"{stem}--generated{extension}"
