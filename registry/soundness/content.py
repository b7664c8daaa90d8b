"""One digest for the same weights in whatever container, layout, prefix or float type they lie.

No digest that sees more of a number than its sign can be certain to be equal for a float32 tensor
and its float16 and bfloat16 copies: the intervals that either type rounds to one number overlap,
and link all numbers of one sign together. So the digest is made of

- per tensor, by canonical name: the shape without extents of 1, and a BLAKE3 of the sign bits of
  all its numbers. Signs survive every rounding, an underflow to -0.0 too; NaN counts as positive;
- for the whole component one coarse magnitude: the sum over the float tensors of
  ``w * min(1, sqrt(numbers / 4096)) * log2(L2 norm)``, where w lies between a half and one by the
  tensor's name and has either sign (``_WEIGHTS`` says why). It is cut into steps of 1/32, on a
  grid that the signs shift, so that a model of powers of two does not stand on a step's edge;
- integer tensors by value, quantised ones by type and bytes.

Taken as equal: container, layout (``layouts.canonical_names``; of tiny autoencoders
``halves.halves``), key prefix, order of the tensors, [C, C] and [C, C, 1, 1], float64, float32,
float16 and bfloat16, integer width. What training leaves beside a VAE (``loss.*``,
``model_ema.*``) and ``num_batches_tracked`` are left out.

Lost: a change that flips no sign among all numbers and moves the magnitude by less than a step (a
large tensor scaled by up to 2 to 4 %, a bias of three numbers by far more), and the place of a
change of magnitude. A copy may miss its original's digest although its signs agree, where
rounding carries the magnitude over a step's edge; measured on the weights of madebyollin/taesd
(six halves) and on AutoencoderKLs of random weights, full-size and small, over 20 choices of w:
float16 0.1 %, bfloat16 0.3 to 1.5 %, float8_e4m3fn 10 to 30 %, nearly always for weights so small
(standard deviation below 0.005) that float8 has few values left for them. So different digests do
not prove other weights: kinship decides. Nothing here resists one who forges weights on purpose.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..halves import halves
from ..identify.vae_tables import LEFTOVERS
from ..identify.view import View
from ..layouts import canonical_names
from ..values import Component, Tensor
from ..weights import Piece, Weights
from .tally import Figures

STEP = 1 / 32
"""Steps of the magnitude, in powers of two: one large tensor scaled by 4.5 % always moves it."""

_WEIGHTS = 4096
"""Numbers from which on a tensor weighs fully: rounding moves the norm of fewer ones by more. The
changing signs cancel what rounding adds to all norms alike (the variance of rounding itself), and
the changing sizes keep two tensors scaled alike from cancelling each other."""

_VERSION = b"vaereg content 1\n"
_COUNTERS = "num_batches_tracked"


@dataclass(frozen=True, slots=True)
class Measure:
    """A tensor, where it lies, and what its numbers came to."""

    piece: Piece
    figures: Figures | None
    """None where they could not be read."""

    @property
    def tensor(self) -> Tensor:
        """The tensor's description."""
        return self.piece.tensor


def content_of(measures: Mapping[str, Measure]) -> str | None:
    """The digest of one component, its tensors by their names below its prefix.

    64 hexadecimal digits; None where a tensor could not be read or none holds floats.
    """
    held = {name: measures[name] for name in measures if not name.startswith(LEFTOVERS)}
    canonical = _canonical_names({name: measure.piece for name, measure in held.items()})
    return _digest({canonical[name]: measure for name, measure in held.items()})


def _canonical_names(pieces: Mapping[str, Piece]) -> dict[str, str]:
    """File name -> LDM's name for KL autoencoders, madebyollin/taesd's for tiny ones."""
    usual = canonical_names(View({name: piece.tensor for name, piece in pieces.items()}))
    found = halves(Weights("", pieces))
    names = usual | {
        name: canonical
        for half in (found.encoder, found.decoder)
        for canonical, name in half.items()
    }
    return names if len(set(names.values())) == len(names) else usual


