"""The strip of one cross-decode: what was encoded, both decodes, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ...registry.measures import Crossing, CrossTask, Scaling, Scores
from ...registry.verdicts.crossing import outcome, trusted
from .pixels import unit_range
from .sheet import Column, write_sheet

AMPLIFIED = 4
"""The differences are shown this many times as bright."""
_TELLING = (0, 1, 3)
"""Tiles of the test card that show faults best: landscape, portrait, colour chart."""


def write_strip(
    task: CrossTask,
    crossing: Crossing,
    pictures: Tensor,
    reference: Tensor,
    decodes: Mapping[Scaling, Tensor],
) -> None:
    """Write the strip to ``task.picture``; raises as ``write_sheet`` does.

    ``decodes`` are the pictures of the VAE in question by the scaling that was undone.
    """
    assert task.picture is not None
    original = "test card" if task.image is None else "your picture"
    shown = [
        Column("encoded", original, _chosen(pictures)),
        _reference_column(task, crossing, _chosen(reference)),
        *_columns_in_question(task, crossing, decodes),
    ]
    difference = _heat(_chosen(reference), shown[-1].pictures)
    shown.append(Column("difference", f"{AMPLIFIED} x as bright", difference))
    write_sheet(task.picture, task.captions, shown)


def notes(scores: Scores) -> tuple[str, ...]:
    """The scores in short lines for below a picture."""
    if not scores.finite:
        return ("numbers that are not finite",)
    return (
        f"brightness r {scores.luma_correlation:.2f}, gain {scores.luma_slope:.2f}",
        f"colour r {scores.chroma_correlation:.2f}, gain {scores.chroma_slope:.2f}",
        f"{scores.psnr:.1f} dB, SSIM {scores.ssim:.2f}",
        f"colourfulness x {scores.colourfulness_ratio:.2f}",
    )


def _reference_column(task: CrossTask, crossing: Crossing, pictures: Tensor) -> Column:
    own = crossing.own
    if own is None:
        return Column("reference", task.decoder.name, pictures)
    word = "own decode" if trusted(own) else "not trusted"
    return Column("reference", task.decoder.name, pictures, word, notes(own))


def _columns_in_question(
    task: CrossTask, crossing: Crossing, decodes: Mapping[Scaling, Tensor]
) -> Iterator[Column]:
    """One column for each scaling, with the frontends that undo it where there are several."""
    looks = {look.convention: look.scores for look in crossing.looks}
    for scaling, pictures in decodes.items():
        held = [convention for convention in task.conventions if convention.scaling == scaling]
        role, users = "in question", tuple[str, ...]()
        if len(decodes) > 1:
            role = f"{' and '.join(convention.name for convention in held)}'s scaling"
            users = (", ".join(name for convention in held for name in convention.frontends),)
        scores = looks[held[0].name]
        found = outcome(scores).name
        yield Column(role, task.vae.name, _chosen(pictures), found, (*notes(scores), *users))


def _heat(reference: Tensor, other: Tensor) -> Tensor:
    """Differences as light: black where pictures are equal, then amber, then white."""
    apart = (unit_range(other) - unit_range(reference)).abs().mean(1) * AMPLIFIED
    bright = apart.clamp(0, 1)
    return torch.stack([bright.sqrt(), bright, bright**3], 1) * 2 - 1


def _chosen(pictures: Tensor) -> Tensor:
    return pictures[list(_TELLING)] if len(pictures) > max(_TELLING) else pictures
