"""The rules by which SD.Next chooses a checkpoint's VAE.

Source: vladmandic/sdnext, modules/sd_vae.py (``resolve_vae``, ``find_vae_near_checkpoint``,
``apply_vae_config``, ``load_vae_diffusers``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..naming import shown
from ..values import Notice
from .base import AUTOMATIC, BAKED, FILE, NONE, Effective, Installation, Listed, Listing, flag
from .folders import located
from .settings import read_object, text_of
from .webui import by_name, stem

NEAR = (".vae.pt", ".vae.ckpt", ".vae.safetensors")
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")
"""Of a VAE's folder (huggingface/diffusers src/diffusers/utils/constants.py)."""
SMALL = 25_000_000
"""Bytes: below it a single file is refused as invalid where the pipeline has no VAE class that is
known; versions up to 2025 took files below 10,000,000 for tiny VAEs (``load_vae_diffusers``)."""


def chosen(
    installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
) -> Effective:
    """The VAE that would really decode; traps on the way as notices."""
    case = _Case(installation, by_name(listing.of("vae")), checkpoint, has_baked)
    return case.decided()


def is_vae_folder(path: str) -> bool:
    """Whether a folder is a VAE that can be loaded: with a config and weights beside it."""
    names = ("config.json", *WEIGHTS)
    config, *weights = (os.path.isfile(os.path.join(path, name)) for name in names)
    return config and any(weights)


@dataclass(slots=True)
class _Case:
    """One checkpoint in one installation."""

    installation: Installation
    vaes: Mapping[str, str]
    checkpoint: Listed
    has_baked: bool
    notices: list[Notice] = field(default_factory=list)

    @property
    def setting(self) -> str:
        return text_of(self.installation.options, "sd_vae", "Automatic")

    def decided(self) -> Effective:
        """``resolve_vae``, rule by rule."""
        setting = self.setting
        if setting == "TAESD":
            how = "sd_vae is TAESD: the tiny VAE of the checkpoint's kind decodes"
            return Effective(AUTOMATIC, None, how)
        forced = flag(self.installation, "--vae")
        if forced is not None:
            path = located(forced, self.installation.root)
            how = f"--vae or SD_VAE {shown(path)} comes before every setting"
            self._tell("forced-vae", f"{how}: every checkpoint gets this VAE, whatever is chosen.")
            return self._loaded(path, how)
        if setting == "Default":
            return self._baked("sd_vae is Default")
        beside = os.path.splitext(self.checkpoint.path)[0]
        for path in (beside + ending for ending in NEAR):
            if os.path.isfile(path):
                return self._near(path)
        return self._automatic() if setting == "Automatic" else self._named(setting)

    def _near(self, path: str) -> Effective:
        how = f"{shown(os.path.basename(path))} lies beside the checkpoint"
        if self.setting != "Automatic":
            what = f"sd_vae is {shown(self.setting)}, but {how}, and that comes first."
            self._tell("setting-ignored", what)
        return self._loaded(path, how)

    def _automatic(self) -> Effective:
        name = stem(self.checkpoint.path)
        if name in self.vaes:
            return self._loaded(self.vaes[name], f"a VAE folder is called {shown(name)}")
        if (file := f"{name}.safetensors") in self.vaes:
            what = (
                f"{shown(file)} has the checkpoint's name, but Automatic looks names up without "
                "their ending and never finds a file: call it .vae.safetensors beside the "
                "checkpoint, or choose it by name."
            )
            self._tell("automatic-misses-files", what)
        return self._baked("sd_vae is Automatic and no VAE folder has the checkpoint's name")

    def _named(self, setting: str) -> Effective:
        for name in (setting, f"{setting}.safetensors"):
            if name in self.vaes:
                return self._loaded(self.vaes[name], f"sd_vae is {shown(setting)}")
        if setting != "None":
            self._tell("unknown-vae", f"No VAE is listed as {shown(setting)}.")
        return self._baked(f"sd_vae is {shown(setting)}, which is not listed")

    def _loaded(self, path: str, how: str) -> Effective:
        """A load that fails is logged, and the checkpoint's own VAE stays."""
        if not os.path.exists(path):
            self._tell("missing-vae", f"{shown(path)} is not there.")
            return self._baked(f"{how}, but it is not there")
        if os.path.isdir(path) and not is_vae_folder(path):
            self._tell("bogus-entry", f"{shown(path)} is no VAE: loading it fails.")
            return self._baked(f"{how}, but that folder is no VAE")
        if os.path.isfile(path) and os.path.getsize(path) < SMALL:
            what = (
                f"{shown(os.path.basename(path))} has less than {SMALL // 10**6} MB: depending on "
                "its version SD.Next takes it for a tiny VAE or refuses it."
            )
            self._tell("small-vae", what)
        factor = next(self._factors(path), None)
        return Effective(FILE, path, how, tuple(self.notices), factor)

    def _factors(self, vae: str) -> Iterator[float]:
        """Scaling factors of the user's configs, which overwrite the VAE's own.

        ``configs/<type>/vae/config.json``, the last that is looked at, says what the checkpoint's
        own does.
        """
        for name in (f"{stem(self.checkpoint.path)}_vae.json", f"{stem(vae)}.json"):
            path = os.path.join(self.installation.root, "configs", name)
            if os.path.isfile(path):
                value = read_object(path, self.notices).get("scaling_factor")
                if isinstance(value, int | float):
                    self._tell("config", f"configs/{shown(name)} sets the scaling factor {value}.")
                    yield float(value)
                return

    def _baked(self, how: str) -> Effective:
        if self.has_baked:
            return Effective(BAKED, None, how, tuple(self.notices))
        what = f"{how}, and the checkpoint holds no VAE"
        return Effective(NONE, None, what, tuple(self.notices))

    def _tell(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))
