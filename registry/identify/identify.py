"""The flow: what a file is, from its header alone. Names of files play no part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..naming import shown
from ..values import Component, Folder, FolderPart, Header, Identity, Notice
from .denoiser import Claim, first_claim, resembling
from .folder_parts import RECOGNISERS, absent_parts, broken, read_part, settled
from .hints import declaration, disagreement, prediction, scheduled
from .others import ADAPTERS, LOOKALIKES, Outline, is_embedding, other_kind
from .pipeline import kind_of_config, makes_sound, pipeline_families
from .split import DENOISER_PREFIXES, Split
from .text_encoder import VISION, find_towers, text_encoder
from .transformer import TRANSFORMERS
from .unet import OUTLINES
from .unet_rows import CASCADE
from .vae import VAE_PREFIXES, examine_vae
from .view import View

STRAY = 60
"""A VAE file may hold so many tensors besides the VAE: sampling tables, statistics, markers."""


class Found(NamedTuple):
    """What the flow made of a file or folder, before the format is put to it."""

    kind: str
    components: tuple[Component, ...] = ()
    notices: tuple[Notice, ...] = ()


def identify(header: Header) -> Identity:
    """The kind and the components of a file.

    Where names and shapes leave the latent family open, it stays open and the candidates list every
    family that is possible. A file that lacks parts of what it claims to be is ``unknown``, with a
    notice of what is missing.
    """
    if not header.tensors:
        notice = Notice("no_tensors", "the file is valid but holds no tensors")
        return Identity(header.format, "unknown", notices=(*header.notices, notice))
    found = _found(Split(header.tensors))
    notices = (*header.notices, *found.notices, *declaration(header, found.components))
    return Identity(header.format, found.kind, found.components, notices)


def identify_folder(folder: Folder) -> Identity:
    """The kind and the components of a diffusers folder: a pipeline or a single component."""
    if not folder.index and len(folder.parts) == 1:
        found = _lone(folder.parts[0])
    else:
        found = _pipeline(folder)
    return Identity("diffusers", found.kind, found.components, (*folder.notices, *found.notices))


def _lone(part: FolderPart) -> Found:
    """The folder of one component: its class and its tensors say what it is."""
    component, notices = read_part(part)
    other = kind_of_config(part.config)
    if component and (other is None or component.role == "text_encoder"):
        kind = "checkpoint" if component.role == "denoiser" else component.role
        return Found(kind, (component,), notices)
    if part.header is None:
        return Found(other or "unknown", notices=notices)
    inside = identify(part.header)
    if other and inside.kind in ("vae", "checkpoint"):
        # A ControlNet's tensors are a UNet's first half: its class says more than they do.
        return Found(other, notices=notices)
    return Found(other or inside.kind, inside.components, inside.notices)


def _pipeline(folder: Folder) -> Found:
    """A pipeline: every part's component, each weighed against the others."""
    read = tuple(read_part(part) for part in folder.parts)
    components = tuple(part.component for part in read if part.component)
    components = settled(components, pipeline_families(folder.index))
    denoiser = next((part for part in components if part.role == "denoiser"), None)
    vae = next((part for part in components if part.role == "vae"), None)
    absent = absent_parts(folder.index, frozenset(part.name for part in folder.parts))
    notices = (
        *(notice for part in read for notice in part.notices),
        *(
            Notice(
                "parts_missing",
                f"model_index.json lists {shown(name)}, but that folder is not there",
            )
            for name in absent
        ),
        *disagreement(denoiser, vae),
        *scheduled(folder),
    )
    if makes_sound(folder.index):
        return Found("audio_model", notices=notices)
    if folder.index or denoiser:
        return Found("checkpoint", components, notices)
    text = any(part.role == "text_encoder" for part in components)
    return Found(_kind(vae is not None, text, False), components, notices)


def _found(split: Split) -> Found:
    """Adapters first, since they have the names of what they adapt; scraps and rarities last."""
    whole = View(split.tensors, split.base)
    outline = Outline(split.tensors)
    adapter = other_kind(ADAPTERS, outline, whole)
    if adapter or is_embedding(whole.tensors.values()):
        return Found(adapter or "embedding")
    claim = first_claim(split.views(DENOISER_PREFIXES), whole, RECOGNISERS)
    if claim and claim.component:
        return _checkpoint(claim.component, split, whole)
    other = other_kind(LOOKALIKES, outline, whole)
    if other:
        return Found(other)
    return Found("unknown", notices=(_damage(claim),)) if claim else _parts(split, whole)


