"""What Forge's loader makes of additional modules: which of them replaces the VAE.

Source: lllyasviel/stable-diffusion-webui-forge, backend/loader.py ``replace_state_dict`` and
``split_state_dict``. Modules are taken in one after another, so the last VAE wins. A file with
``decoder.conv_in.weight`` replaces the baked VAE without any check; a whole checkpoint, whose VAE
stands below ``first_stage_model.``, only with the channels of the checkpoint's kind, and then all
its weights come along; every other file is passed over in silence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..errors import VaeregError
from ..formats.catalog import open_local, read_header
from ..naming import shown
from ..values import Notice, Tensor
from .base import BAKED, FILE, NONE, Effective, Installation, Listed, Listing
from .folders import located
from .webui import by_name

BARE, WHOLE = "decoder.conv_in.weight", "first_stage_model.decoder.conv_in.weight"
_PREFIX = "model.diffusion_model."
CHANNELS = (
    ("input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", (768, 1024, 1280, 2048), 4),
    ("double_blocks.0.img_attn.norm.key_norm.scale", (), None),
    ("final_layer.adaLN_modulation.1.bias", (), 16),
)
"""A checkpoint's tensor, the widths it may have (of SD1, SD2, the SDXL refiner, SDXL), and the
channels that a whole checkpoint must have to be accepted; None: never."""


def taken_in(
    installation: Installation,
    listing: Listing,
    checkpoint: Listed,
    has_baked: bool,
    wanted: Sequence[str],
    key: str,
    notices: list[Notice],
) -> Effective:
    """The VAE after ``wanted`` modules are taken in; ``key`` is the setting that names them."""
    modules = by_name(listing.of("vae", "text_encoder"))
    winner: str | None = None
    for text in wanted:
        path = _found(text, modules, installation, key, notices)
        if path is not None and _accepted(path, checkpoint, notices):
            winner = path
    told = tuple(notices)
    if winner is not None:
        how = f"{key} holds {shown(os.path.basename(winner))}, whose VAE replaces the baked one"
        return Effective(FILE, winner, how, told)
    how = f"{key} holds no VAE that is taken in" if wanted else f"{key} is empty"
    if has_baked:
        return Effective(BAKED, None, how, told)
    what = f"{how}, and the checkpoint has none: You do not have VAE state dict!"
    return Effective(NONE, None, what, told)


def _found(
    text: str,
    modules: Mapping[str, str],
    installation: Installation,
    key: str,
    notices: list[Notice],
) -> str | None:
    """A module by its base name, as ``modules_change`` looks it up; unknown ones are dropped."""
    name = re.split(r"[\\/]", text)[-1]
    path = located(text, installation.root)
    if name in modules:
        if name != text and path != modules[name]:
            what = f"{key} holds {shown(text)}; by its name it is {shown(modules[name])} now."
            notices.append(Notice("moved-module", what))
        return modules[name]
    if os.path.isfile(path) and name != text:
        what = f"{shown(path)} of {key} is not in the list: the next choice of modules drops it."
        notices.append(Notice("unlisted-module", what))
        return path
    what = f"{key} names {shown(text)}, which is not listed: it is dropped in silence."
    notices.append(Notice("unknown-module", what))
    return None


def _accepted(path: str, checkpoint: Listed, notices: list[Notice]) -> bool:
    name = shown(os.path.basename(path))
    tensors = _tensors(path)
    if tensors is None:
        notices.append(Notice("unreadable-module", f"{name} cannot be read: loading it fails."))
        return False
    if BARE in tensors:
        return True
    if WHOLE not in tensors:
        return False
    needed = _needed(checkpoint.path)
    if needed is None or tensors[WHOLE].shape[1:2] != (needed,):
        what = f"{name} is a whole checkpoint whose VAE does not fit: it is ignored in silence."
        notices.append(Notice("ignored-module", what))
        return False
    what = f"{name} is a whole checkpoint: with its VAE all its other weights replace yours."
    notices.append(Notice("whole-checkpoint-module", what))
    return True


def _needed(checkpoint: str) -> int | None:
    tensors = _tensors(checkpoint) or {}
    for name, widths, channels in CHANNELS:
        tensor = tensors.get(_PREFIX + name) or tensors.get(name)
        if tensor is not None:
            fits = not widths or tensor.shape[1:2] in [(width,) for width in widths]
            return channels if fits else None
    return None


def _tensors(path: str) -> Mapping[str, Tensor] | None:
    """Those of a file's tensors that the loader asks for; None where it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return _read(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: str, size: int, mtime_ns: int) -> Mapping[str, Tensor] | None:
    """By size and time too: a module is asked for with every checkpoint."""
    try:
        with open_local(path) as source:
            tensors = read_header(source).tensors
    except VaeregError:
        return None
    asked = (BARE, WHOLE, *(before + name for name, _, _ in CHANNELS for before in ("", _PREFIX)))
    return {name: tensors[name] for name in asked if name in tensors}
