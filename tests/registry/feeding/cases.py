"""A small registry beside a frontend's tree, fed and asked again as a user would."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.builders import Shapes, write_safetensors
from tests.registry.components import artifact, denoiser, settled, vae
from tests.registry.frontends.trees import VAE
from vaereg.registry.changes.engine import carry_out, preview
from vaereg.registry.changes.reports import Report
from vaereg.registry.changes.undoing import undo
from vaereg.registry.feeding.base import Feed, Order
from vaereg.registry.feeding.catalog import feeder
from vaereg.registry.feeding.choosing import ROLES, choices, fitting, has_baked
from vaereg.registry.formats.local import stamp_of
from vaereg.registry.frontends.base import Effective
from vaereg.registry.frontends.catalog import frontend
from vaereg.registry.frontends.discovery import named
from vaereg.registry.frontends.recorded import Recorded
from vaereg.registry.judging.matrix import Matrix
from vaereg.registry.values import Component, Location, Model
from vaereg.registry.walk import folder_stamp

BIG: Shapes = {**VAE, "decoder.mid.block_1.conv1.weight": (1200, 1200, 3, 3)}
"""Some 26 MB, sparse on the disk: SD.Next doubts smaller ones."""


@dataclass
class World:
    """A registry, a frontend's tree and vaereg's home below one folder."""

    folder: Path
    models: list[Model] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def library(self) -> Path:
        return self.folder / "library"

    def vae(self, name: str, family: str = "sd1", layout: str = "ldm", prefix: str = "") -> Model:
        """A VAE file of the library, known by its hash."""
        path = write_safetensors(self.library / name, BIG, metadata={"is": name})
        part = replace(vae(settled(family, "known-hash", 0.99), prefix=prefix), layout=layout)
        return self._keep(path, "vae", part)

    def folder_vae(self, name: str, family: str = "sd1") -> Model:
        """A VAE as a diffusers folder of the library."""
        path = self.library / name
        write_safetensors(path / "diffusion_pytorch_model.safetensors", BIG)
        (path / "config.json").write_text("{}")
        return self._keep(path, "vae", replace(vae(settled(family)), layout="diffusers"))

    def checkpoint(self, path: Path, family: str = "sd1", baked: str | None = "sd1") -> Model:
        """A file of a frontend's tree as a recorded checkpoint."""
        parts = [denoiser(settled(family))]
        parts += [vae(settled(baked, "known-hash", 0.99))] if baked else []
        return self._keep(path, "checkpoint", *parts)

    def _keep(self, path: Path, kind: str, *parts: Component) -> Model:
        sha256 = f"{len(self.models) + 1:04x}"
        stamp = folder_stamp(str(path)) if path.is_dir() else stamp_of(path.stat())
        made = artifact(sha256, kind, *parts)
        name = path.name if path.is_dir() else path.stem
        model = Model(len(self.models), name, made, (Location(str(path), stamp),))
        self.models.append(model)
        return model

    def order(self, root: Path, name: str = "", vaes=(), only=(), **more: object) -> Order:
        """What ``vaereg apply`` would make of it."""
        recorded, matrix = Recorded(self.models), Matrix(self.models, ())
        installation = named(f"{name}={root}" if name else str(root))
        rules = frontend(installation.frontend)
        listing = rules.listing(installation)
        chosen = choices(listing.of(*ROLES), recorded, matrix, vaes, only)
        whole = not chosen.left and not only
        order = Order(
            rules,
            installation,
            listing,
            recorded,
            matrix,
            chosen.choices,
            tuple(vaes),
            whole,
            str(self.home),
        )
        return replace(order, **more)  # type: ignore[arg-type]

    def applied(self, root: Path, **more: object) -> Feed:
        """The plan of ``apply``; nothing is written."""
        order = self.order(root, **more)  # type: ignore[arg-type]
        act = feeder(order.installation.frontend).apply
        assert act is not None
        return act(order)

    def linked(self, root: Path, **more: object) -> Feed:
        """The plan of ``link``."""
        order = self.order(root, **more)  # type: ignore[arg-type]
        act = feeder(order.installation.frontend).link
        assert act is not None
        return act(replace(order, vaes=order.vaes or fitting(order.choices, order.matrix)))

    def carry_out(self, feed: Feed) -> Report:
        """Make the changes; every one must succeed."""
        report = carry_out(feed.plan, str(self.home / "changes"))
        assert report.complete, [(one.outcome, one.path, one.why) for one in report.steps]
        return report

    def undo(self) -> Report:
        """Take the latest run back."""
        return undo(str(self.home / "changes"))

    def effective(self, root: Path, checkpoint: Model) -> Effective:
        """What the frontend would really decode with, its tree read anew."""
        order = self.order(root)
        one = next(
            one for one in order.listing.of(*ROLES) if order.recorded.holds(one.path, checkpoint)
        )
        return order.frontend.effective(
            order.installation, order.listing, one, has_baked(checkpoint)
        )

    def decodes_with(self, root: Path, checkpoint: Model) -> str:
        """The recorded VAE's name, ``baked`` or another kind."""
        found = self.effective(root, checkpoint)
        if found.vae is None:
            return found.kind
        model = Recorded(self.models).at(found.vae)
        return model.name if model else "unrecorded"


def states(feed: Feed) -> list[str]:
    """What each change would come to now."""
    return [step.outcome for step in preview(feed.plan)]


def picture_of(root: Path) -> dict[str, object]:
    """Everything below a folder: names, kinds, modes, contents, and times of files."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        name = os.fsdecode(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif stat.S_ISDIR(status.st_mode):
            found[name] = ("folder", status.st_mode)
        else:
            content = path.read_bytes() if status.st_size < 1 << 20 else status.st_size
            found[name] = (status.st_mode, status.st_mtime_ns, status.st_size, content)
    return found
