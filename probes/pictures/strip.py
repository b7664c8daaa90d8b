"""The strip of one comparison: what was encoded, both decodes, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ...registry.drawing import Generated, ShowTask
from ...registry.measures import Convention, Crossing, CrossTask, Look, Scaling, Scores
from ...registry.verdicts.crossing import outcome, trusted
from .pixels import unit_range
from .sheet import Column, write_sheet

AMPLIFIED = 4
"""The differences are shown this many times as bright."""
LARGE = 384
"""Width of a column with one drawn picture, in pixels."""
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
        *_columns_in_question(task.vae.name, task.conventions, crossing.looks, decodes),
    ]
    shown.append(_difference(_chosen(reference), shown[-1].pictures))
    write_sheet(task.picture, (*task.captions, *crossing.notes), shown)


def write_shown(
    task: ShowTask,
    generated: Generated,
    reference: Tensor | None,
    decodes: Mapping[Scaling, Tensor],
) -> None:
    """Write the strip of a drawn picture to ``task.picture``, as ``write_strip`` does.

    Without a reference it shows the VAE in question alone.
    """
    assert task.picture is not None
    shown = [
        *_columns_in_question(
            task.vae.name, task.conventions, generated.looks, decodes, generated.kind
        )
    ]
    if task.reference is not None and reference is not None:
        word = _unless_fine(generated.reference_kind)
        shown.insert(0, Column("reference", task.reference.name, reference, word))
        shown.append(_difference(reference, shown[-1].pictures))
    write_sheet(task.picture, (*task.captions, *generated.notes), shown, LARGE)


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
    name: str,
    conventions: Sequence[Convention],
    looks: Sequence[Look],
    decodes: Mapping[Scaling, Tensor],
    kind: str | None = None,
) -> Iterator[Column]:
    """One column for each scaling, with the frontends that undo it where there are several.

    ``kind`` is what the first picture is by itself: said where there is nothing to compare with.
    """
    scores = {look.convention: look.scores for look in looks}
    for scaling, pictures in decodes.items():
        held = [convention for convention in conventions if convention.scaling == scaling]
        role, users = "in question", tuple[str, ...]()
        if len(decodes) > 1:
            role = f"{' and '.join(convention.name for convention in held)}'s scaling"
            users = (", ".join(name for convention in held for name in convention.frontends),)
        found = next((scores[each.name] for each in held if each.name in scores), None)
        word = outcome(found).name if found else _unless_fine(kind)
        figures = notes(found) if found else ()
        yield Column(role, name, _chosen(pictures), word, (*figures, *users))
        kind = None


def _unless_fine(kind: str | None) -> str:
    return "" if kind in (None, "fine") else str(kind)


def _difference(reference: Tensor, other: Tensor) -> Column:
    return Column("difference", f"{AMPLIFIED} x as bright", _heat(reference, other))


def _heat(reference: Tensor, other: Tensor) -> Tensor:
    """Differences as light: black where pictures are equal, then amber, then white."""
    apart = (unit_range(other) - unit_range(reference)).abs().mean(1) * AMPLIFIED
    bright = apart.clamp(0, 1)
    return torch.stack([bright.sqrt(), bright, bright**3], 1) * 2 - 1


def _chosen(pictures: Tensor) -> Tensor:
    return pictures[list(_TELLING)] if len(pictures) > max(_TELLING) else pictures
