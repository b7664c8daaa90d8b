"""Models whose VAE holds the same weights, in whatever file: renamed, re-saved or baked in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from .errors import FileError, NotFound
from .judging.sides import Side, has
from .naming import shown
from .values import Model
from .verdicts.pair import SAME_WEIGHTS


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
    return list(_twins(model, _ranked(models)))


def groups(models: Sequence[Model]) -> list[list[Model]]:
    """VAE files of one content each, where there are several: what could be deleted."""
    files = [model for model in models if not has(model, "denoiser")]
    return [group for group in _by_content(files).values() if len(group) > 1]


def introductions(models: Sequence[Model], newcomers: AbstractSet[str]) -> Iterable[str]:
    """A sentence for each newly recorded VAE file that the registry knows by its weights.

    ``newcomers`` are SHA-256s.
    """
    alike = _ranked(models)
    for model in models:
        if model.artifact.digests.sha256 in newcomers and not has(model, "denoiser"):
            known = next(_twins(model, alike), None)
            if known is not None:
                yield f"{shown(model.name)} {_is(known)}"


def _by_content(models: Iterable[Model]) -> dict[str, list[Model]]:
    """Models by the content digest of their VAE; those without one are left out."""
    alike: dict[str, list[Model]] = defaultdict(list)
    for model in models:
        content = content_of(model)
        if content is not None:
            alike[content].append(model)
    return alike


def _ranked(models: Iterable[Model]) -> dict[str, list[Model]]:
    """Models by content, those that best tell what it is first."""

    def rank(model: Model) -> tuple[bool, bool, str]:
        return model.artifact.known_as is None, has(model, "denoiser"), model.name

    return {content: sorted(group, key=rank) for content, group in _by_content(models).items()}


def _twins(model: Model, alike: Mapping[str, Sequence[Model]]) -> Iterator[Twin]:
    """The confirmed ones of the models of its content, each confirmed when it is asked for."""
    content = content_of(model)
    own = model.artifact.digests.sha256
    for other in alike.get(content, ()) if content is not None else ():
        if other.artifact.digests.sha256 != own and _confirmed(model, other):
            yield Twin(other, has(other, "denoiser"))


def _is(twin: Twin) -> str:
    published = twin.model.artifact.known_as
    if twin.baked:
        return f"holds the same weights as the VAE baked into {shown(twin.model.name)}"
    if published:
        return f"is {shown(published)} under another name, saved anew"
    return f"holds the same weights as {shown(twin.model.name)}, saved anew"


def _confirmed(one: Model, other: Model) -> bool:
    # Only models of equal content are opened: most runs never need what opens and compares them.
    from .judging.reference import vae_file
    from .kinship.kinship import between

    first, second = vae_file(Side.of(one)), vae_file(Side.of(other))
    if first is None or second is None:
        return True
    try:
        return between(first, second, thorough=False).relation in (SAME_WEIGHTS, None)
    except (FileError, NotFound):
        return False
