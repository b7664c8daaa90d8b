"""What vaereg knows of a frontend's installation, and what each frontend's module fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..values import Notice

ROLES = ("checkpoint", "diffusion_model", "vae", "tiny_vae", "text_encoder")
"""What a folder of a frontend holds."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that a frontend looks into."""

    role: str
    """One of ``ROLES``."""
    path: str
    """Absolute; it need not exist."""
    source: str
    """Why the frontend looks there: ``models/VAE``, ``--vae-dir``, a yaml file's name ..."""


@dataclass(frozen=True, slots=True)
class Installation:
    """One frontend on this machine, as its files describe it."""

    frontend: str
    """``Frontend.name``."""
    root: str
    """Absolute path of its folder."""
    version: str | None
    """As its files tell; None where they do not: then no rule that hangs on it is guessed."""
    folders: tuple[ModelFolder, ...]
    """In the order in which the frontend lists them."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Its settings file, as parsed."""
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Launch flags found in its start scripts: ``--vae-path`` -> its values, () for a switch."""
    notices: tuple[Notice, ...] = ()
    """What could not be read, versions that are not known, traps."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model file as a frontend lists it."""

    role: str
    name: str
    """What the frontend calls it in its lists, settings and API."""
    path: str
    hidden: str | None = None
    """Why the frontend does not show it although it lies in its folders; None where it does."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that a frontend lists, hidden files too."""

    models: tuple[Listed, ...]
    notices: tuple[Notice, ...] = ()
    """Shadowed names, bogus entries, unreadable folders."""

    def of(self, *roles: str) -> tuple[Listed, ...]:
        """The visible models of those roles, in the frontend's order."""
        return tuple(one for one in self.models if one.role in roles and one.hidden is None)


BAKED, FILE, AUTOMATIC, ASKED, NONE = "baked", "file", "automatic", "asked", "none"


@dataclass(frozen=True, slots=True)
class Effective:
    """The VAE that a frontend would really decode a checkpoint's latents with."""

    kind: str
    """``baked`` (the checkpoint's own) | ``file`` (``vae``) | ``automatic`` (the frontend picks one
    of its own, such as its default download) | ``asked`` (whatever the user or workflow says each
    time) | ``none`` (it has none and stops)."""
    vae: str | None
    """Absolute path for ``file``."""
    how: str
    """The rule that led there, as a sentence that names the setting, flag or file."""
    notices: tuple[Notice, ...] = ()
    """Traps met on the way: prefix pairing, a dead setting, an unknown name."""
    scaling_factor: float | None = None
    """What this frontend would undo for this pair where it is not the checkpoint's own."""


class Frontend(Protocol):
    """One kind of frontend; its module has one object that fulfils this, listed in ``catalog``.

    Everything here reads files only, and never follows what they say outside of reading model
    folders: no code of the frontend is run, no pickle is opened.
    """

    name: str
    """``a1111`` | ``forge`` | ``neo`` | ``reforge`` | ``comfyui`` | ``comfy-desktop`` |
    ``sdnext`` | ``invokeai`` | ``fooocus`` | ``swarmui`` | ``stabilitymatrix``."""
    title: str
    """For people: ``AUTOMATIC1111``."""

    def recognises(self, root: str) -> bool:
        """Whether the folder is an installation of it, by its markers; reads next to nothing."""
        ...

    def read(self, root: str) -> Installation:
        """Settings, flags, version and folders. A file that cannot be read is a notice."""
        ...

    def listing(self, installation: Installation) -> Listing:
        """The models as the frontend lists them: its order, names, ignored and shadowed files."""
        ...

    def effective(
        self, installation: Installation, listing: Listing, checkpoint: Listed, has_baked: bool
    ) -> Effective:
        """Which VAE it would use for a checkpoint; ``has_baked``: a VAE lies in the checkpoint."""
        ...


def flag(installation: Installation, *names: str) -> str | None:
    """The last value of the first of these flags that is given with one."""
    for name in names:
        values = installation.flags.get(name)
        if values:
            return values[-1]
    return None


def visible(models: Sequence[Listed], name: str) -> Listed | None:
    """The model that a frontend shows under exactly that name."""
    return next((one for one in models if one.hidden is None and one.name == name), None)
