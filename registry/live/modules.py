"""Forge's additional modules: which of them are VAEs and which the user's text encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import VaeregError
from .address import Address

VAE, TEXT_ENCODER, UNKNOWN = "vae", "text_encoder", "unknown"
_FOLDERS = {"vae": VAE, "text_encoder": TEXT_ENCODER}
"""Below ``models``: lllyasviel/stable-diffusion-webui-forge, modules_forge/main_entry.py,
``refresh_models``."""
_FLAGS = {
    "vae_dir": VAE,
    "vae_dirs": VAE,
    "text_encoder_dir": TEXT_ENCODER,
    "text_encoder_dirs": TEXT_ENCODER,
}
"""Of Forge in the singular, of Haoming02/sd-webui-forge-classic (neo) in the plural."""


@dataclass(frozen=True, slots=True)
class Modules:
    """The modules that are set, by what they are."""

    vaes: tuple[str, ...]
    others: tuple[str, ...]
    """Text encoders, and what cannot be told: these are never taken away."""


def sorted_out(paths: Sequence[str], flags: Mapping[str, object], address: Address) -> Modules:
    """Tell VAEs from the rest, by the files themselves where this machine can read them.

    Elsewhere by the folder that Forge finds them in, which is what it tells of them.
    """
    kinds = {path: kind_of(path, flags, address) for path in paths}
    return Modules(
        tuple(path for path in paths if kinds[path] == VAE),
        tuple(path for path in paths if kinds[path] != VAE),
    )


def kind_of(path: str, flags: Mapping[str, object], address: Address) -> str:
    """``vae`` | ``text_encoder`` (or any other model) | ``unknown``."""
    return (_kind(path) if address.local else None) or _place(path, flags)


def _kind(path: str) -> str | None:
    """What the file is by its header; None where it cannot be read here, or does not tell."""
    from ..formats.catalog import read_path
    from ..identify.identify import identify, identify_folder
    from ..values import Folder

    try:
        found = read_path(path)
        identity = identify_folder(found) if isinstance(found, Folder) else identify(found)
    except (VaeregError, OSError, ValueError):
        return None
    return {"vae": VAE, "unknown": None}.get(identity.kind, TEXT_ENCODER)


def _place(path: str, flags: Mapping[str, object]) -> str:
    """By the folder: of a flag, else the innermost one of a telling name."""
    parts = path.replace("\\", "/").split("/")[:-1]
    folder = "/".join(parts) + "/"
    for flag, kind in _FLAGS.items():
        if any(folder.startswith(root) for root in _folders(flags.get(flag))):
            return kind
    return next(
        (_FOLDERS[part.lower()] for part in reversed(parts) if part.lower() in _FOLDERS), UNKNOWN
    )


def _folders(value: object) -> list[str]:
    given = value if isinstance(value, list) else [value]
    texts = [one for one in given if isinstance(one, str) and one]
    return [one.replace("\\", "/").rstrip("/") + "/" for one in texts]
