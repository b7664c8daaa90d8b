"""Models whose VAE holds the same weights, in whatever file: renamed, re-saved or baked in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from .errors import FileError, NotFound
from .judging.reference import vae_file
from .judging.sides import Side, has
from .kinship.kinship import kinship
from .naming import shown
from .values import Model
from .verdicts.pair import SAME_WEIGHTS
from .weights import open_weights


@dataclass(frozen=True, slots=True)
class Twin:
    """Another content with the same VAE weights."""

    model: Model
    baked: bool
    """It is a checkpoint that carries the VAE."""


def content_of(model: Model) -> str | None:
    """The content digest of a model's VAE; None where it has none or was not read."""
    vae = model.artifact.identity.component("vae")
    return vae.content if vae else None


def twins(model: Model, models: Sequence[Model]) -> list[Twin]:
    """Every other content with the same VAE weights, published ones and files of VAEs first.

    The content digest finds them; where both files are there, a few small tensors confirm it, since
    the digest may miss a change that moves no sign.
    """
    content = content_of(model)
    own = model.artifact.digests.sha256
    found = [
        Twin(other, has(other, "denoiser"))
        for other in models
        if content is not None
        and content_of(other) == content
        and other.artifact.digests.sha256 != own
        and _confirmed(model, other)
    ]
    found.sort(key=lambda twin: (twin.model.artifact.known_as is None, twin.baked, twin.model.name))
    return found


def groups(models: Sequence[Model]) -> list[list[Model]]:
    """VAE files of one content each, where there are several: what could be deleted."""
    alike: dict[str, list[Model]] = defaultdict(list)
    for model in models:
        content = content_of(model)
        if content is not None and not has(model, "denoiser"):
            alike[content].append(model)
    return [group for group in alike.values() if len(group) > 1]


def introductions(models: Sequence[Model], newcomers: AbstractSet[str]) -> Iterable[str]:
    """A sentence for each newly recorded VAE file that the registry knows by its weights.

    ``newcomers`` are SHA-256s.
    """
    for model in models:
        if model.artifact.digests.sha256 in newcomers and not has(model, "denoiser"):
            known = next(iter(twins(model, models)), None)
            if known is not None:
                yield f"{shown(model.name)} {_is(known)}"


def _is(twin: Twin) -> str:
    published = twin.model.artifact.known_as
    if twin.baked:
        return f"holds the same weights as the VAE baked into {shown(twin.model.name)}"
    if published:
        return f"is {shown(published)} under another name, saved anew"
    return f"holds the same weights as {shown(twin.model.name)}, saved anew"


def _confirmed(one: Model, other: Model) -> bool:
    first, second = vae_file(Side.of(one)), vae_file(Side.of(other))
    if first is None or second is None:
        return True
    try:
        with (
            open_weights(first.path, first.prefix) as mine,
            open_weights(second.path, second.prefix) as theirs,
        ):
            return kinship(mine, theirs, thorough=False).relation in (SAME_WEIGHTS, None)
    except (FileError, NotFound):
        return False
