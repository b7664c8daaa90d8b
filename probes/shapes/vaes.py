"""VAEs for the small checkpoint: the one that it was trained on, and one for each thing wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...registry.samples.closed_form import weights
from ...registry.samples.colours import grey, scaling_of, table_of
from ...registry.samples.faults import with_nan
from ...registry.samples.files import metadata_of, renamed, safetensors
from ...registry.samples.plan import Plan

if TYPE_CHECKING:
    from ...registry.samples.stream import Weights

FAMILY = "sd1"
"""Whose latents the checkpoint draws."""
WIDTHS, GROUPS = (16, 24, 32, 32), 4
_OWN, _TWIN, _STRANGER = 11, 12, 13
"""Lineages."""


@dataclass(frozen=True, slots=True)
class ShapeVae:
    """One VAE: how it differs from the checkpoint's own."""

    what: str
    seed: int = _OWN
    family: str = FAMILY
    """Whose latent space it decodes."""
    normalised_as: str | None = None
    """The family whose scaling factor it was trained with; None: its own family's."""
    vivid: float = 0.0
    """How much further from grey its decoder puts the colours."""
    grey: bool = False
    """Whether its decoder knows brightness alone."""
    peak: float = 10.0
    """Largest activation; half precision ends at 65504."""
    nan: str | None = None
    """The tensor of which one number is NaN."""


VAES = {
    "own": ShapeVae("the VAE that the checkpoint was trained on"),
    "twin": ShapeVae("another VAE of the same latent space, trained apart", seed=_TWIN),
    "vivid": ShapeVae("its decoder finetuned to stronger colours", vivid=0.4),
    "grey": ShapeVae("its decoder draws no colours", grey=True),
    "foreign": ShapeVae("a VAE of another latent space", _STRANGER, family="sdxl"),
    "scaled": ShapeVae("it expects latents of another scale", normalised_as="sdxl"),
    "overflow": ShapeVae("right, but for half precision", peak=120_000.0),
    "nan": ShapeVae("one weight is not a number", nan="decoder.mid.block_1.conv1.weight"),
}


def plan_of(vae: str, widths: tuple[int, ...] = WIDTHS, groups: int = GROUPS) -> Plan:
    """The closed form of one of ``VAES``; ``KeyError`` for a name that is not there."""
    row = VAES[vae]
    table = table_of(row.family)
    return Plan(
        table,
        scaling_of(row.normalised_as or row.family),
        widths,
        groups,
        seed=row.seed,
        decoder_factors=grey(table) if row.grey else None,
        vivid=row.vivid,
        peak=row.peak,
    )


def tensors_of(vae: str) -> Weights:
    """Its float32 weights in the LDM layout."""
    made = weights(plan_of(vae))
    fault = VAES[vae].nan
    return with_nan(made, fault) if fault else made


def write_vae(path: Path, vae: str = "own", layout: str = "ldm", dtype: str = "float16") -> None:
    """One of ``VAES`` alone as a safetensors file, in layout ``ldm`` or ``diffusers``.

    Raises ``KeyError`` for a name that is not there and ``OSError``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = safetensors(renamed(tensors_of(vae), layout), dtype, metadata_of(plan_of(vae)))
    path.write_bytes(data)
