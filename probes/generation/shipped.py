"""The model configs that ship, for checkpoints in one file: such a file has none of its own.

Facts from the configs published with runwayml/stable-diffusion-v1-5,
stabilityai/stable-diffusion-2-1 and stabilityai/stable-diffusion-xl-base-1.0 (unet/config.json,
text_encoder*/config.json, scheduler/scheduler_config.json). The schedulers are DDIM with trailing
steps, which begin at pure noise however few there are (arXiv 2305.08891, section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...registry.formats.catalog import read_path
from ...registry.values import Folder
from ..shapes import configs as shapes

Config = Mapping[str, object]
Configs = Mapping[str, Config]
"""By the name of the part: ``unet``, ``text_encoder``, ``text_encoder_2``, ``scheduler``."""

FOLDER = Path(__file__).parent / "configs"


@dataclass(frozen=True, slots=True)
class Shipped:
    """One row: whose configs, and the text encoders that the denoiser was trained with."""

    name: str
    """The folder in ``FOLDER``."""
    texts: Mapping[str, str]
    """The architecture of the text encoder that each part is."""


SHIPPED = {
    "unet-sd1": Shipped("sd1", {"text_encoder": "clip-l"}),
    "unet-sd2": Shipped("sd2", {"text_encoder": "open-clip-h"}),
    "unet-sdxl": Shipped("sdxl", {"text_encoder": "clip-l", "text_encoder_2": "open-clip-bigg"}),
    # The small checkpoint of coloured shapes: its tensors must fit as everybody's must.
    "unet-other": Shipped("shapes", {"text_encoder": "clip"}),
}
"""By the denoiser's architecture, as ``registry.identify`` calls it."""


@cache
def configs_of(name: str) -> Configs:
    """The configs of a row, part by part."""
    if name == "shapes":
        return {
            "unet": shapes.UNET,
            "text_encoder": shapes.TEXT_ENCODER,
            "scheduler": shapes.SCHEDULER,
        }
    return read_configs(str(FOLDER / name))


def read_configs(path: str) -> Configs:
    """The configs of a diffusers folder, part by part; raises ``NotFound`` and ``FileError``."""
    folder = read_path(path)
    assert isinstance(folder, Folder)
    return {part.name: part.config for part in folder.parts if part.config}
