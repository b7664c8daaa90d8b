"""The generation probe of a climb: the checkpoint draws, the VAE and a reference decode."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..colours.response import match
from ..colours.scaling import scaling_of
from ..drawing import CheckpointFile, DrawTask, ShowTask
from ..errors import CannotRun
from ..frontends.support import ordered
from ..measures import Scaling, VaeFile
from ..ports import Prober, Store
from ..verdicts.conventions import conventions
from ..verdicts.made import Made
from ..verdicts.pair import Pair
from .reference import vae_file
from .request import Request
from .settling import by_match
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


def own_scaling(store: Store, prober: Prober, model: Side) -> Scaling | None:
    """The normalisation of a checkpoint's latents, by what its header says, else by its own VAE.

    None where neither the denoiser nor the colours of the VAE tell a family. Raises ``FileError``
    and ``ProbeError``.
    """
    parts = [model.artifact.identity.component(role) for role in ("denoiser", "vae")]
    latents = [part.latent for part in parts if part and part.latent]
    known = next((found for latent in latents if (found := scaling_of(latent))), None)
    vae = vae_file(model)
    if known or vae is None or len(latents) < 2:
        return known
    sha256 = model.artifact.digests.sha256
    reading = store.readings().get(sha256) or prober.read(vae)
    return scaling_of(by_match(latents[-1], match(reading, vae.channels, vae.mates)))


def beside(picture: str | None) -> str | None:
    """The path of the generated picture's strip, beside the cross-decode's."""
    if picture is None:
        return None
    stem, extension = os.path.splitext(picture)
    return f"{stem}--generated{extension}"
