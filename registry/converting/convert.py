"""One VAE written anew: chosen, planned, copied tensor by tensor, proved equal, recorded as kin."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import Unreadable, UnsupportedFormat
from ..families import family
from ..formats.local import stamp_of
from ..intake import Taken, renamed, take_in
from ..judging.settling import BY_KIN, of_family, with_latent
from ..judging.sides import Side
from ..kinship.kinship import kinship
from ..naming import shown
from ..soundness.content import Measure, content_of, owned
from ..values import Artifact, Component, Latent, Notice
from ..verdicts.pair import SAME_WEIGHTS
from ..walk import folder_stamp
from ..weights import Weights, open_weights
from .config import config_of
from .facts import GROUPS, Facts, facts_of
from .fading import reads_back, require_unfaded
from .numbers import DTYPES
from .placing import Place, published, room_for
from .spelling import Plan, planned
from .writing import Progress, size_of, write

WEIGHTS_NAME, CONFIG_NAME = "diffusion_pytorch_model.safetensors", "config.json"
"""Of a diffusers folder (huggingface/diffusers src/diffusers/utils/constants.py)."""

_DECLARED = "modelspec."
_STALE = "modelspec.hash_sha256"
"""The one declaration that another layout makes untrue (Stability-AI/ModelSpec)."""
_SETTLING = ("known-hash", "weights", "kinship")


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted."""

    layout: str
    """One of ``spelling.LAYOUTS``."""
    place: Place
    dtype: str = "keep"
    """A key of ``numbers.DTYPES``."""
    family: str | None = None
    """The user's word for the latent family, where the weights' is open."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was made, and what it was made of."""

    taken: Taken
    """The result as it was read back."""
    source: Component
    left_out: tuple[str, ...]
    """Tensors of the source that are no part of its VAE."""
    warnings: tuple[Notice, ...]

    @property
    def path(self) -> str:
        """The file, or the diffusers folder."""
        return self.taken.location.path

    @property
    def vae(self) -> Component:
        """The result's only component."""
        vae = self.taken.artifact.identity.component("vae")
        assert vae is not None
        return vae


def convert(side: Side, order: Order, progress: Progress | None = None) -> Converted:
    """Write the VAE of a file or folder on this machine anew; from a checkpoint the baked-in one.

    The result is read back and its weights compared before it gets its name; a run that fails
    leaves nothing. Raises ``UnsupportedFormat`` where there is no such VAE, layout or config, or
    the type cannot hold its numbers, ``UsageError``, ``NoSpace``, ``FileError`` and ``NotFound``.
    """
    vae = source_of(side)
    assert side.path is not None
    with open_weights(side.path, vae.prefix) as weights:
        plan = planned(weights, vae, order.layout, _foreign(side.artifact, vae, weights))
        kept = replace(
            weights, pieces={entry.source: weights.pieces[entry.source] for entry in plan.entries}
        )
        facts = facts_of(kept, side.artifact, order.family)
        return _Conversion(side, vae, order, kept, plan, facts).run(progress)


def source_of(side: Side) -> Component:
    """The VAE of a model on this machine; raises ``UnsupportedFormat`` where it has none."""
    identity = side.artifact.identity
    vae = identity.component("vae")
    if side.path is None:
        raise UnsupportedFormat(
            f"{shown(side.ref or side.name)} is not on this machine",
            f"vaereg pull {shown(side.ref or side.name)} fetches it",
        )
    if vae is not None and vae.parts:
        return vae
    kind = identity.kind.replace("_", " ")
    what = "not a model that vaereg recognises" if kind == "unknown" else f"of kind {kind}"
    why = next((f" ({note.message})" for note in identity.all_notices), "")
    raise UnsupportedFormat(
        f"{shown(side.path)} is {what}: it holds no VAE to convert{why}",
        "vaereg inspect tells what a file is",
    )


