"""The rules by which AUTOMATIC1111's web UI and reForge choose a checkpoint's VAE.

Source: AUTOMATIC1111/stable-diffusion-webui 1.10.1, modules/sd_vae.py (``resolve_vae`` and what it
calls); its CHANGELOG.md for 1.6.0, which brought per-checkpoint metadata and
``sd_vae_overrides_per_model_preferences``; reForge keeps them in
Panchovix/stable-diffusion-webui-reForge, modules/sd_vae.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..naming import shown
from ..values import Notice
from .base import AUTOMATIC, BAKED, FILE, NONE, Effective, Installation, Listed, Listing, flag
from .folders import located
from .settings import text_of
from .webui import by_name, stem, user_metadata

AUTOMATICALLY = ("Automatic", "auto")
"""``is_automatic``; the second for old settings."""
OVERRIDES = "sd_vae_overrides_per_model_preferences"
METADATA_SINCE = (1, 6)
_NEAR = (".vae.pt", ".vae.ckpt", ".vae.safetensors")


def chosen(
    installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
) -> Effective:
    """The VAE that would really decode; traps on the way as notices."""
    case = _Case(installation, by_name(listing.of("vae")), checkpoint, has_baked)
    return case.decided()


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

    @property
    def automatic(self) -> bool:
        return self.setting in AUTOMATICALLY

    def decided(self) -> Effective:
        forced = flag(self.installation, "--vae-path")
        if forced is not None:
            found = self._forced(located(forced, self.installation.root))
        else:
            found = self._by_version()
        found = replace(found, notices=(*found.notices, *self.notices))
        if self.installation.options.get("sd_vae_decode_method") == "TAESD":
            how = "sd_vae_decode_method is TAESD: the tiny VAE of the checkpoint's kind decodes"
            return replace(found, kind=AUTOMATIC, vae=None, how=how)
        return found

    def _forced(self, path: str) -> Effective:
        if not self.automatic:
            self._tell("setting-ignored", f"sd_vae is {shown(self.setting)}, but --vae-path rules.")
        if not os.path.isfile(path):
            self._tell("missing-vae", f"--vae-path names {shown(path)}, which is no file.")
            return Effective(NONE, None, "--vae-path names a file that is not there: loading fails")
        how = f"--vae-path {shown(path)} disables every VAE setting"
        self._tell("forced-vae", f"{how}: every checkpoint gets this VAE, whatever is chosen.")
        return Effective(FILE, path, how)

    def _by_version(self) -> Effective:
        if self.installation.frontend != "a1111":
            return self._current()
        version = release(self.installation.version)
        if version is not None and version < METADATA_SINCE:
            return self._before_metadata()
        found = self._current()
        if version is None:
            quiet = _Case(self.installation, self.vaes, self.checkpoint, self.has_baked)
            older = quiet._before_metadata()
            if (older.kind, older.vae) != (found.kind, found.vae):
                other = shown(older.vae) if older.vae else "the checkpoint's own VAE"
                what = f"The version is not known: before 1.6.0 it would use {other} ({older.how})."
                self._tell("version-dependent", what)
        return found

    def _current(self) -> Effective:
        """``resolve_vae`` since 1.6.0."""
        overrides = self.installation.options.get(OVERRIDES, True)
        if overrides and not self.automatic:
            self._tell_ignored()
            return self._from_setting()
        return self._from_metadata() or self._from_names() or self._from_setting()

    def _before_metadata(self) -> Effective:
        """``resolve_vae`` before 1.6.0: a VAE of the checkpoint's name, then the setting."""
        as_default = self.installation.options.get("sd_vae_as_default", True)
        if as_default or self.automatic:
            beside = os.path.splitext(self.checkpoint.path)[0]
            exact = next((beside + end for end in _NEAR if os.path.isfile(beside + end)), None)
            if exact is not None:
                return Effective(FILE, exact, f"{shown(os.path.basename(exact))} lies beside it")
            if (near := self._near()) is not None:
                return self._paired(near)
        return self._from_setting()

    def _from_setting(self) -> Effective:
        name = self.setting
        if name == "None":
            return self._baked("sd_vae is None")
        if name in self.vaes:
            return Effective(FILE, self.vaes[name], f"sd_vae is {shown(name)}")
        if self.automatic:
            return self._baked("sd_vae is Automatic and no VAE begins with the checkpoint's name")
        self._tell("unknown-vae", f"No VAE is listed as {shown(name)}.{self._meant(name)}")
        return self._baked(f"sd_vae is {shown(name)}, which is not listed")

    def _from_metadata(self) -> Effective | None:
        name = user_metadata(self.checkpoint.path, self.notices).get("vae")
        if name is None or name == "Automatic":
            return None
        if name == "None":
            return self._baked("its user metadata says None")
        if isinstance(name, str) and name in self.vaes:
            return Effective(FILE, self.vaes[name], f"its user metadata names {shown(name)}")
        what = f"The user metadata of {shown(self.checkpoint.name)} names {shown(str(name))}, "
        self._tell("unknown-vae", f"{what}which is not listed.{self._meant(str(name))}")
        return None

    def _from_names(self) -> Effective | None:
        near = self._near()
        return self._paired(near) if near is not None else None

    def _near(self) -> str | None:
        """``find_vae_near_checkpoint``: the first VAE, anywhere, that begins with the stem."""
        beginning = os.path.basename(self.checkpoint.path).rpartition(".")[0]
        return next((path for name, path in self.vaes.items() if name.startswith(beginning)), None)

    def _paired(self, path: str) -> Effective:
        name, own = os.path.basename(path), stem(self.checkpoint.path)
        if re.sub(r"\.vae$", "", stem(path)) != own:
            what = (
                f"{shown(name)} is used for {shown(self.checkpoint.name)} only because its name "
                f"begins with {shown(own)}."
            )
            self._tell("prefix-pairing", what)
        return Effective(FILE, path, f"the first listed VAE whose name begins with {shown(own)}")

    def _baked(self, how: str) -> Effective:
        if self.has_baked:
            return Effective(BAKED, None, how)
        self._tell("no-vae", "The checkpoint holds no VAE: its pictures would be noise.")
        return Effective(NONE, None, f"{how}, and the checkpoint holds no VAE")

    def _tell_ignored(self) -> None:
        """What of the checkpoint's own the setting overrides."""
        wanted = user_metadata(self.checkpoint.path, self.notices).get("vae")
        if wanted is None and (near := self._near()) is not None:
            wanted = os.path.basename(near)
        if wanted not in (None, "Automatic", self.setting):
            what = (
                f"{shown(str(wanted))} is meant for this checkpoint, but sd_vae "
                f"{shown(self.setting)} overrides it: set sd_vae to Automatic."
            )
            self._tell("metadata-ignored", what)

    def _meant(self, name: str) -> str:
        base = re.split(r"[\\/]", name)[-1].casefold()
        near = next((one for one in self.vaes if one.casefold() == base), None)
        return f" {shown(near)} is: names count to the letter, without folders." if near else ""

    def _tell(self, code: str, message: str) -> None:
        self.notices.append(Notice(code, message))


def release(version: str | None) -> tuple[int, ...] | None:
    """Major and minor number of a version such as ``1.10.1``."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", version or "")
    return (int(found.group(1)), int(found.group(2))) if found else None
