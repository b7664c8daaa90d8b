"""One half of a VAE beside the same half of another: by small tensors, or by all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..halves import DECODER, halves
from ..thresholds import thresholds
from ..values import Tensor
from ..weights import Weights
from . import compared_channels as channels
from .compared_tensors import Likeness, comparable, compared, likeness, read_small, squeezed

if TYPE_CHECKING:
    from .compared_channels import Convolution, Floats

    Rows = tuple[Floats | None, Floats | None]

SMALL = 4 << 20
"""Bytes up to which a tensor is small."""
_INNER = 2
"""Small weights compared of each half, beside those at the latents."""
_SUBSTANTIAL = 1024
"""Numbers from which chance hardly makes two weights alike."""
_COUNTING = 8
"""Numbers from which a tensor's length counts by itself."""
_TELLING = 64
"""Numbers from which its direction does."""


class Subject:
    """A VAE to be compared with others; its small tensors are read once."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.halves = halves(weights)
        self._small: dict[str, Floats] = {}

    @property
    def bytes_read(self) -> int:
        """Fetched so far from the files that hold its tensors."""
        return sum(
            {it.source: it.source.bytes_read for it in self.weights.pieces.values()}.values()
        )

    def tensor(self, half: str, name: str) -> Tensor:
        """A tensor's description by its canonical name."""
        return self.weights.pieces[self.halves.of(half)[name]].tensor

    def small(self, files: Iterable[str]) -> Mapping[str, Floats]:
        """The values of small tensors by their names in the file."""
        wanted = [name for name in files if name not in self._small]
        self._small |= read_small(self.weights, wanted)
        return self._small

    def at_latents(self, half: str) -> list[str]:
        """Canonical names of the weights and biases where the half meets the latents."""
        weights = [self.halves.weight(half, stem) for stem in self.halves.ends(half)]
        names = [name for name in weights if name]
        biases = [name.removesuffix("weight") + "bias" for name in names]
        return names + [name for name in biases if name in self.halves.of(half)]

    def rows(self, half: str) -> Floats | None:
        """The half's weights at the latents by channel; None for an unknown architecture."""
        import numpy as np

        names = self.at_latents(half)
        if not names or not all(is_small(self.tensor(half, name)) for name in names):
            return None
        files = self.halves.of(half)
        values = self.small(files[name] for name in names)
        steps: list[Convolution] = [
            (values[files[name]], values.get(files.get(name.removesuffix("weight") + "bias", "")))
            for name in names
            if name.endswith("weight")
        ]
        with np.errstate(all="ignore"):
            if half == DECODER:
                return channels.taken_by(steps)
            return channels.made_by(steps, self._count)

    @property
    def _count(self) -> int | None:
        """Latent channels, as the decoder takes them; an encoder alone does not tell."""
        names = [name for name in self.at_latents(DECODER) if name.endswith("weight")]
        shape = self.tensor(DECODER, names[-1]).shape if names else ()
        return shape[1] if len(shape) > 1 else None


@dataclass(frozen=True, slots=True)
class Half:
    """How one half of a VAE is like the other VAE's."""

    cosine: float
    """Over all weights compared but those at the latents."""
    equal: bool
    """Every number, up to the narrower float type."""
    near: bool
    """As near as finetuning leaves every weight."""
    altered: bool
    """A latent channel is made or taken otherwise, or it is not known where that is done."""
    tensors: int
    finite: bool
    disarranged: bool = False
    """A latent channel is another one's, or its own negative."""


def same_shapes(one: Subject, other: Subject, half: str) -> bool:
    """Whether both have the half, with the same tensors of the same shapes."""
    names = one.halves.of(half)
    return (
        bool(names)
        and names.keys() == other.halves.of(half).keys()
        and all(
            squeezed(one.tensor(half, name)) == squeezed(other.tensor(half, name)) for name in names
        )
    )


def compare(one: Subject, other: Subject, half: str, thorough: bool) -> Half | None:
    """One half of two VAEs; None where no number in it can be compared.

    Without ``thorough`` by the tensors at the latents and a few small ones further in.
    """
    names = [
        name
        for name in one.halves.of(half)
        if comparable(one.tensor(half, name), other.tensor(half, name))
    ]
    whole = len(names) == len(one.halves.of(half))
    border = [name for name in one.at_latents(half) if name in names]
    if thorough:
        found = [_streamed(one, other, half, name) for name in names]
    else:
        found = _sampled(one, other, half, [*border, *_inner(one, other, half, names, border)])
    rows = (one.rows(half), other.rows(half)) if whole else (None, None)
    return _folded(found, set(border), whole, rows)


