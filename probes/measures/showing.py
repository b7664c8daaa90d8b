"""Drawn latents decoded by a reference and by the VAE in question, and compared."""

from __future__ import annotations

import torch
from torch import Tensor

from ...registry.drawing import Drawing, Generated, ShowTask
from ...registry.errors import CannotRun
from ...registry.measures import HalfRange, Look, VaeFile
from ...registry.naming import shown
from ...registry.verdicts.made import NO_PICTURE
from ..comparison.figures import figures
from ..generation.kept import load_latents
from ..pictures.pixels import compare
from ..pictures.strip import write_shown
from .bench import Bench, Latents, Load
from .candidate import Seen, half_range, half_type, scalings_of, seen_by

_STRETCHED_SIDE = 512
"""Pixels of a side up to which the largest activation is also looked for with larger latents: one
decode more, 18 s of a CPU (measured on an AutoencoderKL of SD1's size with random weights)."""
_HALF_ON_CPU = 128 * 128
"""Pixels up to which a CPU runs float16: 64 x 64 take 67 s there, and .2 s in float32 (measured
with torch 2.13 on an AutoencoderKL of SD1's size with random weights)."""


def show(task: ShowTask, load: Load, device: torch.device, dtype: torch.dtype) -> Generated:
    """Decode the drawing by the reference and by ``task.vae`` under every convention, and compare.

    As in ``cross``, pictures are judged in float32, and the VAE in question is also run for real in
    ``dtype``. The reference decodes once, the VAE once for each scaling. Pictures are cut alike
    where memory is short. The channels' agreement is not measured here. Raises ``CannotRun`` for a
    drawing that is not finite and for latents that do not fit, ``OutOfMemory`` when tiles and the
    CPU did not help, ``NotFound`` and ``FileError`` for files, and as ``write_sheet`` does.
    """
    latents = drawn_latents(task.drawing)
    bench = Bench(load, device, torch.float32, task.normalisation)
    with torch.inference_mode():
        reference, seen = _decoded(bench, task, latents)
        half = _half(bench, task, latents, seen, dtype)
    reference_kind = None if reference is None else kind_of(reference)
    generated = Generated(
        looks=_looks(task, reference, reference_kind, seen),
        kind=kind_of(next(iter(seen.decodes.values()))),
        reference_kind=reference_kind,
        half=half,
        picture=task.picture,
        notes=tuple(bench.notes),
    )
    if task.picture is not None:
        write_shown(task, generated, reference, seen.decodes)
    return generated


def kind_of(pictures: Tensor) -> str:
    """What the first of pictures [N, 3, H, W] in [-1, 1] is by itself: ``Figures.kind``."""
    return figures(((pictures[0] + 1) / 2).numpy()).kind


def drawn_latents(drawing: Drawing) -> Latents:
    """A drawing's latents; raises ``CannotRun`` for what is not finite, and as ``load_latents``."""
    # Copied: what was read from a file may not be written to, of which torch warns.
    values = torch.tensor(load_latents(drawing.path))
    if not drawing.finite or not torch.isfinite(values).all():
        step = f" (step {drawing.failed_at} of {drawing.steps})" if drawing.failed_at else ""
        raise CannotRun(
            "the checkpoint itself makes no picture: it draws latents that are not finite"
            f"{step}, whatever VAE decodes them",
            "use another copy of the checkpoint, or --dtype fp32",
        )
    return Latents(values, drawing.height // values.shape[2], "the drawing")


def _decoded(bench: Bench, task: ShowTask, latents: Latents) -> tuple[Tensor | None, Seen]:
    """The reference's picture, and those of the VAE in question."""
    scalings = scalings_of(task.conventions, task.normalisation)
    itself = _same(task.reference, task.vae) and task.normalisation in scalings
    reference = None if itself else _by_reference(bench, task, latents)
    cut = bench.tile
    decode = bench.decoding(task.vae, latents)
    seen = seen_by(decode, latents.values, scalings, _stretched(task.drawing))
    if itself:
        return seen.decodes[task.normalisation], seen
    if bench.tile != cut:
        del decode  # One decoder at a time.
        reference = _by_reference(bench, task, latents)
    return reference, seen


def _same(one: VaeFile | None, other: VaeFile) -> bool:
    return one is not None and (one.path, one.prefix) == (other.path, other.prefix)


def _by_reference(bench: Bench, task: ShowTask, latents: Latents) -> Tensor | None:
    if task.reference is None:
        return None
    return bench.decoding(task.reference, latents)(latents.values, task.normalisation)


def _stretched(drawing: Drawing) -> bool:
    return max(drawing.width, drawing.height) <= _STRETCHED_SIDE


def _half(
    bench: Bench, task: ShowTask, latents: Latents, seen: Seen, dtype: torch.dtype
) -> HalfRange | None:
    real = half_type(dtype, bench.device)
    pixels = task.drawing.width * task.drawing.height
    if real is torch.float16 and bench.device.type == "cpu" and pixels > _HALF_ON_CPU:
        bench.notes.append(
            f"{shown(task.vae.name)} was not run in float16, which takes a CPU many minutes: the "
            "largest activation in float32 says whether it can be"
        )
        real = None
    return half_range(bench, task.vae, latents, seen, _stretched(task.drawing), real)


def _looks(
    task: ShowTask, reference: Tensor | None, kind: str | None, seen: Seen
) -> tuple[Look, ...]:
    """None where the reference shows nothing that another picture could be compared with."""
    if reference is None or kind in NO_PICTURE:
        return ()
    scores = {scaling: compare(reference, decode) for scaling, decode in seen.decodes.items()}
    return tuple(Look(each.name, scores[each.scaling]) for each in task.conventions)