def content_of_file(components: Sequence[Component], measures: Mapping[str, Measure]) -> str | None:
    """The digest of a whole file or folder, its tensors by their names in it.

    A file of one VAE alone has the VAE's digest. Any other: the VAE's digest is one entry, and the
    other tensors follow under their names below their component's prefix, after the component's
    architecture, so that a checkpoint's digest does not depend on how its prefixes are spelt.
    """
    owners = owned(components, measures)
    vae = next((part for part in components if part.role == "vae"), None)
    own: str | None = None
    rest: dict[str, Measure] = {}
    for place, (part, names) in enumerate(owners):
        cut = len(part.prefix) if part else 0
        held = {name[cut:]: measures[name] for name in names}
        if part is not None and part is vae:
            own = content_of(held)
            if own is None:
                return None
        else:
            stem = f"{part.architecture}/{_alike(owners, place)}/" if part else ""
            rest |= {stem + name: measure for name, measure in held.items()}
    return _digest(rest, own) if rest else own


def owned(
    components: Sequence[Component], names: Iterable[str]
) -> list[tuple[Component | None, list[str]]]:
    """The names of a file's tensors by the component whose prefix fits best; None owns the rest."""
    ordered = sorted(components, key=lambda part: len(part.prefix), reverse=True)
    shares: list[tuple[Component | None, list[str]]] = [
        *((part, []) for part in ordered),
        (None, []),
    ]
    for name in names:
        fitting = (share for part, share in shares if part is None or name.startswith(part.prefix))
        next(fitting).append(name)
    return shares


def _alike(owners: Sequence[tuple[Component | None, list[str]]], place: int) -> int:
    """How many components of the same architecture stand before one."""
    part = owners[place][0]
    before = (other for other, _ in owners[:place])
    return sum(bool(part and other and other.architecture == part.architecture) for other in before)


def _digest(measures: Mapping[str, Measure], vae: str | None = None) -> str | None:
    """Signs, values and magnitude of tensors by their canonical names."""
    from blake3 import blake3

    digest = blake3(_VERSION)
    magnitude = 0.0
    floats = 0
    for name in sorted(measures):
        if name.endswith(_COUNTERS):
            continue
        tensor, figures = measures[name].tensor, measures[name].figures
        if figures is None:
            return None
        digest.update(_entry(name, tensor, figures))
        floats += figures.kind == "float" and tensor.parameters > 0
        magnitude += _magnitude(name, tensor, figures)
    if not floats and vae is None:
        return None
    digest.update(f"vae {vae}\n".encode())
    shift = int.from_bytes(digest.digest()[:4], "little") / 2**32
    digest.update(struct.pack("<q", math.floor(magnitude / STEP + shift)))
    return digest.hexdigest()


def _entry(name: str, tensor: Tensor, figures: Figures) -> bytes:
    """What is hashed of a tensor; lengths stand before what has no fixed one."""
    told = name.encode("utf-8", "surrogatepass")
    shape = [extent for extent in tensor.shape if extent != 1]
    kind = tensor.dtype if figures.kind == "raw" else figures.kind
    head = f"{len(told)} {kind} {shape}\n".encode()
    return head + told + figures.mark


def _magnitude(name: str, tensor: Tensor, figures: Figures) -> float:
    """What a float tensor adds to the sum; nothing where it is zero or holds NaN or infinity."""
    if figures.kind != "float" or figures.nan or figures.inf:
        return 0.0
    if not 0 < figures.squares < math.inf:
        return 0.0
    from blake3 import blake3

    chance = blake3(name.encode("utf-8", "surrogatepass")).digest()
    size = 0.5 + chance[1] / 512
    weight = (size if chance[0] & 1 else -size) * min(1.0, math.sqrt(tensor.parameters / _WEIGHTS))
    return weight * math.log2(figures.squares) / 2
