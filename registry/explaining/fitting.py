"""Which recorded models a text speaks of, and the recorded VAEs that fit instead."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..judging.matrix import Fit, Matrix
from ..judging.sides import has
from ..naming import MODEL_SUFFIXES, shown
from ..values import Model, Verdict
from .reading import folded
from .values import Explanation

MOST_CHECKPOINTS = 5
MOST_VAES = 5

_GENERIC = {"model", "vae", "diffusion_pytorch_model", "pytorch_model", "model_index", "unet"}
"""Names that thousands of different files bear."""
_TELLING = re.compile(r"(?=.*[\d_])(?=.*[a-z]).{6,}", re.DOTALL)
"""A bare name that is no ordinary word."""
_HASH = re.compile(r"(?<![0-9a-z])[0-9a-f]{8,64}(?![0-9a-z])")


@dataclass(frozen=True, slots=True)
class Fitting:
    """What is recorded for one checkpoint."""

    checkpoint: Model | None
    """None where no recorded checkpoint works on so many channels: the VAEs alone."""
    vaes: tuple[Fit, ...]
    """Those that fit or may fit, best first."""
    named: tuple[Fit, ...] = ()
    """The VAEs that the text names, judged for this checkpoint."""


def named_in(text: str, models: Sequence[Model]) -> tuple[Model, ...]:
    """The models whose path, file name, telling name or hash stands in a text, word for word.

    Where a file name belongs to several, those whose path is there too are meant.
    """
    small = folded(text)
    words = set(re.findall(r"\w+", small))
    hashes = set(_HASH.findall(small))
    found = [model for model in models if _is_named(model, small, words, hashes)]
    by_path = {model.id for model in found if _has_path(model, small, words)}
    names = {_file_name(model) for model in found if model.id in by_path}
    return tuple(model for model in found if model.id in by_path or _file_name(model) not in names)


def fitting(
    matrix: Matrix,
    explanations: Iterable[Explanation],
    asked: Model | None = None,
    named: Sequence[Model] = (),
) -> tuple[Fitting, ...]:
    """The recorded VAEs for the checkpoint asked for, else for those named, else by channels.

    Models alone of the right number of channels count only where an explained failure says that
    another VAE is a cure.
    """
    vaes = [model for model in named if has(model, "vae") and not has(model, "denoiser")]
    checkpoints = [asked] if asked else [model for model in named if has(model, "denoiser")]
    if checkpoints:
        return tuple(_for(matrix, one, vaes) for one in checkpoints[:MOST_CHECKPOINTS])
    wanted = [one for one in explanations if one.failure.wants_vae]
    families = {name for one in wanted for name in one.families.get("model", ())}
    alike = [one for one in matrix.checkpoints if _possible(one, "denoiser") & families]
    if alike:
        return tuple(_for(matrix, one, vaes) for one in alike[:MOST_CHECKPOINTS])
    loose = [one for one in matrix.vaes if _possible(one, "vae") & families]
    fits = tuple(_by_shape(one) for one in loose[:MOST_VAES])
    return (Fitting(None, fits),) if fits else ()


def _for(matrix: Matrix, checkpoint: Model, named: Sequence[Model]) -> Fitting:
    fits = [fit for fit in matrix.fits(checkpoint) if fit.verdict.verdict != "incompatible"]
    return Fitting(checkpoint, tuple(fits[:MOST_VAES]), tuple(matrix.fits(checkpoint, named)))


def _by_shape(vae: Model) -> Fit:
    part = vae.artifact.identity.component("vae")
    known = part.latent if part else None
    family = known.family if known else None
    which = f"of the family {family}" if family else "of which family only the weights can tell"
    reason = f"it decodes latents of as many channels, {which}; no checkpoint of them is recorded"
    return Fit(vae, Verdict("unknown", 0.0, ()), reason)


def _possible(model: Model, role: str) -> set[str]:
    part = model.artifact.identity.component(role)
    known = part.latent if part else None
    if known is None:
        return set()
    return {known.family} if known.family else set(known.candidates)


def _is_named(model: Model, small: str, words: set[str], hashes: set[str]) -> bool:
    digests = model.artifact.digests
    short = {digests.autov1, digests.autov3, digests.sha256, digests.blake3}
    starts = (digests.sha256[:10], digests.sha256[:12])
    if short & hashes or any(start in hashes for start in starts):
        return True
    named = any(_stands(name, small, words) for name in _names(model))
    return named or _has_path(model, small, words)


def _names(model: Model) -> set[str]:
    """Names that can mean no other model: file names with their ending, and telling bare ones."""
    names = {os.path.basename(place.path) for place in model.locations}
    names |= {model.name, shown(model.name)}
    return {small for name in names if (small := folded(name)) and _tells(small)}


def _tells(name: str) -> bool:
    stem, ending = os.path.splitext(name)
    if ending in MODEL_SUFFIXES:
        return stem not in _GENERIC
    return name not in _GENERIC and bool(_TELLING.fullmatch(name))


def _stands(name: str, small: str, words: set[str]) -> bool:
    if not words.issuperset(re.findall(r"\w+", name)) or name not in small:
        return False
    bounds = rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)"
    return re.search(bounds, small) is not None


def _has_path(model: Model, small: str, words: set[str]) -> bool:
    return any(_stands(folded(place.path), small, words) for place in model.locations)


def _file_name(model: Model) -> str:
    return folded(os.path.basename(model.path or model.name))
