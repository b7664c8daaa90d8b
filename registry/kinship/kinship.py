"""How two VAEs are related, told from their weights: copies, finetunes, strangers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import FileError, NotFound
from ..families import family
from ..halves import DECODER, ENCODER
from ..identify.view import View
from ..measures import VaeFile
from ..naming import display_name, shown
from ..thresholds import thresholds
from ..verdicts.pair import (
    ALTERED_LATENTS,
    KIN,
    OTHER_DECODER,
    SAME_ENCODER,
    SAME_LINEAGE,
    SAME_WEIGHTS,
    SWAPPED_LATENTS,
    UNCLEAR,
    UNRELATED,
)
from ..weights import Weights, itemsize, open_weights
from .compared_halves import Half, Subject, compare, same_shapes, statistics_differ

Halves = Mapping[str, Half]


@dataclass(frozen=True, slots=True)
class Kinship:
    """How one VAE is related to another."""

    relation: str | None
    """See ``kinship``; None where nothing could be compared."""
    encoder_cosine: float | None
    """Over all weights compared but those at the latents; None where no encoder was compared."""
    decoder_cosine: float | None
    compared: int
    """Tensors compared."""
    bytes_read: int
    """From both files, their headers aside."""
    thorough: bool
    """All tensors were compared; False: small ones alone, which can rule kinship out, not in."""
    message: str
    """What the first VAE is to the second, which it names."""

    @property
    def settles(self) -> bool:
        """Whether it proves that both decode one latent space."""
        return self.thorough and self.relation in KIN


@dataclass(frozen=True, slots=True)
class Relative:
    """The VAE that another one is nearest to."""

    vae: VaeFile
    kinship: Kinship


def kinship(one: Weights | Subject, other: Weights | Subject, thorough: bool = True) -> Kinship:
    """How the first VAE is related to the second.

    ``same-weights``: all numbers equal, up to the narrower float type; ``same-encoder``: the
    decoder finetuned; ``same-lineage``: both halves finetuned; ``altered-latents``: kin, but a
    latent channel is made or taken otherwise; ``other-decoder``: kin encoders alone; ``unrelated``;
    ``unclear``. A half that either lacks, or that is of other shapes, is left out. A few 100 KB of
    small tensors rule kinship out; where they do not, ``thorough`` compares all tensors, block by
    block. Raises ``Unreadable``.
    """
    first, second = (it if isinstance(it, Subject) else Subject(it) for it in (one, other))
    before = first.bytes_read + second.bytes_read
    shared = [half for half in (ENCODER, DECODER) if same_shapes(first, second, half)]
    found = _compared(first, second, shared, False)
    relation = _relation(first, second, found)
    deep = thorough and relation not in (None, UNRELATED)
    if deep:
        found = _compared(first, second, shared, True)
        relation = _relation(first, second, found)
    encoder, decoder = (
        found[half].cosine if half in found else None for half in (ENCODER, DECODER)
    )
    tensors = sum(half.tensors for half in found.values())
    read = first.bytes_read + second.bytes_read - before
    message = _message(relation, first, second, found)
    return Kinship(relation, encoder, decoder, tensors, read, deep, message)


def between(one: VaeFile, other: VaeFile, thorough: bool = True) -> Kinship:
    """How the VAE in one file is related to that in another, as ``kinship`` tells it.

    Raises ``NotFound`` and ``FileError``.
    """
    with open_weights(one.path, one.prefix) as weights:
        return _to_file(weights, other, thorough)


def nearest(vae: Weights, others: Iterable[VaeFile]) -> Relative | None:
    """The one of several VAEs of known family that a VAE is kin to; None where it is to none.

    All are compared by small tensors, the nearest then thoroughly. A VAE that is merely of the
    lineage of two latent spaces is kin to neither for certain: its relation is ``unclear``. Files
    that cannot be read are passed over. Raises ``Unreadable`` for the VAE itself.
    """
    subject = Subject(vae)
    quick = [found for other in others if (found := _relative(subject, other, False))]
    near = sorted((it for it in quick if it.kinship.relation in KIN), key=_rank)
    for found in near:
        sure = _relative(subject, found.vae, True)
        if sure is None or not sure.kinship.settles:
            continue
        spaces = {family(it.vae.family).space for it in near if it.vae.family}
        if sure.kinship.relation == SAME_LINEAGE and len(spaces) > 1:
            said = "of the lineage of VAEs of several latent spaces"
            return Relative(sure.vae, replace(sure.kinship, relation=UNCLEAR, message=said))
        return sure
    return None


def _relative(subject: Subject, other: VaeFile, thorough: bool) -> Relative | None:
    try:
        return Relative(other, _to_file(subject, other, thorough))
    except (FileError, NotFound):
        return None


def _to_file(one: Weights | Subject, other: VaeFile, thorough: bool) -> Kinship:
    with open_weights(other.path, other.prefix) as weights:
        return kinship(one, weights, thorough)


def _rank(found: Relative) -> tuple[int, float, str]:
    """Nearest first; the name decides between equals."""
    it = found.kinship
    cosines = (it.encoder_cosine or 0.0) + (it.decoder_cosine or 0.0)
    return KIN.index(it.relation or ""), -cosines, found.vae.path


def _compared(one: Subject, other: Subject, shared: Sequence[str], thorough: bool) -> Halves:
    found = ((half, compare(one, other, half, thorough)) for half in shared)
    return {half: likeness for half, likeness in found if likeness is not None}


def _relation(one: Subject, other: Subject, found: Halves) -> str | None:
    """The rule of ``kinship`` on what the halves are like; anything in doubt is ``unclear``."""
    encoder, decoder = found.get(ENCODER), found.get(DECODER)
    lead = encoder or decoder
    if lead is None or (encoder is None and _both_have(one, other, ENCODER)):
        return None
    if not all(half.finite for half in found.values()):
        return UNCLEAR
    if lead.cosine <= thresholds("kinship")["unrelated"]:
        return UNCLEAR if lead is encoder and decoder and decoder.near else UNRELATED
    if not lead.near:
        return UNCLEAR
    if decoder is None and one.halves.decoder:
        return OTHER_DECODER if other.halves.decoder else UNCLEAR
    if decoder is not None and not decoder.near:
        return OTHER_DECODER
    return _kin(one, other, encoder, decoder)


def _kin(one: Subject, other: Subject, encoder: Half | None, decoder: Half | None) -> str:
    """How near those are whose every weight is near."""
    shared = [half for half in (encoder, decoder) if half]
    if statistics_differ(one, other) or any(half.altered and not half.equal for half in shared):
        swapped = any(half.disarranged for half in shared)
        return SWAPPED_LATENTS if swapped else ALTERED_LATENTS
    if all(half.equal for half in shared):
        return SAME_WEIGHTS
    return SAME_ENCODER if encoder and encoder.equal else SAME_LINEAGE


def _both_have(one: Subject, other: Subject, half: str) -> bool:
    return bool(one.halves.of(half) and other.halves.of(half))


_SAID = {
    None: "cannot be compared with {name}: other shapes, no half in common, or no plain numbers",
    SAME_WEIGHTS: "same weights as {name}",
    SAME_ENCODER: "decoder finetuned from {name}, the encoder is the same",
    SAME_LINEAGE: "finetuned from {name}, or both from one origin",
    ALTERED_LATENTS: "nearly all weights are near those of {name}, but not those of every latent "
    "channel: it may be another latent space",
    SWAPPED_LATENTS: "nearly all weights are near those of {name}, but latent channels are swapped "
    "or negated",
    OTHER_DECODER: "its encoder is kin to that of {name}, its decoder is not",
    UNRELATED: "unrelated to {name}",
    UNCLEAR: "neither clearly kin to {name} nor clearly unrelated",
}


def _message(relation: str | None, one: Subject, other: Subject, found: Halves) -> str:
    said = _SAID[relation].format(name=shown(display_name(other.weights.name)))
    if not all(half.finite for half in found.values()):
        said += ": one of them holds numbers that are not finite"
    if relation == SAME_WEIGHTS:
        said += _in_width(one, other)
    if len(found) == 1 and relation is not None:
        said += f" (only the {next(iter(found))}s were compared)"
    return said


def _in_width(one: Subject, other: Subject) -> str:
    """What to add about the float types of two VAEs of the same weights."""
    mine, theirs = _width(one), _width(other)
    word = _WIDTHS.get(min(mine, theirs), "less width")
    if mine == theirs:
        return ""
    return f", in {word}" if mine < theirs else f", which is kept in {word}"


_WIDTHS = {4: "single precision", 2: "half precision", 1: "8-bit floats"}


def _width(subject: Subject) -> int:
    """Bytes of a number of most of its tensors."""
    dtype = View(subject.weights.tensors).dtypes()[0]
    return itemsize(dtype) or 0