@dataclass(slots=True)
class _Conversion:
    """One conversion, planned."""

    side: Side
    vae: Component
    order: Order
    weights: Weights
    """The tensors that are kept."""
    plan: Plan
    facts: Facts

    def run(self, progress: Progress | None) -> Converted:
        """Write, prove and name it."""
        weights, plan, place = self.weights, self.plan, self.order.place
        config = config_of(weights, self.vae, self.facts) if place.folder else None
        dtype = DTYPES[self.order.dtype]
        with room_for(place, size_of(weights, plan.entries, dtype)):
            part = place.part
            file = os.path.join(part, WEIGHTS_NAME) if config is not None else part
            measures = write(file, weights, plan.entries, dtype, self._metadata(), progress)
            if config is not None:
                with open(os.path.join(part, CONFIG_NAME), "w", encoding="utf-8") as text:
                    json.dump(config, text, indent=2, sort_keys=True)
                    text.write("\n")
            taken, notes = _proved(take_in(part), weights, measures, plan, dtype)
            path = published(place)
        stamp = folder_stamp(path) if place.folder else stamp_of(os.stat(path))
        taken = renamed(taken, path, stamp)
        artifact = _settled(taken.artifact, self.vae.latent or Latent())
        notes += (*self._remarks(), *artifact.identity.all_notices)
        return Converted(replace(taken, artifact=artifact), self.vae, plan.left_out, notes)

    def _metadata(self) -> dict[str, str]:
        """What the file says of itself; a checkpoint's declarations are not its VAE's."""
        told: dict[str, str] = {"format": "pt"}
        if self.side.artifact.identity.component("denoiser") is None:
            told |= {
                key: value
                for key, value in self.weights.metadata.items()
                if key.startswith(_DECLARED) and key != _STALE and isinstance(value, str)
            }
        if self.facts.groups != GROUPS:
            told["norm_num_groups"] = str(self.facts.groups)
        return told | {
            "vaereg.source_sha256": self.side.artifact.digests.sha256,
            "vaereg.layout": self.order.layout,
            "vaereg.dtype": self.order.dtype,
        }

    def _remarks(self) -> Sequence[Notice]:
        notes: list[Notice] = []
        latent = self.vae.latent or Latent()
        facts = self.facts
        if facts.fp16_safe is False and self.order.dtype == "fp16":
            says = "its decodes are published as overflowing in half precision: expect black ones"
            notes.append(Notice("fp16_unsafe", f"{says}; run it in float32 or bfloat16"))
        if self.order.place.folder and facts.family and latent.scaling_determined_by == "config":
            notes += _rescaled(latent, facts.family)
        return notes


def _rescaled(latent: Latent, chosen: str) -> Sequence[Notice]:
    """What to say where the source's config states another scaling than the family's."""
    row = family(chosen)
    stated, published_one = latent.scaling_factor, row.scaling_factor
    if None in (stated, published_one) or abs((stated or 0) - (published_one or 0)) < 1e-4:
        return ()
    says = f"its config said a scaling factor of {stated:g}; {published_one:g} was written"
    return (Notice("scaling_corrected", f"{says}, as {chosen} latents have it"),)


def _foreign(artifact: Artifact, vae: Component, weights: Weights) -> frozenset[str]:
    """Names below the VAE's prefix that belong to another component of the file."""
    if os.path.isdir(weights.name):
        return frozenset()
    shares = owned(artifact.identity.components, (vae.prefix + name for name in weights.pieces))
    cut = len(vae.prefix)
    return frozenset(
        name[cut:] for part, names in shares if part not in (None, vae) for name in names
    )


def _proved(
    taken: Taken, kept: Weights, measures: Mapping[str, Measure], plan: Plan, dtype: str | None
) -> tuple[Taken, tuple[Notice, ...]]:
    """The result as it was read back, once its weights are known to be the source's.

    Raises ``UnsupportedFormat`` where rounding made others of them, else ``Unreadable``.
    """
    vae = taken.artifact.identity.component("vae")
    if vae is not None and vae.content is not None and vae.content == content_of(measures):
        return taken, ()
    with open_weights(taken.location.path, vae.prefix if vae else "") as made:
        found = kinship(kept, made)
    ruined = any(
        held.figures and (held.figures.nan or held.figures.inf) for held in measures.values()
    )
    alike = found.relation == SAME_WEIGHTS
    with open_weights(taken.location.path) as made:
        if not alike and (found.relation is None or ruined):
            # Kinship cannot tell: every byte must be what the source's numbers make.
            alike = reads_back(kept, made, plan.entries, dtype)
        if not alike:
            require_unfaded(kept, made, plan.entries, dtype)
    if vae is None or not alike:
        raise Unreadable(
            f"what was written of {shown(kept.name)} does not read back as the same VAE; it was"
            " removed",
            "check the disk and its memory, then run the command again",
        )
    says = "rounding moved its content digest, so that the registry does not list it as the same"
    return taken, (Notice("content_moved", says),)


def _settled(artifact: Artifact, known: Latent) -> Artifact:
    """The result's family as its source's weights tell it, where its own header leaves it open."""
    vae = artifact.identity.component("vae")
    latent = vae.latent if vae else None
    if latent is None or known.family is None or known.determined_by not in _SETTLING:
        return artifact
    if latent.family not in (None, known.family) or latent.determined_by not in (None, "config"):
        return artifact
    return with_latent(artifact, of_family(latent, known.family, "kinship", BY_KIN))


def dtype_in(vae: Component) -> str:
    """The float type of most of a VAE's numbers."""
    return vae.dtypes[0] if vae.dtypes else ""
