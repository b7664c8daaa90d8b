"""The VAEs that a frontend shows: under the name that it has for them, or over a link to be made.

Base names are the keys of most frontends' lists, so a link's name is like no other's there, in
whatever case, and begins with no checkpoint's: AUTOMATIC1111 takes the first VAE whose name does
(AUTOMATIC1111/stable-diffusion-webui modules/sd_vae.py, ``find_vae_near_checkpoint``).
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..changes.base import Link
from ..changes.linking import fitted, folded, free_name, shows, wishes
from ..errors import UsageError, VaeregError
from ..frontends.recorded import Recorded, sayable
from ..frontends.support import SUPPORT
from ..naming import shown
from ..values import Model
from .base import Order, Refused

LINKS, COPIES = ("hard", "symlink"), ("hard", "symlink", "copy")


@dataclass(frozen=True, slots=True)
class Accepts:
    """Which VAEs a frontend loads from its VAE folder."""

    support: str
    """Key of ``frontends.support.SUPPORT``."""
    folders: bool = False
    """Whether diffusers folders may be shown there, where it takes them at all."""
    prefixed: bool = False
    """Whether it finds a VAE below a prefix, as whole checkpoints have it."""
    globbed: bool = False
    """Whether it finds nothing in a folder whose path holds brackets."""

    def trouble(self, vae: Model, path: str) -> str | None:
        """Why it would not load this file, as the end of a sentence; None where it would."""
        row, part = SUPPORT[self.support], vae.artifact.identity.component("vae")
        if part is None:
            return "holds no VAE"
        if os.path.isdir(path):
            taken = self.folders and row.folders
            return None if taken else f"is a diffusers folder; {_convert(vae)}"
        ending = os.path.splitext(path)[1]
        if (ending if row.exact else ending.lower()) not in row.endings:
            return f"ends in {shown(ending)}, which {row.title} does not list; {_convert(vae)}"
        if part.prefix and not self.prefixed:
            return f"keeps its VAE below {shown(part.prefix)}; {_convert(vae)}"
        if part.layout not in row.layouts:
            return f"has the tensor names of {part.layout}; {_convert(vae)}"
        return None


@dataclass(frozen=True, slots=True)
class Shown:
    """A VAE in a frontend's list."""

    name: str
    path: str
    """Where the frontend finds it, or will."""
    is_new: bool = False


class Shelf:
    """One folder of a frontend, and what it is to show besides."""

    def __init__(self, order: Order, accepts: Accepts, folder: str | None = None) -> None:
        """``folder`` is where links go: by default the frontend's first folder for VAEs."""
        self._order = order
        self._accepts = accepts
        self.folder = folder if folder is not None else vae_folder(order, accepts)
        self.links: list[Link] = []
        self.refused: list[Refused] = []
        self.kept: list[str] = []
        self._put: dict[str, Shown | None] = {}

    def put(self, vae: Model) -> Shown | None:
        """The VAE as the frontend shows it then; None where it cannot be shown, which is told."""
        sha256 = vae.artifact.digests.sha256
        if sha256 not in self._put:
            self._put[sha256] = self._listed(vae) or self._linked(vae)
        return self._put[sha256]

    def _listed(self, vae: Model) -> Shown | None:
        for one in self._order.listing.of("vae"):
            if not self._order.recorded.holds(one.path, vae):
                continue
            # A name that no settings file can hold gets a link under one that can.
            if self._accepts.trouble(vae, one.path) is None and sayable((one.name, one.path)):
                self.kept.append(f"{shown(vae.name)} is shown as {shown(one.name)} already.")
                return Shown(one.name, one.path)
        return None

    def _linked(self, vae: Model) -> Shown | None:
        source = self._source(vae)
        if source is None or self.folder is None:
            return None
        try:
            name = self._name(vae, source, self.folder)
        except VaeregError as failure:
            self.refused.append(Refused(source, failure.message, "link"))
            return None
        target = os.path.join(self.folder, name)
        kinds = COPIES if self._order.copy else LINKS
        if os.path.isdir(source):
            kinds = ("symlink", "junction", *kinds[2:])
        self.links.append(Link(source, target, kinds, f"shows {shown(vae.name)} here"))
        return Shown(name, target, is_new=True)

    def _source(self, vae: Model) -> str | None:
        """A place of the VAE that the frontend could load it from."""
        if self.folder is None:
            why = f"{self._order.frontend.title} has no folder for VAEs that it would look into"
            self.refused.append(Refused(vae.path or vae.name, why, "link"))
            return None
        found = loadable(vae, self._order.recorded, self._accepts)
        if isinstance(found, Refused):
            self.refused.append(found)
            return None
        return found[0]

    def _name(self, vae: Model, source: str, folder: str) -> str:
        sha256 = vae.artifact.digests.sha256
        part = vae.artifact.identity.component("vae")
        family = part.latent.family if part and part.latent else None
        names = self._allowed(wishes(os.path.basename(source), family, sha256), sha256)
        copied = self._copied(source, folder, names)
        if copied is not None:
            return copied
        taken = (*self._taken(), *(os.path.basename(link.target) for link in self.links))
        return free_name(folder, names, taken, source)

    def _allowed(self, names: Sequence[str], sha256: str) -> list[str]:
        """Those of the wishes that begin with no checkpoint's name, or ones that cannot."""
        stems = tuple(
            folded(os.path.splitext(os.path.basename(one.path))[0])
            for one in self._order.listing.models
            if one.role == "checkpoint"
        )
        fuller = (*names, *(f"{start}__{names[0]}" for start in ("vae", sha256[:8], sha256)))
        found = [name for name in fuller if not folded(fitted(name)).startswith(stems or ("\0",))]
        if not found:
            what = f"every name for {shown(names[0])} would begin with that of a checkpoint here"
            raise UsageError(what, "rename the checkpoint")
        return found

    def _taken(self) -> Iterable[str]:
        """Names that the frontend's list has for other files, wherever they lie."""
        for one in self._order.listing.models:
            if one.role in ("vae", "text_encoder"):
                yield os.path.basename(one.path)

    def _copied(self, source: str, folder: str, names: Sequence[str]) -> str | None:
        """The name of a copy that an earlier run made."""
        if not self._order.copy:
            return None
        for name in map(fitted, names):
            if shows(Link(source, os.path.join(folder, name), COPIES)):
                return name
        return None


def loadable(vae: Model, recorded: Recorded, accepts: Accepts) -> tuple[str, ...] | Refused:
    """The places of a VAE that a frontend could load it from; why there is none."""
    places = recorded.places(vae)
    if not places:
        path = vae.path or vae.name
        return Refused(path, f"{shown(path)} is not there as it was recorded; vaereg scan", "link")
    troubles = {place: accepts.trouble(vae, place) for place in places}
    sound = tuple(place for place, why in troubles.items() if why is None)
    if sound:
        return sound
    place, why = next(iter(troubles.items()))
    return Refused(place, f"{shown(place)} {why}", "link")


def vae_folder(order: Order, accepts: Accepts) -> str | None:
    """The first folder for VAEs in which the frontend finds files; one that is there if any is."""
    paths = [
        one.path
        for one in order.installation.folders
        if one.role == "vae"
        and sayable((one.path,))
        and not (accepts.globbed and glob.has_magic(one.path))
    ]
    return next((path for path in paths if os.path.isdir(path)), next(iter(paths), None))


def _convert(vae: Model) -> str:
    return f"vaereg convert {shown(vae.name)} --layout ldm makes a file that it loads"
