"""Components and models as identification would make them, for tests of what comes after it."""

from __future__ import annotations

from vaereg.registry.families import family
from vaereg.registry.values import (
    Artifact,
    Component,
    Digests,
    Identity,
    Latent,
    Location,
    Model,
    Notice,
    Stamp,
)


def settled(name: str, by: str = "header", confidence: float = 0.95) -> Latent:
    """The latent space of a known family."""
    row = family(name)
    return Latent(
        *row.shape,
        row.id,
        (row.id,),
        by,
        confidence,
        row.scaling_factor,
        row.shift_factor,
        "family",
    )


def open_between(*names: str) -> Latent:
    """A latent space that names and shapes leave open."""
    return Latent(*family(names[0]).shape, None, names)


def denoiser(latent: Latent) -> Component:
    """A checkpoint's denoiser."""
    return Component(
        "denoiser",
        "unet",
        "ldm",
        "model.diffusion_model.",
        (),
        ("float16",),
        686,
        859_520_964,
        latent,
    )


def vae(
    latent: Latent,
    parts: tuple[str, ...] = ("encoder", "decoder"),
    notices: tuple[Notice, ...] = (),
    prefix: str = "",
) -> Component:
    """A VAE, alone or baked in."""
    return Component(
        "vae",
        "autoencoder-kl",
        "ldm",
        prefix,
        parts,
        ("float16",),
        248,
        83_653_863,
        latent,
        notices,
    )


def artifact(sha256: str, kind: str, *components: Component, size: int = 1000) -> Artifact:
    """One content with these components."""
    return Artifact(Digests(sha256.ljust(64, "0")), size, Identity("safetensors", kind, components))


def location(path: str, state: str = "present", inode: int = 1) -> Location:
    """A place on the disk."""
    return Location(path, Stamp(1000, 10, 10, 1, inode), state)


def model(name: str, sha256: str, kind: str, *components: Component) -> Model:
    """A registered model that lies at ``/models/NAME.safetensors``."""
    place = location(f"/models/{name}.safetensors", inode=abs(hash(sha256)) % 1000)
    return Model(1, name, artifact(sha256, kind, *components), (place,))
