"""Latents of a reference decoded by the reference and by the VAE in question, and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...registry.errors import CannotRun
from ...registry.measures import Crossing, CrossTask, Look
from ...registry.naming import shown
from ..pictures.card import test_card
from ..pictures.image import picture
from ..pictures.pixels import compare, variety
from ..pictures.strip import write_strip
from .bench import Bench, Latents, Load
from .candidate import Seen, half_range, half_type, scalings_of, seen_by
from .channels import channel_agreement, channel_effects, middle

_LEAST_LUMA, _LEAST_CHROMA = 0.05, 0.02
"""Spread in [0, 1] below which a user's picture says nothing of brightness or colour."""


@dataclass(frozen=True, slots=True)
class Referenced:
    """What comes of a reference alone, whatever VAE is in question."""

    given: Tensor
    """The pictures that were encoded, [N, 3, H, W] in [-1, 1]."""
    latents: Latents
    decoded: Tensor
    """The same pictures after the reference's own decode."""
    effects: Tensor
    """See ``channel_effects``."""


def cross(
    task: CrossTask,
    load: Load,
    device: torch.device,
    dtype: torch.dtype,
    reference_of: Callable[[Bench, CrossTask], Referenced] | None = None,
) -> Crossing:
    """Encode with the reference, decode with it and with ``task.vae``, compare the pictures.

    The pictures are judged in float32 whatever ``dtype`` says, so that every float type and device
    gives one answer: rounding blurs and overflow blackens what a VAE knows. The VAE is also decoded
    for real in ``dtype`` (on CUDA at least in float16), and its non-finite numbers are counted.

    Latents change hands in the checkpoint's normalisation. One half of one VAE is in memory at a
    time. ``reference_of`` may know what ``referenced`` gives from before. Where ``own`` is not
    ``trusted``, the looks say nothing. Raises ``CannotRun`` where latents do not fit or a user's
    picture is too plain to judge by, ``OutOfMemory`` when tiles and the CPU did not help,
    ``FileError`` for files and pictures that cannot be read, ``NoSpace`` and ``Unreadable`` for the
    strip.
    """
    bench = Bench(load, device, torch.float32, task.normalisation)
    with torch.inference_mode():
        reference = (reference_of or referenced)(bench, task)
        seen, effects = _by_candidate(bench, task, reference.latents)
        real = half_type(dtype, device)
        half = half_range(bench, task.vae, reference.latents, seen, True, real)
    agreement = channel_agreement(reference.effects, effects)
    scores = {
        scaling: replace(compare(reference.decoded, decode), channel_agreement=agreement)
        for scaling, decode in seen.decodes.items()
    }
    looks = tuple(Look(each.name, scores[each.scaling]) for each in task.conventions)
    own = compare(reference.given, reference.decoded)
    crossing = Crossing(looks, own, half, task.picture, tuple(bench.notes))
    if task.picture is not None:
        write_strip(task, crossing, reference.given, reference.decoded, seen.decodes)
    return crossing


def referenced(bench: Bench, task: CrossTask) -> Referenced:
    """The reference's latents, pictures and effects.

    They depend on ``task``'s encoder, decoder, normalisation and image alone.
    """
    given = _pictures(task.image)
    latents = bench.encoded(task.encoder, given)
    decode, scaling = bench.decoding(task.decoder, latents), task.normalisation
    decoded = decode(latents.values, scaling)
    effects = channel_effects(lambda each: decode(each, scaling), middle(latents.values))
    return Referenced(given, latents, decoded, effects)


def _pictures(image: str | None) -> Tensor:
    if image is None:
        return test_card()
    pictures = picture(image)
    luma, chroma = variety(pictures)
    if luma < _LEAST_LUMA or chroma < _LEAST_CHROMA:
        what = "light and dark" if luma < _LEAST_LUMA else "colour"
        raise CannotRun(
            f"{shown(image)} has too little {what} in it to judge a VAE by",
            "give a colourful picture, or none to use the test card",
        )
    return pictures


def _by_candidate(bench: Bench, task: CrossTask, latents: Latents) -> tuple[Seen, Tensor]:
    """Pictures under each scaling that some convention has, and the channels' effects."""
    scalings = scalings_of(task.conventions, task.normalisation)
    decode = bench.decoding(task.vae, latents)
    seen = seen_by(decode, latents.values, scalings, stretched=True)
    return seen, channel_effects(lambda each: decode(each, scalings[0]), middle(latents.values))
