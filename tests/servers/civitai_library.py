"""The demo's library put up on the Civitai server, its authors' claims and links with it."""

from __future__ import annotations

from pathlib import Path

from vaereg.registry.samples.library import SAMPLES, Sample

from .civitai import Civitai, File, Model, Version

_BASE_MODELS = {"sd1": "SD 1.5", "sdxl": "SDXL 1.0", "flux1": "Flux.1 D"}
_WRONG_CLAIMS = {"vae/mirror/sdxl_vae.safetensors": "SDXL 1.0"}
"""What the author says of a VAE that decodes another space."""
_LINKS = {"checkpoints/harbour_xl.safetensors": "vae/sdxl_vae.safetensors"}
"""Checkpoints whose authors link a VAE."""
_FLOATS = {"float16": "fp16", "float32": "fp32"}


def put_up(civitai: Civitai, folder: Path) -> dict[str, Model]:
    """Put up all that ``samples.library.build`` wrote below a folder; models by their paths."""
    models: dict[str, Model] = {}
    vaes_first = sorted(SAMPLES, key=lambda sample: sample.unet is not None)
    for rank, sample in enumerate(vaes_first):
        linked = models.get(_LINKS.get(sample.path, ""))
        models[sample.path] = civitai.add(
            " ".join(Path(sample.path).with_suffix("").parts[1:]).replace("_", " "),
            Version(
                "v1",
                _WRONG_CLAIMS.get(sample.path, _BASE_MODELS[sample.family]),
                (_file(sample, folder),),
                vae=linked.versions[0].id if linked else None,
                downloads=1000 - 100 * rank,
            ),
            type="Checkpoint" if sample.unet else "VAE",
        )
    return models


def _file(sample: Sample, folder: Path) -> File:
    path = folder / sample.path
    return File(path.name, path, fp=_FLOATS[sample.dtype], size="full")