def statistics_differ(one: Subject, other: Subject) -> bool:
    """Whether both keep statistics of their latents, and other ones: another normalisation."""
    files = [
        name
        for name in one.halves.statistics.keys() & other.halves.statistics.keys()
        if comparable(one.weights.pieces[name].tensor, other.weights.pieces[name].tensor)
        and one.weights.pieces[name].tensor.nbytes <= SMALL
    ]
    mine, theirs = one.small(files), other.small(files)
    limit = thresholds("kinship")["statistics"]
    return any(channels.apart(mine[name], theirs[name]) > limit for name in files)


def _inner(
    one: Subject, other: Subject, half: str, names: Sequence[str], border: Sequence[str]
) -> list[str]:
    """A few small weights away from the latents."""
    sizes = {
        name: one.tensor(half, name).parameters
        for name in names
        if name not in border
        and is_small(one.tensor(half, name))
        and is_small(other.tensor(half, name))
        and len(squeezed(one.tensor(half, name))) > 1
    }
    order = sorted(sizes, key=lambda name: (sizes[name] < _SUBSTANTIAL, sizes[name], name))
    return order[:_INNER]


def is_small(tensor: Tensor) -> bool:
    """Whether a tensor may be read whole."""
    return tensor.nbytes <= SMALL


def _sampled(one: Subject, other: Subject, half: str, names: Sequence[str]) -> list[Likeness]:
    names = [
        name
        for name in names
        if is_small(one.tensor(half, name)) and is_small(other.tensor(half, name))
    ]
    files, others = one.halves.of(half), other.halves.of(half)
    mine = one.small(files[name] for name in names)
    theirs = other.small(others[name] for name in names)
    return [
        likeness(
            name,
            one.tensor(half, name),
            other.tensor(half, name),
            [(mine[files[name]].ravel(), theirs[others[name]].ravel())],
        )
        for name in names
    ]


def _streamed(one: Subject, other: Subject, half: str, name: str) -> Likeness:
    mine, theirs = one.halves.of(half)[name], other.halves.of(half)[name]
    return compared(name, (one.weights, mine), (other.weights, theirs))


def _folded(found: Sequence[Likeness], border: set[str], whole: bool, rows: Rows) -> Half | None:
    limits = thresholds("kinship")
    inner = [it for it in found if it.name not in border]
    weights = [it for it in inner if it.dimensions > 1]
    finite = all(it.finite for it in found)
    own, other = math.fsum(it.own for it in weights), math.fsum(it.other for it in weights)
    if finite and not (own and other):
        return None
    cosine = math.fsum(it.product for it in weights) / math.sqrt(own * other) if finite else 0.0
    near = (
        whole
        and finite
        and cosine >= limits["same_lineage"]
        and _stretch(own, other) <= limits["half_norm"]
        and all(map(_is_near, inner))
    )
    mine, theirs = rows
    altered = mine is None or theirs is None or mine.shape != theirs.shape
    disarranged = False
    if finite and mine is not None and theirs is not None and not altered:
        altered = channels.altered(mine, theirs, math.sqrt(max(0.0, 2 - 2 * cosine)))
        disarranged = altered and channels.disarranged(mine, theirs)
    equal = near and all(map(_is_equal, found))
    return Half(cosine, equal, near, altered, len(found), finite, disarranged)


def _is_equal(found: Likeness) -> bool:
    """Whether one tensor is the other, rounded: rounding leaves a weight's length as it is."""
    loose = found.dimensions < 2 or found.elements < _TELLING or not (found.own or found.other)
    limit = thresholds("kinship")["rounding"]
    return found.equal and (loose or _stretch(found.own, found.other) <= limit)


def _is_near(found: Likeness) -> bool:
    """Whether one tensor is as near as finetuning leaves it; biases may go where they like."""
    limits = thresholds("kinship")
    bias = found.dimensions < 2 and found.name.endswith("bias")
    if bias or found.elements < _COUNTING or not (found.own or found.other):
        return True
    if _stretch(found.own, found.other) > limits["tensor_norm"]:
        return False
    least = limits["tensor"] * math.sqrt(found.own * found.other)
    return found.elements < _TELLING or found.product >= least


def _stretch(own: float, other: float) -> float:
    """The ratio of two lengths, the longer by the shorter, from their squares."""
    return math.sqrt(max(own, other) / min(own, other)) if own and other else math.inf
