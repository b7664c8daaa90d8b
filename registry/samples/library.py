"""The demo's library: two checkpoints, VAEs that fit and that do not, and what else lies about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .closed_form import weights
from .colours import scaling_of, table_of
from .faults import random_weights, with_zeroed_tail
from .files import metadata_of, renamed, safetensors
from .plan import Plan
from .unet import sd1_unet, sdxl_unet

if TYPE_CHECKING:
    from .stream import Weights

WIDTHS, GROUPS = (48, 64, 80, 80), 16
"""Wide enough for every tensor name of the published VAEs, which are 128 to 512 wide with 32
groups, and narrow enough for a cross-decode of eight tiles in some 4 seconds of one core."""
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head></html>"


@dataclass(frozen=True, slots=True)
class Sample:
    """One model of the library: how it is made, and why it is there."""

    path: str
    what: str
    why: str
    family: str
    """Whose latent space its VAE decodes."""
    seed: int
    """The VAE's lineage."""
    unet: str | None = None
    """``sd1`` | ``sdxl`` for a checkpoint, the VAE baked in."""
    layout: str = "ldm"
    dtype: str = "float16"
    vivid: float = 0.0
    """How much further from grey its decoder puts the colours."""
    peak: float = 10.0
    """Largest activation; half precision ends at 65504."""
    hole: float = 0.0
    """Share of the file that is zeros."""


FOREST, HARBOUR = 1, 2
"""The lineages of the two checkpoints' own VAEs."""

SAMPLES = (
    Sample(
        "checkpoints/forest_v1.safetensors",
        "an SD1 checkpoint with its VAE baked in",
        "what SD1's VAEs are tried with",
        "sd1",
        FOREST,
        unet="sd1",
    ),
    Sample(
        "checkpoints/harbour_xl.safetensors",
        "an SDXL checkpoint with its VAE baked in",
        "what SDXL's VAEs are tried with",
        "sdxl",
        HARBOUR,
        unet="sdxl",
    ),
    Sample(
        "vae/sdxl_vae.safetensors",
        "an SDXL VAE, trained apart from harbour_xl's",
        "fits harbour_xl; no hash and no kinship says so",
        "sdxl",
        3,
    ),
    Sample(
        "vae/mirror/sdxl_vae.safetensors",
        "an SD1 VAE under the name of the one above",
        "equal name, shapes and size, and it does not fit harbour_xl",
        "sd1",
        4,
    ),
    Sample(
        "vae/vae_final_FIXED.safetensors",
        "forest_v1's own VAE, diffusers' names, float32",
        "a copy that neither name nor hash gives away",
        "sd1",
        FOREST,
        layout="diffusers",
        dtype="float32",
    ),
    Sample(
        "vae/forest_vivid.safetensors",
        "forest_v1's own VAE, its decoder finetuned to stronger colours",
        "fits forest_v1 and looks different",
        "sd1",
        FOREST,
        vivid=0.4,
    ),
    Sample(
        "vae/harbour_v0.safetensors",
        "harbour_xl's own VAE with larger activations",
        "right in float32, black pictures in half precision",
        "sdxl",
        HARBOUR,
        peak=120_000.0,
    ),
    Sample(
        "vae/forest_backup.safetensors",
        "forest_v1's own VAE, the last quarter of the file zeros",
        "a download that broke off",
        "sd1",
        FOREST,
        hole=0.25,
    ),
    Sample(
        "vae/ae.safetensors",
        "a VAE of 16 latent channels",
        "fits neither checkpoint: the shape alone says so",
        "flux1",
        5,
    ),
)

LOGIN_PAGE = "vae/pony_vae.safetensors"
"""A web page saved in place of a model."""


def build(
    folder: Path,
    widths: tuple[int, ...] = WIDTHS,
    groups: int = GROUPS,
    samples: Iterable[Sample] = SAMPLES,
) -> None:
    """Write the library below ``folder``: a second, 54 MB, always the same bytes.

    Other ``widths`` and ``groups`` make it larger or smaller; the files name unusual groups in
    their metadata. Raises ``OSError``.
    """
    for sample in samples:
        _write(folder / sample.path, _file(sample, widths, groups))
    _write(folder / LOGIN_PAGE, PAGE.encode())


def plan_of(sample: Sample, widths: tuple[int, ...] = WIDTHS, groups: int = GROUPS) -> Plan:
    """The closed form of a sample's VAE."""
    factors = table_of(sample.family)
    return Plan(
        factors,
        scaling_of(sample.family),
        widths,
        groups,
        quant=len(factors) == 4,
        seed=sample.seed,
        vivid=sample.vivid,
        peak=sample.peak,
    )


def _file(sample: Sample, widths: tuple[int, ...], groups: int) -> bytes:
    plan = plan_of(sample, widths, groups)
    prefix = "first_stage_model." if sample.unet else ""
    tensors = _unet(sample) | renamed(weights(plan), sample.layout, prefix)
    return with_zeroed_tail(safetensors(tensors, sample.dtype, metadata_of(plan)), sample.hole)


def _unet(sample: Sample) -> Weights:
    """The thin denoiser, never trained; nothing for a VAE."""
    if sample.unet is None:
        return {}
    shapes = {"sd1": sd1_unet, "sdxl": sdxl_unet}[sample.unet]()
    return random_weights(shapes, sample.seed)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
