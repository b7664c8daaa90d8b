"""The two sides of a pair: which model is the checkpoint, which the VAE, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UnsupportedFormat
from ..naming import shown
from ..values import Artifact, Component, Model


@dataclass(frozen=True, slots=True)
class Side:
    """One model of a pair: what it is and, where it is on the disk, its path."""

    name: str
    path: str | None
    artifact: Artifact
    ref: str | None = None
    """The REF of a model that is not on this machine: its digests are published ones."""
    declared: str | None = None
    """The base model that its author declares, verbatim."""
    declared_vaes: tuple[str, ...] = ()
    """SHA-256 of VAEs that the author of a checkpoint names for it."""

    @classmethod
    def of(cls, model: Model) -> Side:
        """The side that a registered model plays."""
        return cls(model.name, model.path, model.artifact)


def checkpoint_of(side: Side) -> Component:
    """The denoiser of a model; raises ``UnsupportedFormat`` where it has none."""
    denoiser = side.artifact.identity.component("denoiser")
    if denoiser is None:
        raise _wrong_kind(side, "a checkpoint", "--model")
    return denoiser


def vae_of(side: Side) -> Component:
    """The VAE of a model, baked in or alone; raises ``UnsupportedFormat`` where it has none."""
    vae = side.artifact.identity.component("vae")
    if vae is None:
        raise _wrong_kind(side, "a VAE", "--vae")
    return vae


def _wrong_kind(side: Side, wanted: str, option: str) -> UnsupportedFormat:
    kind = side.artifact.identity.kind.replace("_", " ")
    found = "not a model that vaereg recognises" if kind == "unknown" else f"of kind {kind}"
    says = f"is {found}, not {wanted}"
    if kind == "checkpoint":
        # By its folder's index; what that names is not all there.
        says = f"holds nothing that is {'a denoiser' if option == '--model' else wanted}"
    return UnsupportedFormat(
        f"{shown(side.path or side.name)} {says}",
        f"give {option} the file of {wanted}; vaereg inspect tells what a file is",
    )


def has(model: Model, role: str) -> bool:
    """Whether a model has a component of that role."""
    return model.artifact.identity.component(role) is not None