def _damage(claim: Claim) -> Notice:
    """What is wrong with a denoiser: parts that are not there, or shapes that do not fit."""
    if not claim.clashing:
        return broken(claim)
    listed = ", ".join(shown(name, 80) for name in claim.clashing[:5])
    return Notice(
        "inconsistent_shapes",
        f"the names are those of {claim.architecture}, but these shapes do not fit the others:"
        f" {listed}; the file is damaged or badly merged, download it again",
    )


def _checkpoint(denoiser: Component, split: Split, whole: View) -> Found:
    """A denoiser with the VAE and the text encoders that lie beside it."""
    vae, remarks = baked_vae(split, denoiser.prefix)
    texts = tuple(_texts(split, whole, denoiser.prefix.removeprefix(split.base)))
    notices = (
        *remarks,
        *prediction(whole, denoiser.prefix.removeprefix(split.base)),
        *disagreement(denoiser, vae),
    )
    return Found("checkpoint", (denoiser, *((vae,) if vae else ()), *texts), notices)


def baked_vae(split: Split, taken: str) -> tuple[Component | None, tuple[Notice, ...]]:
    """The VAE below one of its prefixes; failing that, what is wrong with its remains."""
    remarks: tuple[Notice, ...] = ()
    for view in split.views(VAE_PREFIXES):
        if view.prefix != taken:
            component, notices = examine_vae(view)
            if component:
                return component, ()
            remarks += notices
    return None, remarks


def _texts(split: Split, whole: View, taken: str) -> Iterator[Component]:
    """The text encoders of a file, but for what lies inside the denoiser itself."""
    for prefix, tower in find_towers(whole):
        inside = prefix.startswith(taken) if taken else prefix in ("", "model.", "llm.")
        component = None if inside else text_encoder(split.below(prefix), tower)
        if component:
            yield component


def _parts(split: Split, whole: View) -> Found:
    """A file without a denoiser: a VAE, text encoders, both, or nothing known."""
    stranger = _unknown_denoiser(split)
    if stranger:
        return Found("unknown", notices=(_resemblance(split) or stranger,))
    vae, remarks = baked_vae(split, "")
    if vae is None:
        vae, more = examine_vae(whole)
        remarks += more
    towers = tuple(find_towers(whole))
    texts = tuple(text_encoder(split.below(prefix), tower) for prefix, tower in towers)
    components = tuple(part for part in (vae, *texts) if part)
    known = sum(part.tensors for part in components)
    if vae and not any(texts) and len(whole) - known > STRAY:
        message = f"besides a VAE the file holds {len(whole) - known} tensors of no known model"
        return Found("unknown", notices=(Notice("unknown_architecture", message),))
    kind = _kind(vae is not None, any(texts), any(tower == VISION for _, tower in towers))
    likeness = _resemblance(split) if kind == "unknown" and not remarks else None
    return Found(kind, components, (*remarks, *((likeness,) if likeness else ())))


def _kind(vae: bool, text: bool, vision: bool) -> str:
    if vae:
        return "bundle" if text else "vae"
    return "text_encoder" if text else "clip_vision" if vision else "unknown"


def _resemblance(split: Split) -> Notice | None:
    """What a file lacks of the denoiser that it has most of."""
    table = (*TRANSFORMERS, *CASCADE, *OUTLINES)
    claims = (resembling(table, view) for view in split.views(DENOISER_PREFIXES))
    claim = next((claim for claim in claims if claim), None)
    return broken(claim) if claim else None


def _unknown_denoiser(split: Split) -> Notice | None:
    """A notice where a denoiser's usual prefix holds what no signature knows."""
    for view in split.views(DENOISER_PREFIXES[:3]):
        message = f"the {len(view)} tensors below {shown(view.prefix)} fit no known denoiser"
        return Notice("unknown_architecture", message)
    return None
